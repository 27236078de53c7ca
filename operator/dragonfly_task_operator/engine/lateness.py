"""Whether this process was late itself while it waited for peers: then a time limit that passed proves nothing."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

BEAT_SECONDS = 0.05

LATE_SECONDS = 0.25
"""By so much, while the shortest time limit is half a second: what came in between was read in time, or nearly."""


class Lateness:
    """Watches, within a `with` block, by how much the event loop comes round too late.

    Attributes:
        worst: seconds; at most so much too late.
    """

    def __init__(self) -> None:
        self.worst = 0.0
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._beat: asyncio.TimerHandle | None = None

    @property
    def was_late(self) -> bool:
        """Whether it came so late that somebody's time limit may have passed unheard."""
        return self.worst >= LATE_SECONDS

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._note()
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None

    def _wait(self) -> None:
        self._due = self._loop.time() + BEAT_SECONDS
        self._beat = self._loop.call_at(self._due, self._come_round)

    def _come_round(self) -> None:
        self._note()
        self._wait()

    def _note(self) -> None:
        self.worst = max(self.worst, self._loop.time() - self._due)
