"""Which peers have the tasks? One round, and a few more for peers that failed in a way that may pass."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial

from dragonfly_task_operator.engine.clearing import Note
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import Absent, Host, Presence
from dragonfly_task_operator.engine.outcomes import Failed, Holds
from dragonfly_task_operator.engine.rounds import ListPairs, Rounds, backoff, these
from dragonfly_task_operator.engine.tally import Mark, PeerSet, Tally
from dragonfly_task_operator.errors import PeerError, PeerReason

RETRIES = 2
"""Rounds for peers that failed in a way that may pass. A search must be quick and may say that it is partial."""


async def search(rounds: Rounds) -> None:
    """Ask every peer for every task; results are in the ledger."""

    async def look(host: Host, tasks: Sequence[TaskID], note: Note) -> None:
        def tell(task: TaskID, answer: Presence | PeerError) -> None:
            match answer:
                case Absent():
                    note(task, answer)
                case PeerError():
                    note(task, Failed.by(answer, had_copy=False, at=rounds.clock.now()))
                case _:
                    note(task, Holds(answer))

        await rounds.peers.stat(host, tasks, tell)

    due = await _ask(rounds, rounds.ask_everyone(look))
    for round_ in range(RETRIES):
        if not await due():
            return
        await asyncio.sleep(backoff(round_, rounds.jitter))
        due = await _ask(rounds, rounds.hold(due, look))
    again = await rounds.confirm_departed()
    if again:
        await rounds.hold(these(again), look)


async def _ask(rounds: Rounds, round_: Awaitable[None]) -> ListPairs:
    """Hold a round. Returns what lists the pairs that are worth another.

    A peer that let the whole time limit pass has had its time: a search that waited for each of them twice more would
    take three times as long. Two are asked again all the same: one that this process may not have heard in time, being
    late itself; and one that seems to have left the cluster, which is not said of a peer that was asked once.
    """
    await round_
    ledger, was_late = rounds.ledger, rounds.was_late

    def due(tally: Tally) -> PeerSet:
        had_its_time = 0 if was_late else tally.failing(PeerReason.TIMEOUT) & ~departed
        return tally.of(Mark.RETRYABLE) & ~had_its_time

    departed = ledger.set_of(ledger.departed)
    return partial(ledger.pairs, due)
