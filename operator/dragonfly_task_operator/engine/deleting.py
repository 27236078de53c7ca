"""Deleting tasks from every peer.

A run is rounds. The first asks every peer and clears where there is something. Then come retries of what failed in a
way that may pass, and of peers that appear; and when nothing is left to retry, sweeps over every peer until one sweep
finds nothing: peers come, go, and fetch a task again from each other while it is being deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from dragonfly_task_operator.api.specs import UnfinishedDownloads
from dragonfly_task_operator.engine.clearing import Note, clear
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import Host, HostID
from dragonfly_task_operator.engine.outcomes import Cleared, Failed, Outcome
from dragonfly_task_operator.engine.rounds import RETRIES_OF_DEPARTED, Pairs, Rounds, backoff, these
from dragonfly_task_operator.engine.tally import Mark, PeerSet, Tally, members
from dragonfly_task_operator.errors import PeerReason


@dataclass(frozen=True, slots=True)
class DeletionPolicy:
    """What the user wants done in the hard cases.

    Attributes:
        backoff_limit: rounds of retries for a peer that failed in a way that may pass. A download that is waited for is
            not a failure yet: only the run's deadline ends the waiting.
    """

    backoff_limit: int
    unfinished_downloads: UnfinishedDownloads


async def delete(rounds: Rounds, policy: DeletionPolicy) -> None:
    """Clear every peer of every task; results are in the ledger."""
    touched: set[tuple[HostID, TaskID]] = set()

    async def clear_some(host: Host, tasks: Sequence[TaskID], note: Note) -> None:
        def touch_and_note(task: TaskID, outcome: Outcome) -> None:
            if isinstance(outcome, Cleared) or (isinstance(outcome, Failed) and outcome.had_copy):
                touched.add((host.id, task))
            note(task, outcome)

        await clear(
            host,
            tasks,
            touch_and_note,
            peers=rounds.peers,
            clock=rounds.clock,
            unfinished_downloads=policy.unfinished_downloads,
        )

    await rounds.ask_everyone(clear_some)
    retries = sweeps = 0
    while True:
        due = await due_again(rounds, policy)
        if due:
            await asyncio.sleep(backoff(retries, rounds.jitter))
            retries += 1
            new = await rounds.learn_hosts()
            await rounds.hold(partial(_with_new, rounds, due, new), clear_some)
        elif touched:
            if sweeps > max(policy.backoff_limit, 1):
                _give_up(rounds, touched, sweeps)
                return
            await asyncio.sleep(backoff(sweeps - 1, rounds.jitter) if sweeps else 0)
            sweeps += 1
            touched.clear()
            await rounds.learn_hosts()
            await rounds.hold(partial(_settled, rounds), clear_some)
        else:
            again = await rounds.confirm_departed()
            if not again:
                return
            await rounds.hold(these(again), clear_some)


async def due_again(rounds: Rounds, policy: DeletionPolicy) -> Pairs:
    """The pairs that failed in a way that may pass and have retries left."""
    departed = rounds.ledger.set_of(rounds.ledger.departed)

    def due(tally: Tally) -> PeerSet:
        peers = 0
        left = tally.of(Mark.SILENT) & departed
        for index in members(tally.of(Mark.RETRYABLE) | tally.failing(PeerReason.DOWNLOADING)):
            outcome = tally.outcome(index)
            limit = policy.backoff_limit
            if left >> index & 1:
                limit = min(limit, RETRIES_OF_DEPARTED)
            if isinstance(outcome, Failed) and (
                outcome.reason is PeerReason.DOWNLOADING or (outcome.retryable and outcome.attempts <= limit)
            ):
                peers |= 1 << index
        return peers

    return await rounds.ledger.pairs(due)


async def _with_new(rounds: Rounds, due: Pairs, new: Iterable[Host]) -> Pairs:
    return {**due, **rounds.pairs_of(host.id for host in new)}


async def _settled(rounds: Rounds) -> Pairs:
    """Every pair but those that have failed for good."""
    everybody = rounds.ledger.everybody
    return await rounds.ledger.pairs(lambda tally: everybody & ~(tally.failing() & ~tally.of(Mark.WAITING)))


def _give_up(rounds: Rounds, touched: set[tuple[HostID, TaskID]], sweeps: int) -> None:
    """Say of peers that had a task in the last sweep too that they can't be cleared for good."""
    for host, task in touched:
        outcome = rounds.ledger.outcome(task, host)
        if isinstance(outcome, Cleared):
            rounds.ledger.record(
                task,
                host,
                Failed(
                    PeerReason.STILL_CACHED,
                    f"the peer had the task in the last of {sweeps} sweeps too; deletions of it so far:"
                    f" {outcome.times}; something keeps asking for it",
                    retryable=False,
                    had_copy=True,
                    at=rounds.clock.now(),
                    attempts=outcome.times,
                ),
            )
