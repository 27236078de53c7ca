"""Turns: so many may be at something at once, and all others wait in line. Who watches can see both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

RUNS_AT_ONCE = 64
"""Runs that ask peers."""


class Crowd:
    """First come, first served; a turn lasts as long as the context.

    Args:
        most: at once.
        waited: told, where given, how many seconds one that has its turn was in line.

    Attributes:
        waiting: how many are in line.
        inside: how many have their turn.
    """

    __slots__ = ("_turns", "_waited", "inside", "waiting")

    def __init__(self, most: int = RUNS_AT_ONCE, *, waited: Callable[[float], None] | None = None) -> None:
        self._turns = asyncio.Semaphore(most)
        self._waited = waited
        self.waiting = self.inside = 0

    async def __aenter__(self) -> None:
        since = 0.0 if self._waited is None else asyncio.get_running_loop().time()
        self.waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self.waiting -= 1
        self.inside += 1
        if self._waited is not None:
            self._waited(asyncio.get_running_loop().time() - since)

    async def __aexit__(self, *_: object) -> None:
        self.inside -= 1
        self._turns.release()
