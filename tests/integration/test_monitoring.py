"""Alerts and dashboards, tried on the series of a real operator that has done real runs."""

from __future__ import annotations

import re
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.controlplane.server import ControlPlane
from hack.dashboards.__main__ import BOARDS, text_of
from hack.dashboards.panels import Board
from hack.installation import ROOT
from hack.kubectl import Kubectl
from tests.integration.replicas import Replica, deletion, replicas
from tests.objects import manifest, wait_for
from tests.promtool import (
    ALERTS,
    MINUTES,
    NAMED,
    RAN,
    TARGET,
    P,
    Promtool,
    Series,
    Story,
    case,
    firing,
    named_in,
    scraped,
)
from tests.simulator.control import Simulation

pytestmark = pytest.mark.controlplane

NO_REGISTRY = "127.0.0.1:1"


def text_of_metrics(operator: Replica) -> str:
    """Read the metrics of a moment that is not one between two watches: it is to stand for half an hour."""
    text = ""

    def sees() -> bool:
        nonlocal text
        with urllib.request.urlopen(operator.metrics_url, timeout=10) as answer:
            text = answer.read().decode()
        return f"\n{P}_blind_scopes 0.0\n" in text

    wait_for(sees, what="all kinds to be watched", seconds=30)
    return text


@pytest.fixture(scope="module")
def story(
    control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """An operator that searched, deleted, failed on peers, and was left without schedulers and a registry."""
    world = simulator.control
    arguments = [
        *(f"--scheduler={address}" for address in simulator.scheduler_addresses),
        f"--registry-allowlist=http://{NO_REGISTRY}",
    ]

    def run(body: dict[str, Any], reason: str) -> None:
        kubectl.apply(body)
        kind, name = body["kind"], body["metadata"]["name"]
        kubectl.must("wait", kind, name, f"--for=jsonpath={{.status.reason}}={reason}", "--timeout=50s")

    with replicas(control_plane, arguments, tmp_path_factory.mktemp("operator")) as start:
        operator = start()
        operator.comes_up()
        before = scraped(text_of_metrics(operator))
        for node in ("n1", "n2", "n3", "n4", "n5"):
            world.caches("a1" * 32, on=node)
        run(manifest("TaskSearch", "found", {"taskID": "a1" * 32}), "Found")
        run(deletion("dry", "a1" * 32, dryRun=True), "DryRun")
        world.fails("fails", "delete", on="n2", code="PERMISSION_DENIED")
        world.goes_down("n3")
        run(deletion("failing", "a1" * 32, backoffLimit=0), "PeersFailed")
        world.is_put_right()
        run(deletion("mended", "a1" * 32), "Deleted")
        image = {"imageManifestURL": f"http://{NO_REGISTRY}/v2/app/manifests/1"}
        run(manifest("TaskSearch", "no-registry", image, activeDeadlineSeconds=3), "ImageUnresolvable")
        world.goes_down("schedulers")
        run(manifest("TaskSearch", "alone", {"taskID": "a1" * 32}, activeDeadlineSeconds=3), "NoSchedulerReachable")
        world.is_put_right()
        ended = f'{P}_runs_total{{kind="TaskSearch",reason="NoSchedulerReachable"}}'
        wait_for(lambda: operator.metrics().get(ended) == 1, what="the last run to be counted", seconds=30)
        text = text_of_metrics(operator)
        told = [kubectl.get("tdel", name)["status"]["peers"] for name in ("failing", "mended")]
        yield Story(before, scraped(text), text, dict(sum(map(Counter, told), Counter[str]())))


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Promtool:
    return Promtool(tmp_path_factory.mktemp("rules"))


# Rules


def test_runs_that_failed_on_peers_are_told_and_nothing_before(story: Story, promtool: Promtool) -> None:
    series = story.series()

    promtool.holds(
        firing(series, at=RAN - 1, name="an operator that has done nothing"),
        firing(series, "DragonflyPurgeFailed", at=RAN + 10, name="after the runs"),
        firing(series, at=RAN + 45, name="much later"),
    )


def changed(series: list[Series], name: str, values: str, **labels: str) -> list[Series]:
    """Let one of the operator's series have other values."""
    wanted = set(labels.items())
    found = [each for each in series if each.name == name and wanted <= set(each.labels)]
    assert len(found) == 1, (name, labels, len(found))
    return [replace(each, values=values) if each is found[0] else each for each in series]


def second_replica(series: list[Series]) -> list[Series]:
    """Add another operator that tells the same."""
    others = tuple(sorted({**TARGET, "instance": "10.0.0.2:8080"}.items()))
    more = [replace(each, labels=tuple(sorted({**dict(each.labels), **dict(others)}.items()))) for each in series]
    return series + more


Change = Callable[[list[Series]], list[Series]]
BROKEN: dict[str, Change] = {
    "DragonflyTaskOperatorAbsent": lambda series: [],
    "DragonflyTaskOperatorNoLeader": lambda series: changed(series, f"{P}_leader", f"0x{MINUTES}"),
    "DragonflyTaskOperatorSeveralLeaders": second_replica,
    "DragonflyTaskOperatorBlind": lambda series: changed(series, f"{P}_blind_scopes", f"1x{MINUTES}"),
    "DragonflyTaskOperatorStuck": lambda series: changed(
        series, f"{P}_watch_age_seconds", f"0+60x{MINUTES}", kind="TaskDeletion"
    ),
    "DragonflyTaskOperatorWatchesUnsteady": lambda series: changed(
        series, f"{P}_watch_restarts_total", f"0+1x{MINUTES}", kind="TaskSearch"
    ),
    "DragonflyTaskOperatorRestarts": lambda series: changed(
        series, "process_start_time_seconds", "1x30 2x3 3x3 4x3 5x3 6x18"
    ),
    "DragonflyTaskOperatorDefect": lambda series: changed(
        series, f"{P}_runs_total", "0x40 1x20", kind="TaskDeletion", reason="InternalError"
    ),
    "DragonflyTaskOperatorCannotWriteStatus": lambda series: changed(
        series, f"{P}_status_writes_total", f"0+1x{MINUTES}", outcome="failed"
    ),
    "DragonflyTaskOperatorReportsLost": lambda series: changed(series, f"{P}_reports_lost_total", "0x40 1x20"),
    "DragonflyTaskOperatorShort": lambda series: changed(
        series, f"{P}_own_troubles_total", f"0+2x{MINUTES}", kind="files"
    ),
    "DragonflyTaskOperatorFilesLow": lambda series: changed(
        changed(series, "process_open_fds", f"95x{MINUTES}"), "process_max_fds", f"100x{MINUTES}"
    ),
    "DragonflyTaskOperatorQueueLong": lambda series: changed(series, f"{P}_queue_depth", f"3x{MINUTES}"),
    "DragonflyPurgeFailed": lambda series: changed(
        series, f"{P}_runs_total", "0x40 1x20", kind="TaskDeletion", reason="DeadlineExceeded"
    ),
    "DragonflySchedulersSilent": lambda series: changed(
        series, f"{P}_rpcs_total", f"0+1x{MINUTES}", method="ListHosts", outcome="UNAVAILABLE"
    ),
    "DragonflyPeersFailing": lambda series: changed(
        changed(
            series, f"{P}_peers_total", "0x40 2x20", kind="TaskSearch", outcome="unreachable", reason="Unreachable"
        ),
        f"{P}_peers_total",
        "0x40 9x20",
        kind="TaskSearch",
        outcome="absent",
    ),
    "DragonflyRegistriesFailing": lambda series: changed(
        series, f"{P}_registry_requests_total", f"0+1x{MINUTES}", outcome="none"
    ),
}
"""For each alert, what becomes of the series of an operator that is well otherwise."""


def test_each_alert_tells_of_its_trouble_alone_and_of_no_other(story: Story, promtool: Promtool) -> None:
    quiet = story.quiet()
    assert BROKEN.keys() == ALERTS.keys()

    promtool.holds(
        firing(quiet, at=50, name="all is well"),
        *(firing(change(quiet), alert, at=50, name=alert) for alert, change in BROKEN.items()),
    )


def test_handing_over_and_a_standby_raise_no_alert(story: Story, promtool: Promtool) -> None:
    two = second_replica(story.quiet())
    standby = [
        replace(each, values="0x30 1x30" if dict(each.labels)["instance"] == "10.0.0.2:8080" else "1x30 0x30")
        if each.name == f"{P}_leader"
        else each
        for each in two
    ]

    promtool.holds(*(firing(standby, at=at, name=f"minute {at}") for at in (20, 31, 33, 50)))


def test_metrics_are_as_prometheus_wants_them(story: Story, promtool: Promtool) -> None:
    assert promtool.says("check", "metrics", given=story.text) == (0, "")


def test_peers_are_counted_as_the_statuses_have_them(story: Story) -> None:
    counted = Counter[str]()
    for (name, labels), value in story.after.items():
        by = dict(labels)
        if name == f"{P}_peers_total" and by["kind"] == "TaskDeletion":
            counted[by["outcome"]] += int(value)
    dry_run = {"holding": 5, "absent": story.peers["total"] // 2 - 5}

    assert counted["deleted"] == story.peers["deleted"] > 0
    assert counted["failed"] == story.peers["failed"] == 1
    assert counted["unreachable"] == story.peers["unreachable"] == 1
    assert counted["absent"] == story.peers["alreadyAbsent"] + dry_run["absent"]
    assert counted["holding"] == dry_run["holding"]


def test_no_duration_of_a_real_run_is_negative_and_watches_are_young(story: Story) -> None:
    durations = {key: value for key, value in story.after.items() if "_seconds" in key[0]}
    ages = [value for (name, _), value in durations.items() if name == f"{P}_watch_age_seconds"]

    assert min(durations.values()) >= 0
    assert len(ages) == 2
    assert max(ages) < 60


# Dashboards


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_every_query_of_a_dashboard_shows_something_of_a_real_run(
    story: Story, promtool: Promtool, board: Board
) -> None:
    series = story.series()
    variables = {"$namespace": ".*", "$__rate_interval": "5m", "$__range": "1h"}
    cases = []
    for query in board.queries():
        expr = query.expr
        for name, value in variables.items():
            expr = expr.replace(name, value)
        assert "$" not in expr, expr
        expr = f"count({expr}) > bool 0"
        cases.append(case(series, at=RAN + 3, name=query.expr, expr=expr, values={"{}": 1.0}))

    promtool.holds(*cases)


def test_metrics_that_rules_and_dashboards_name_are_those_of_a_real_run(story: Story) -> None:
    asked = NAMED | named_in(query.expr for board in BOARDS for query in board.queries())

    assert asked - {name for name, _ in story.after} == set()


def test_every_metric_has_a_line_in_the_docs(story: Story) -> None:
    documented = set(re.findall(rf"`({P}_\w+)", (ROOT / "docs" / "observability.md").read_text()))
    exposed = {name for name, _ in story.after if name.startswith(P) and not name.endswith("_created")}

    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in exposed} == documented


# What is applied


def test_monitors_find_the_pods_and_their_port(kubectl: Kubectl) -> None:
    built = list(yaml.safe_load_all(kubectl.must("kustomize", ROOT / "deploy" / "overlays" / "monitoring")))
    by_kind = {each["kind"]: each for each in built}
    pods = by_kind["Deployment"]["spec"]["template"]
    monitor = by_kind["PodMonitor"]

    assert monitor["metadata"]["namespace"] == by_kind["Deployment"]["metadata"]["namespace"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= pods["metadata"]["labels"].items()
    ports = {port["name"] for container in pods["spec"]["containers"] for port in container["ports"]}
    assert {end["port"] for end in monitor["spec"]["podMetricsEndpoints"]} <= ports
    boards = next(each for each in built if each["metadata"]["name"] == "dragonfly-task-operator-dashboards")
    assert boards["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert boards["data"] == {f"{board.uid}.json": text_of(board) for board in BOARDS}


def test_service_stands_in_for_the_pod_monitor(kubectl: Kubectl, tmp_path: Path) -> None:
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [str(_relative(tmp_path, "deploy/base"))],
        "components": [
            str(_relative(tmp_path, f"deploy/components/{name}")) for name in ("monitoring", "monitoring-service")
        ],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))

    by_kind = {each["kind"]: each for each in yaml.safe_load_all(kubectl.must("kustomize", tmp_path))}

    service, monitor = by_kind["Service"], by_kind["ServiceMonitor"]
    assert "PodMonitor" not in by_kind
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    pods = by_kind["Deployment"]["spec"]["template"]
    assert service["spec"]["selector"].items() <= pods["metadata"]["labels"].items()
    assert {end["port"] for end in monitor["spec"]["endpoints"]} == {port["name"] for port in service["spec"]["ports"]}


def _relative(start: Path, path: str) -> Path:
    return Path("/".join([".."] * len(start.resolve().parts[1:])) + str(ROOT / path))
