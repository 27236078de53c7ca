"""How long one kind of work may go on in one turn of the event loop, in which hundreds of peers want something done."""

from __future__ import annotations

import asyncio
import time

TURN_SECONDS = 0.02
"""After so long, what is left to do waits for the next turn: probes, timers and the lease want theirs."""


class Turn:
    """One kind of work's share of each turn of one event loop."""

    __slots__ = ("_began",)

    def __init__(self) -> None:
        self._began: float | None = None

    def is_over(self) -> bool:
        """Tell whether this kind of work has had its share of this turn."""
        now = time.monotonic()
        if self._began is None:
            self._began = now
            asyncio.get_running_loop().call_soon(self._ends)  # runs in the next one
        return now - self._began > TURN_SECONDS

    def _ends(self) -> None:
        self._began = None
