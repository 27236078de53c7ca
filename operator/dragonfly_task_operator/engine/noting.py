"""Peers, with a note of each that is asked to delete something: of what was asked, and not only of what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.ledger import Ledger
from dragonfly_task_operator.engine.model import Host
from dragonfly_task_operator.engine.ports import Clock, Peers, Tell


@dataclass(frozen=True, slots=True)
class NotedPeers:
    """`ports.Peers` whose deletions are noted in a ledger before they are asked for: one that is cut off was asked."""

    peers: Peers
    ledger: Ledger
    clock: Clock

    async def stat(self, host: Host, tasks: Sequence[TaskID], tell: Tell) -> None:
        """As the peers do."""
        await self.peers.stat(host, tasks, tell)

    async def delete(self, host: Host, task: TaskID) -> None:
        """As the peers do."""
        self.ledger.note_deletion(task, host.id, self.clock.now())
        await self.peers.delete(host, task)
