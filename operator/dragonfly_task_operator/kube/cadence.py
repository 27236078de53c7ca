"""How often the statuses of runs are written: by time, never by the number of peers, and all runs together in bounds.

A run alone reports once a second. A thousand runs that did so would keep the API server busy with words that are out of
date a second later, and the ends of runs would wait in line behind them (docs/adr/0013-many-objects.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

FIRST_SECONDS = 0.5
"""From a run's start to its first status: a run that is over sooner needs none."""

INTERVAL_SECONDS = 1.0
"""From one status of a run to the next."""

FIRSTS_PER_SECOND = 200
PROGRESS_PER_SECOND = 50
"""Most statuses of either sort, over all runs that are going. Ends of runs are written at once, however many."""


class Cadence:
    """Tells each run when to write next, by how many are going."""

    def __init__(self) -> None:
        self._going = 0

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Count a run as going while the context lasts."""
        self._going += 1
        try:
            yield
        finally:
            self._going -= 1

    def first(self) -> float:
        """Seconds until a run that begins now is to write its first status."""
        return max(FIRST_SECONDS, self._going / FIRSTS_PER_SECOND)

    def next(self) -> float:
        """Seconds until a run that has written is to write again."""
        return max(INTERVAL_SECONDS, self._going / PROGRESS_PER_SECOND)
