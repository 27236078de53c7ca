"""The clocks of this machine: one for people, one that nobody sets."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from dragonfly_task_operator.engine.ports import Clock


class SystemClock:
    """`engine.ports.Clock` of this machine."""

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return datetime.now(UTC)


class SteadyClock:
    """Time that starts as this machine's and goes on whatever that is set to: for durations, not for people."""

    def __init__(self, clock: Clock, *, passed: Callable[[], float] = time.monotonic) -> None:
        self._passed = passed
        self._start = clock.now() - timedelta(seconds=passed())

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return self._start + timedelta(seconds=self._passed())
