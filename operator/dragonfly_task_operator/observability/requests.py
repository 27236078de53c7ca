"""What became of requests, and how long they took: two metrics made of one tally.

Ten thousand requests are answered in a second or two, and a counter and a histogram of the library take as long for one
as sending it does: each has a lock of its own. Here an answer costs a look-up and an addition, in the one thread that
asks; Prometheus' form is made when Prometheus comes for it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets: a peer nearby answers within the first, and one that hangs takes the time limit."""


class Requests(Collector):
    """Requests of one sort, by labels.

    Args:
        name: of both metrics, as in `rpc`: they are called `rpcs` and `rpc_seconds`.
        what: the requests, for people.
        labels: the names of the labels. Their values must come from a closed list.
    """

    def __init__(self, name: str, what: str, labels: Sequence[str]) -> None:
        self._name, self._what, self._labels = name, what, tuple(labels)
        self._by: dict[tuple[str, ...], list[float]] = {}
        """The buckets, then all that is above them, the sum of the seconds, and those that took no time."""

    def ended(self, labels: tuple[str, ...], seconds: float | None) -> None:
        """Count a request.

        Args:
            labels: their values.
            seconds: from when it was sent to what came of it; None where it was given up before it was sent.
        """
        tally = self._by.get(labels)
        if tally is None:
            tally = self._by[labels] = [0] * (len(SECONDS) + 3)
        if seconds is None:
            tally[-1] += 1
            return
        tally[bisect_left(SECONDS, seconds)] += 1
        if seconds > 0:
            tally[-2] += seconds

    def collect(self) -> Iterator[Metric]:
        """Give both metrics. Called in another thread: each tally is copied in one go."""
        counts = CounterMetricFamily(f"{self._name}s", f"{self._what}.", labels=self._labels)
        durations = HistogramMetricFamily(
            f"{self._name}_seconds", f"{self._what}: from sending to the answer.", labels=self._labels
        )
        for labels, tally in self._by.copy().items():
            *buckets, total, unsent = tally.copy()
            counts.add_metric(labels, sum(buckets) + unsent)
            below, cumulative = 0.0, []
            for bound, count in zip((*map(str, SECONDS), "+Inf"), buckets, strict=True):
                below += count
                cumulative.append((bound, below))
            durations.add_metric(labels, cumulative, sum_value=total)
        yield counts
        yield durations
