"""What Prometheus is told: closed lists of labels, no time before zero, and no more series for more peers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from dragonfly_task_operator.api.conditions import GOING, Reason
from dragonfly_task_operator.api.kinds import KINDS
from dragonfly_task_operator.api.specs import TaskDeletionSpec, TaskSearchSpec
from dragonfly_task_operator.dragonfly.channels import Endpoint
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.peers import GrpcPeers
from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.dragonfly.wire import Answered, Ready, Request
from dragonfly_task_operator.engine.census import PEER_OUTCOMES
from dragonfly_task_operator.engine.crowd import Crowd
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import Host, HostID, HostListing, HostType, Plan, TaskMetadata
from dragonfly_task_operator.engine.run import Means, Run
from dragonfly_task_operator.errors import OwnKind, OwnTrouble
from dragonfly_task_operator.observability.metrics import PREFIX, Metrics
from dragonfly_task_operator.observability.requests import SECONDS, Requests
from dragonfly_task_operator.oci.transport import outcome_of
from tests.unit.clocks import SteppingClock
from tests.unit.world import EPOCH, TASK, LoopClock, planned

METHODS = {"ListHosts", "StatTask", "StatLocalTask", "DeleteTask", "Check"}
CODES = {code.name for code in grpc.StatusCode}
REASONS = {str(reason) for reason in Reason if reason not in GOING}
STATUSES = {"1xx", "2xx", "3xx", "4xx", "5xx", "401", "403", "404", "429", "other", "none"}
VALUES = {
    "kind": {kind.name for kind in KINDS} | set(OwnKind),
    "method": METHODS,
    "outcome": CODES
    | STATUSES
    | {outcome for outcome, _ in PEER_OUTCOMES}
    | {"written", "removed", "conflict", "failed"},
    "reason": REASONS | {reason for _, reason in PEER_OUTCOMES},
    "state": {"used", "idle", "limit"},
}
"""What labels may say, apart from the bounds of histograms and what tells the build."""


def announced() -> Metrics:
    metrics = Metrics()
    metrics.announce(version="0", kinds=[kind.name for kind in KINDS], reasons=REASONS, outcomes=PEER_OUTCOMES)
    return metrics


def samples(metrics: Metrics) -> list[Sample]:
    """Scrape."""
    body = b"".join(metrics.application()({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: lambda _: None))
    return [sample for family in text_string_to_metric_families(body.decode()) for sample in family.samples]


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    named = f"{PREFIX}_{name}"
    return next((each.value for each in samples(metrics) if (each.name, each.labels) == (named, labels)), None)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.floats(0, 30), max_size=20))
def test_requests_are_told_as_the_library_tells_a_histogram(durations: list[float]) -> None:
    registry, theirs = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("x_seconds", "X", ("method", "outcome"), registry=theirs, buckets=SECONDS)
    requests = Requests("x", "X", ("method", "outcome"))
    registry.register(requests)
    for seconds in durations:
        histogram.labels("Stat", "OK").observe(seconds)
        requests.ended(("Stat", "OK"), seconds)

    def told(of: CollectorRegistry) -> dict[tuple[str, frozenset[tuple[str, str]]], object]:
        return {
            (sample.name, frozenset(sample.labels.items())): pytest.approx(sample.value)
            for family in of.collect()
            if family.type == "histogram"
            for sample in family.samples
            if not sample.name.endswith("_created")
        }

    assert told(registry) == told(theirs)


def test_request_that_was_given_up_before_it_was_sent_is_counted_and_took_no_time() -> None:
    metrics = Metrics()
    metrics.rpc_ended("StatLocalTask", "UNAVAILABLE", None)
    metrics.rpc_ended("StatLocalTask", "UNAVAILABLE", 0.2)

    of = {"method": "StatLocalTask", "outcome": "UNAVAILABLE"}
    assert value(metrics, "rpcs_total", **of) == 2
    assert value(metrics, "rpc_seconds_count", **of) == 1
    assert value(metrics, "rpc_seconds_sum", **of) == pytest.approx(0.2)


def test_no_duration_is_negative_whatever_clocks_say() -> None:
    metrics = Metrics()
    metrics.run_ended(kind="TaskSearch", reason="Found", seconds=-3600.0, peers=1, outcomes={})
    metrics.rpc_ended("StatLocalTask", "OK", -0.25)
    metrics.registry_request_ended("2xx", -1e-9)
    metrics.run_waited(-7.0)

    told = {
        each.name: each.value for each in samples(metrics) if each.name.endswith(("_seconds_sum", "_seconds_count"))
    }

    assert {name: number for name, number in told.items() if name.endswith("_sum")} == {
        f"{PREFIX}_{name}_seconds_sum": 0 for name in ("run", "rpc", "registry_request", "queue_wait")
    }
    assert set(told.values()) == {0, 1}


def test_each_failure_is_there_at_zero_before_the_first_so_that_the_first_is_a_rise() -> None:
    zeros = {
        (each.name.removeprefix(f"{PREFIX}_"), *sorted(each.labels.values()))
        for each in samples(announced())
        if each.value == 0
    }

    for kind in KINDS:
        assert {("runs_total", *sorted([kind.name, reason])) for reason in REASONS} <= zeros
        assert {("peers_total", *sorted([kind.name, *each])) for each in PEER_OUTCOMES} <= zeros
        assert ("watch_restarts_total", kind.name) in zeros
    assert {("own_troubles_total", own) for own in OwnKind} <= zeros
    assert {("status_writes_total", "failed"), ("reports_lost_total",)} <= zeros


def test_who_asks_for_openmetrics_is_given_them() -> None:
    metrics = announced()
    metrics.rpc_ended("StatLocalTask", "OK", 0.002)
    metrics.registry_request_ended("2xx", 0.2)
    asked = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_ACCEPT": "application/openmetrics-text; version=1.0.0"}

    body = b"".join(metrics.application()(asked, lambda *_: lambda _: None)).decode()

    assert body.endswith("# EOF\n")
    families = openmetrics.text_string_to_metric_families(body)  # type: ignore[no-untyped-call]  # the library's own
    types = {family.name: family.type for family in families}
    assert types[f"{PREFIX}_rpcs"] == types[f"{PREFIX}_registry_requests"] == "counter"
    assert types[f"{PREFIX}_rpc_seconds"] == types[f"{PREFIX}_registry_request_seconds"] == "histogram"


@settings(deadline=None)  # the machine may be busy
@given(st.integers())
def test_whatever_a_registry_answers_there_are_few_outcomes(status: int) -> None:
    assert outcome_of(status) in STATUSES


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "2xx"), (307, "3xx"), (401, "401"), (418, "4xx"), (429, "429"), (503, "5xx")]
)
def test_what_a_registry_answered_is_told_by_class_and_apart_where_it_matters(status: int, outcome: str) -> None:
    assert outcome_of(status) == outcome


# Ten thousand peers


class BadWorld:
    """Peers that answer anything, by their number, and a scheduler that lists them."""

    def __init__(self, count: int) -> None:
        self.listed = [
            Host(
                f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}-n{n}",
                f"n{n}",
                f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}",
                4000,
                HostType.NORMAL,
                1,
                "default",
            )
            for n in range(1, count + 1)
        ]
        self._random = random.Random(14)

    async def ask(
        self,
        endpoint: Endpoint,
        method: str,
        requests: Sequence[Request],
        *,
        timeout: float,
        ready: Ready,
        answered: Answered,
    ) -> None:
        for task, _ in requests:
            await ready()
            code = self._random.choice(list(grpc.StatusCode))
            words = f"{endpoint.ip} says {self._random.random()}"
            answers: list[bytes | RpcError] = [b"", words.encode(), RpcError(code, words)]
            answer = self._random.choice(answers)
            answered(task, answer, self._random.choice([None, 0.0, 100 * self._random.random()]))

    async def hosts(self) -> HostListing:
        return HostListing(tuple(self.listed), (), 1)

    def departed(self, hosts: Iterable[Host]) -> frozenset[HostID]:
        return frozenset()

    async def metadata(self, task: TaskID) -> TaskMetadata | None:
        return None

    async def resolve(self, *_: object, **__: object) -> Plan:
        return Plan((planned(),))


async def run_on(count: int, metrics: Metrics) -> None:
    """Run a search and a deletion on so many peers, and count both as the operator does."""
    world = BadWorld(count)
    peers = GrpcPeers(
        world,
        memory=HostMemory(SteppingClock()),
        tls={},
        timeout=1,
        in_flight=100,
        metrics=metrics,
        requests_per_second=1000,
    )
    crowd = Crowd(waited=metrics.run_waited)
    means = Means(world, world, peers, LoopClock(), crowd=crowd)
    targets = [{"taskID": TASK}]
    for spec in (
        TaskSearchSpec.model_validate({"targets": targets}),
        TaskDeletionSpec.model_validate({"targets": targets, "backoffLimit": 0}),
    ):
        run = Run(spec, "default", means, EPOCH)
        verdict = await run.execute()
        outcomes = run.census()
        assert outcomes.total() == count
        kind = KINDS[isinstance(spec, TaskDeletionSpec)].name
        metrics.run_ended(kind=kind, reason=verdict.reason, seconds=run.elapsed(), peers=count, outcomes=outcomes)


@pytest.mark.looptime
async def test_ten_thousand_peers_that_answer_anything_make_no_more_series_than_five_hundred_do() -> None:
    few, many = announced(), announced()

    await run_on(500, few)
    await run_on(10_000, many)

    def series(metrics: Metrics) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        return {(each.name, tuple(sorted(each.labels.items()))) for each in samples(metrics)}

    assert series(many) == series(few)
    assert len(series(many)) < 1500
    for each in samples(many):
        for label, said in each.labels.items():
            assert label in {"le", "version", "python"} or said in VALUES[label], each
    asked = sum(each.value for each in samples(many) if each.name == f"{PREFIX}_rpcs_total")
    assert asked >= 20_000


async def test_trouble_of_this_process_is_counted_by_what_it_was_short_of() -> None:
    metrics = announced()

    metrics.own_trouble(OwnTrouble(OwnKind.FILES, "out of files"))

    assert value(metrics, "own_troubles_total", kind="files") == 1


async def test_gauges_are_read_when_they_are_asked_for() -> None:
    metrics, crowd = announced(), Crowd(1)
    metrics.lines_from(
        runs_waiting=lambda: crowd.waiting, peers_waiting=lambda: 7, peers_in_flight=lambda: crowd.inside
    )
    metrics.connections_from(lambda: {"used": 3, "idle": 2, "limit": 8})
    metrics.watches_from(lambda: {"TaskSearch": 4.5})

    async with crowd:
        waiting = asyncio.ensure_future(crowd.__aenter__())
        await asyncio.sleep(0)

        assert value(metrics, "queue_depth") == 1
        assert value(metrics, "peers_in_flight") == 1
        waiting.cancel()
    assert value(metrics, "peers_waiting") == 7
    assert value(metrics, "connections", state="idle") == 2
    assert value(metrics, "watch_age_seconds", kind="TaskSearch") == 4.5
