"""Peers asked as the engine asks them, over either transport, at HOST:PORT."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dragonfly_task_operator.dragonfly.channels import ChannelPool
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.peers import GrpcPeers
from dragonfly_task_operator.engine.model import Host, HostType, Presence
from dragonfly_task_operator.errors import PeerError
from tests.unit.clocks import SteppingClock
from tests.wires import WIRES


def host_at(target: str) -> Host:
    """The peer at HOST:PORT."""
    ip, _, port = target.rpartition(":")
    return Host(f"{target}-n", "n", ip.strip("[]"), int(port), HostType.NORMAL, 1, "default")


@dataclass
class Asking:
    """Peers, over one transport."""

    peers: GrpcPeers

    async def stat(self, target: str, tasks: Sequence[str]) -> dict[str, Presence | PeerError]:
        """Ask one peer about tasks."""
        told: dict[str, Presence | PeerError] = {}
        await self.peers.stat(host_at(target), tasks, told.__setitem__)
        return told

    async def kinds(self, target: str, tasks: Sequence[str]) -> list[str]:
        """The same in a word for each."""
        told = await self.stat(target, tasks)
        return [
            answer.reason.value if isinstance(answer, PeerError) else type(answer).__name__
            for answer in (told[task] for task in tasks)
        ]


@asynccontextmanager
async def asking(transport: str, *, timeout: float = 15, requests_per_second: int = 10_000) -> AsyncIterator[Asking]:
    """Make peers over a transport, and close all that was opened."""
    pool = ChannelPool()
    try:
        yield Asking(
            GrpcPeers(
                WIRES[transport](pool),
                memory=HostMemory(SteppingClock()),
                tls={},
                timeout=timeout,
                in_flight=64,
                requests_per_second=requests_per_second,
            )
        )
    finally:
        await pool.aclose()
