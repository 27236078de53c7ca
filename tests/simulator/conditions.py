"""What every endpoint of one world shares: how fast it answers, how much it takes, and work that outlives a call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.simulator.tls import ServerFiles

DFDAEMON_REQUESTS_PER_SECOND = 400  # docs/dragonfly-behaviour.md: more is answered RESOURCE_EXHAUSTED


class Background:
    """Timers and tasks that end with the world."""

    def __init__(self) -> None:
        self._timers: set[asyncio.TimerHandle] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        """Do `work` after so many seconds: at once, before this returns, when they are 0."""
        if seconds <= 0:
            work()
            return

        def due() -> None:
            self._timers.discard(timer)
            work()

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(timer)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside whoever asked for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel what is under way and wait for its end."""
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@dataclass(slots=True, kw_only=True)
class Conditions:
    """May be changed while the world runs. `latency` is in seconds, before every answer of a peer or scheduler.

    `requests_per_second` is what one peer takes (None: any number). With `tls`, every server has these files
    and asks for client certificates; they are read whenever it starts to listen.
    """

    latency: float = 0.0
    requests_per_second: int | None = DFDAEMON_REQUESTS_PER_SECOND
    tls: ServerFiles | None = None
    background: Background = field(default_factory=Background)
