"""Which peers have the tasks? One round, and a few more for peers that failed in a way that may pass."""

from __future__ import annotations

import asyncio

from dragonfly_task_operator.engine.ledger import Failed, Holds, Outcome
from dragonfly_task_operator.engine.model import Absent, Host, HostID, TaskID
from dragonfly_task_operator.engine.rounds import Rounds, backoff
from dragonfly_task_operator.errors import PeerError

RETRIES = 2
"""Rounds for peers that failed in a way that may pass. A search must be quick and may say that it is partial."""


async def search(rounds: Rounds) -> None:
    """Ask every peer for every task; results are in the ledger."""

    async def look(host: Host, task: TaskID) -> Outcome:
        try:
            presence = await rounds.peers.stat(host, task)
        except PeerError as error:
            return Failed.by(error, had_copy=False, at=rounds.clock.now())
        return presence if isinstance(presence, Absent) else Holds(presence)

    await rounds.ask_everyone(look)
    for round_ in range(RETRIES):
        due = retryable(rounds)
        if not due:
            return
        await asyncio.sleep(backoff(round_, rounds.jitter))
        await rounds.hold(due, look)
    again = await rounds.confirm_departed()
    if again:
        await rounds.hold(again, look)


def retryable(rounds: Rounds) -> dict[HostID, list[TaskID]]:
    """The pairs that failed in a way that may pass."""
    due: dict[HostID, list[TaskID]] = {}
    for task, host, outcome in rounds.ledger:
        if isinstance(outcome, Failed) and outcome.retryable:
            due.setdefault(host.id, []).append(task.id)
    return due
