"""What Prometheus is told. No label holds anything that a user wrote: names, URLs and ids stay out."""

from __future__ import annotations

from collections.abc import Callable
from wsgiref.types import WSGIApplication

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

from dragonfly_task_operator.errors import OwnKind, OwnTrouble

PREFIX = "dragonfly_task_operator"
RUN_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)


class Metrics:
    """The operator's metrics, each in a registry of this object's own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._runs = Counter(f"{PREFIX}_runs", "Runs that ended.", ("kind", "reason"), registry=registry)
        self._run_seconds = Histogram(
            f"{PREFIX}_run_seconds", "From a run's start to its end.", ("kind",), registry=registry, buckets=RUN_SECONDS
        )
        self._peers = Counter(f"{PREFIX}_peers_asked", "Peers of runs that ended.", registry=registry)
        self._rpcs = Counter(
            f"{PREFIX}_rpcs", "Requests to peers and schedulers.", ("method", "outcome"), registry=registry
        )
        self._rpcs_by: dict[tuple[str, str], Counter] = {}
        """Looked up here: `labels` takes as long as sending a request."""
        self._own_troubles = Counter(
            f"{PREFIX}_own_troubles",
            "Requests not made because of this process or its node, by what it was short of.",
            ("kind",),
            registry=registry,
        )
        for kind in OwnKind:
            self._own_troubles.labels(kind)  # there from the start, so that the first one is a rise
        self._status_writes = Counter(
            f"{PREFIX}_status_writes", "Statuses written, or not.", ("outcome",), registry=registry
        )
        self.objects_going = Gauge(f"{PREFIX}_objects_going", "Objects with a run that is going.", registry=registry)
        self._watch_restarts = Counter(
            f"{PREFIX}_watch_restarts", "Watches started over.", ("kind",), registry=registry
        )
        self.blind_scopes = Gauge(
            f"{PREFIX}_blind_scopes", "Kinds, by namespace, that are not watched just now.", registry=registry
        )
        self._leader = Gauge(f"{PREFIX}_leader", "1 if this process may act.", registry=registry)

    def run_ended(self, *, kind: str, reason: str, seconds: float, peers: int) -> None:
        """Count a run that came to a verdict."""
        self._runs.labels(kind, reason).inc()
        self._run_seconds.labels(kind).observe(seconds)
        self._peers.inc(peers)

    def rpc_ended(self, method: str, outcome: str) -> None:
        """Count a request: its method's name without the service, and gRPC's name of its status code."""
        counter = self._rpcs_by.get((method, outcome))
        if counter is None:
            counter = self._rpcs_by[method, outcome] = self._rpcs.labels(method, outcome)
        counter.inc()

    def own_trouble(self, trouble: OwnTrouble) -> None:
        """Count a request that was not made."""
        self._own_troubles.labels(trouble.kind).inc()

    def status_write_ended(self, outcome: str) -> None:
        """Count a write: `written`, `conflict` or `failed`."""
        self._status_writes.labels(outcome).inc()

    def watch_restarted(self, kind: str) -> None:
        """Count a watch that was started over."""
        self._watch_restarts.labels(kind).inc()

    def leads_if(self, check: Callable[[], bool]) -> None:
        """Have the gauge of leadership ask this."""
        self._leader.set_function(lambda: float(check()))

    def application(self) -> WSGIApplication:
        """Make the web application that gives them."""
        return make_wsgi_app(self._registry)
