"""What a wire tells of a peer: each request's answer in a word."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from dragonfly_task_operator.dragonfly.channels import ChannelPool, Endpoint
from dragonfly_task_operator.dragonfly.peers import STAT
from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.dragonfly.wire import Wire
from tests.wires import WIRES

SOON = 5.0
AT_ONCE = 0.3
"""Seconds for a request; the second where they have to run out."""


@dataclass
class Asked:
    """What was told of each request, in order."""

    answers: dict[str, bytes | RpcError] = field(default_factory=dict)
    seconds: dict[str, float | None] = field(default_factory=dict)
    goes_on: bool = True

    def __call__(self, task: str, answer: bytes | RpcError, seconds: float | None) -> bool:
        assert task not in self.answers, "told twice"
        self.answers[task], self.seconds[task] = answer, seconds
        return self.goes_on

    @property
    def words(self) -> list[str]:
        """The code of each, and OK of messages, in order of the tasks."""
        return [
            answer.code.name if isinstance(answer, RpcError) else "OK" for _, answer in sorted(self.answers.items())
        ]

    @property
    def details(self) -> str:
        """The words of the first that failed."""
        return next(answer.details for answer in self.answers.values() if isinstance(answer, RpcError))


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something, but not for ever."""
    give_up = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < give_up, f"waited in vain for {what}"
        await asyncio.sleep(0.002)


async def at_once() -> None:
    """Be ready: there is no pace."""


@dataclass
class Asking:
    """A pool and a wire on it."""

    pool: ChannelPool
    wire: Wire

    async def ask(
        self, ip: str, port: int, number: int = 1, *, timeout: float = SOON, first: int = 0, goes_on: bool = True
    ) -> Asked:
        """Ask a peer about as many tasks; or about those from `first` on."""
        asked = Asked(goes_on=goes_on)
        endpoint = Endpoint(ip, port, None, ip)
        requests: Sequence[tuple[str, bytes]] = [
            (f"{each:04}", b"\x0a\x04%04d" % each) for each in range(first, first + number)
        ]
        await self.wire.ask(endpoint, STAT, requests, timeout=timeout, ready=at_once, answered=asked)
        return asked


@asynccontextmanager
async def asking(transport: str = "lean", *, may_send: Callable[[], bool] = lambda: True) -> AsyncIterator[Asking]:
    """Make a wire, and close all that it opened."""
    pool = ChannelPool(may_send=may_send)
    try:
        yield Asking(pool, WIRES[transport](pool))
    finally:
        await pool.aclose()
