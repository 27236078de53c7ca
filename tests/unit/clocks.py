"""A clock that tests set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class SteppingClock:
    """`engine.ports.Clock` that stands still until it is told to go on."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 24, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def passes(self, **time: float) -> None:
        self._now += timedelta(**time)
