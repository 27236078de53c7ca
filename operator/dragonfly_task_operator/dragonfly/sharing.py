"""One request on behalf of all who ask at a time.

A thousand runs that begin together would each list ten thousand hosts. An answer may be shared, but never one to a
question that was put before somebody asked: what happened in between would be missing from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Calls `ask` once for all who wait: who comes while a call is under way gets the answer of the next one.

    What a call raises, all who wait for it get. Who stops waiting stops nobody else's call.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._current: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def answer(self) -> T:
        """Give an answer to a question put after this was called."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._follow(self._current))
            self._next.add_done_callback(_heed)
        return await asyncio.shield(self._next)

    async def _follow(self, before: asyncio.Task[T] | None) -> T:
        if before is not None:
            await asyncio.wait({before})
        self._current, self._next = self._next, None
        return await self._ask()

    async def aclose(self) -> None:
        """Cancel what is under way."""
        tasks = [task for task in (self._current, self._next) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _heed(task: asyncio.Task[T]) -> None:
    """Take an error that nobody waits for any more: asyncio would log it as forgotten."""
    if not task.cancelled():
        task.exception()
