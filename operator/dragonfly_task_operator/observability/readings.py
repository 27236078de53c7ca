"""Gauges that are read from where the figure is, when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Read = Callable[[], Mapping[str, float]]
"""Gives the value for each value of the one label. Called in another thread."""


class Reading(Collector):
    """A gauge by one label, without a value until it is told where to read.

    Args:
        name: of the metric.
        what: for people.
        label: the name of the label. Its values must come from a closed list.
    """

    def __init__(self, name: str, what: str, label: str) -> None:
        self._name, self._what, self._label = name, what, label
        self.read: Read = dict

    def collect(self) -> Iterator[Metric]:
        """Give the metric."""
        gauge = GaugeMetricFamily(self._name, self._what, labels=(self._label,))
        for value, number in self.read().items():
            gauge.add_metric((value,), number)
        yield gauge
