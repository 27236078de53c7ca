"""What Prometheus is told. No label holds anything that a user wrote: names, URLs and ids stay out.

Every label has a closed list of values, so that the number of series is bounded, whatever is applied and however many
peers there are.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from wsgiref.types import WSGIApplication

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, make_wsgi_app

from dragonfly_task_operator.errors import OwnKind, OwnTrouble
from dragonfly_task_operator.observability.readings import Reading
from dragonfly_task_operator.observability.requests import Requests

PREFIX = "dragonfly_task_operator"
RUN_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
WAIT_SECONDS = (0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
WRITES = ("written", "conflict", "failed")
PAGES = ("written", "removed")


class Metrics:
    """The operator's metrics, each in a registry of this object's own.

    Attributes:
        objects_going: objects with a run that is going.
        blind_scopes: kinds, by namespace, that are not watched.
    """

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"{PREFIX}_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str) -> Gauge:
            return Gauge(f"{PREFIX}_{name}", what, registry=registry)

        self._runs = counter("runs", "Runs that ended.", "kind", "reason")
        self._run_seconds = Histogram(
            f"{PREFIX}_run_seconds", "From a run's start to its end.", ("kind",), registry=registry, buckets=RUN_SECONDS
        )
        self._peers_asked = counter("peers_asked", "Peers of runs that ended.")
        self._peers = counter("peers", "Peers of runs that ended, each once.", "kind", "outcome", "reason")
        self._rpcs = Requests(f"{PREFIX}_rpc", "Requests to peers and schedulers", ("method", "outcome"))
        self._registry_requests = Requests(f"{PREFIX}_registry_request", "Requests to image registries", ("outcome",))
        self._own_troubles = counter(
            "own_troubles", "Requests not made because of this process or its node, by what it was short of.", "kind"
        )
        self._status_writes = counter("status_writes", "Statuses written, or not.", "outcome")
        self._report_pages = counter("report_pages", "TaskReports written and removed.", "outcome")
        self._reports_lost = counter("reports_lost", "Runs whose TaskReports could not be written.")
        self._watch_restarts = counter("watch_restarts", "Watches started over.", "kind")
        self._watch_age = Reading(
            f"{PREFIX}_watch_age_seconds", "Since the API server last gave a sign that a kind is watched.", "kind"
        )
        self._connections = Reading(f"{PREFIX}_connections", "Connections to peers and schedulers.", "state")
        self._queue_wait = Histogram(
            f"{PREFIX}_queue_wait_seconds",
            "That runs waited in line for their turn to ask peers.",
            registry=registry,
            buckets=WAIT_SECONDS,
        )
        self.objects_going = gauge("objects_going", "Objects with a run that is going.")
        self.blind_scopes = gauge("blind_scopes", "Kinds, by namespace, that are not watched just now.")
        self._leader = gauge("leader", "1 if this process may act.")
        self._queue_depth = gauge("queue_depth", "Runs that wait in line for their turn to ask peers.")
        self._peers_waiting = gauge("peers_waiting", "Peers that wait in line to be asked.")
        self._peers_in_flight = gauge("peers_in_flight", "Peers that are being asked.")
        for each in (self._rpcs, self._registry_requests, self._watch_age, self._connections):
            registry.register(each)
        # There from the start, so that the first one is a rise.
        for kind in OwnKind:
            self._own_troubles.labels(kind)
        for write in WRITES:
            self._status_writes.labels(write)
        for page in PAGES:
            self._report_pages.labels(page)

    def announce(
        self, *, version: str, kinds: Iterable[str], reasons: Iterable[str], outcomes: Iterable[tuple[str, str]]
    ) -> None:
        """Say who this is, and give what is known of this process; have every way that a run can end there at zero.

        Args:
            version: of the operator.
            kinds: of objects that have runs.
            reasons: why a run ends.
            outcomes: what becomes of a peer, and why where it fails.
        """
        info = Gauge(
            f"{PREFIX}_build_info", "1: which operator this is.", ("version", "python"), registry=self._registry
        )
        info.labels(version, platform.python_version()).set(1)
        ProcessCollector(registry=self._registry)
        why, what = tuple(reasons), tuple(outcomes)
        for kind in kinds:
            self._watch_restarts.labels(kind)
            for reason in why:
                self._runs.labels(kind, reason)
            for outcome, reason in what:
                self._peers.labels(kind, outcome, reason)

    def run_ended(
        self, *, kind: str, reason: str, seconds: float, peers: int, outcomes: Mapping[tuple[str, str], int]
    ) -> None:
        """Count a run that came to a verdict.

        Args:
            kind: of its object.
            reason: the verdict's.
            seconds: from its start to its end.
            peers: how many.
            outcomes: how many of them by what became of them, and why where they failed.
        """
        self._runs.labels(kind, reason).inc()
        self._run_seconds.labels(kind).observe(max(seconds, 0.0))
        self._peers_asked.inc(peers)
        for (outcome, why), count in outcomes.items():
            self._peers.labels(kind, outcome, why).inc(count)

    def rpc_ended(self, method: str, outcome: str, seconds: float | None) -> None:
        """Count a request: its method's name without the service, gRPC's name of its status code, how long it took.

        `seconds` is None where it was given up before it was sent.
        """
        self._rpcs.ended((method, outcome), seconds)

    def registry_request_ended(self, outcome: str, seconds: float) -> None:
        """Count a request to an image registry, or to whom it sends who asks it."""
        self._registry_requests.ended((outcome,), seconds)

    def run_waited(self, seconds: float) -> None:
        """Count a run's wait in line for its turn to ask peers."""
        self._queue_wait.observe(max(seconds, 0.0))

    def own_trouble(self, trouble: OwnTrouble) -> None:
        """Count a request that was not made."""
        self._own_troubles.labels(trouble.kind).inc()

    def status_write_ended(self, outcome: str) -> None:
        """Count a write: `written`, `conflict` or `failed`."""
        self._status_writes.labels(outcome).inc()

    def pages_written(self, count: int) -> None:
        """Count the TaskReports of a run."""
        self._report_pages.labels("written").inc(count)

    def pages_removed(self, count: int) -> None:
        """Count TaskReports that no status names any more."""
        self._report_pages.labels("removed").inc(count)

    def report_lost(self) -> None:
        """Count a run whose TaskReports could not be written."""
        self._reports_lost.inc()

    def watch_restarted(self, kind: str) -> None:
        """Count a watch that was started over."""
        self._watch_restarts.labels(kind).inc()

    def watches_from(self, ages: Callable[[], Mapping[str, float]]) -> None:
        """Have the gauge of each kind's watch ask this."""
        self._watch_age.read = ages

    def lines_from(
        self, *, runs_waiting: Callable[[], int], peers_waiting: Callable[[], int], peers_in_flight: Callable[[], int]
    ) -> None:
        """Have the gauges of who waits, and who is asked, ask these."""
        self._queue_depth.set_function(runs_waiting)
        self._peers_waiting.set_function(peers_waiting)
        self._peers_in_flight.set_function(peers_in_flight)

    def connections_from(self, connections: Callable[[], Mapping[str, float]]) -> None:
        """Have the gauge of connections ask this."""
        self._connections.read = connections

    def leads_if(self, check: Callable[[], bool]) -> None:
        """Have the gauge of leadership ask this."""
        self._leader.set_function(lambda: float(check()))

    def application(self) -> WSGIApplication:
        """Make the web application that gives them."""
        return make_wsgi_app(self._registry)
