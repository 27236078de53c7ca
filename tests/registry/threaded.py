"""Servers in a thread with a loop of its own, for tests that wait for kubectl and the operator in theirs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Self, TypeVar

T = TypeVar("T")
_SECONDS = 30.0
"""For a server to start, or for all of them to stop."""


class Servers:
    """Runs whatever `enter` is given until the context ends."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._running = AsyncExitStack()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._run(self._running.aclose())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_SECONDS)
            self._loop.close()

    def enter(self, server: AbstractAsyncContextManager[T]) -> T:
        """Start a server. Raises what it raises, and TimeoutError."""
        return self._run(self._running.enter_async_context(server))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=_SECONDS)
