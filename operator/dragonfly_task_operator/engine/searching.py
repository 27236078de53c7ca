"""Which peers have the tasks? One round, and a few more for peers that failed in a way that may pass."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dragonfly_task_operator.engine.clearing import Note
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import Absent, Host, Presence
from dragonfly_task_operator.engine.outcomes import Failed, Holds
from dragonfly_task_operator.engine.rounds import Pairs, Rounds, backoff, these
from dragonfly_task_operator.engine.tally import Mark
from dragonfly_task_operator.errors import PeerError

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

    async def retryable() -> Pairs:
        return await rounds.ledger.pairs(lambda tally: tally.of(Mark.RETRYABLE))

    await rounds.ask_everyone(look)
    for round_ in range(RETRIES):
        if not await retryable():
            return
        await asyncio.sleep(backoff(round_, rounds.jitter))
        await rounds.hold(retryable, look)
    again = await rounds.confirm_departed()
    if again:
        await rounds.hold(these(again), look)
