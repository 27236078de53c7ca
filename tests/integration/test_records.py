"""What an operator leaves behind of its runs: a log in JSON that keeps the promise of docs/logs.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import running_operator
from hack.kubectl import Kubectl
from tests import log_lines
from tests.objects import Objects, is_finished, is_running, manifest, wait_for
from tests.simulator.control import Control, Simulation

pytestmark = pytest.mark.controlplane


@dataclass(frozen=True, slots=True)
class Records:
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def of(self, name: str, *, until: str = "run.finished") -> list[dict[str, Any]]:
        """Give the lines about one object, once there is one of this event."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.lines() if str(line.get("object")).endswith(f"/{name}")]

        wait_for(lambda: until in {line["event"] for line in found()}, f"{until} of {name}", seconds=30)
        return found()


@pytest.fixture(scope="module")
def records(
    control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Records]:
    del kubectl  # has installed it
    log = tmp_path_factory.mktemp("records") / "log"
    schedulers = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    arguments = [*schedulers, "--rpc-timeout=2s", "--log-format=json", "--log-level=debug"]
    with running_operator(control_plane, arguments, log=log):
        yield Records(log)
    assert [(line, trouble) for line in log.read_text().splitlines() for trouble in log_lines.troubles(line)] == []


def test_run_has_a_line_at_its_start_and_one_at_its_end(
    records: Records, kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    task = "1a01" * 16
    world.caches(task, on="n1,n2")

    kubectl.apply(manifest("TaskDeletion", "log-deleted", {"taskID": task}))

    status = objects.until("TaskDeletion", "log-deleted", is_finished)
    started, ended = records.of("log-deleted")
    assert (started["event"], started["run"]) == ("run.started", status["runKey"])
    counts = {name: ended[name] for name in ("reason", "peers", "caching", "deleted", "failed", "unreachable", "tasks")}
    assert counts == {
        "reason": "Deleted",
        "peers": 11,
        "caching": 2,
        "deleted": 2,
        "failed": 0,
        "unreachable": 0,
        "tasks": [task],
    }


def test_each_peer_that_failed_has_one_line_however_many_tasks(
    records: Records, kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    tasks = ["1a02" * 16, "1a03" * 16]
    for task in tasks:
        world.caches(task)
    world.fails("fails", "delete", on="n1,n2", code="PERMISSION_DENIED", details="not yours")
    world.goes_down("n3")
    body = manifest("TaskDeletion", "log-failed", {}, backoffLimit=0)
    body["spec"]["targets"] = [{"taskID": task} for task in tasks]

    kubectl.apply(body)

    objects.until("TaskDeletion", "log-failed", is_finished)
    failed = [line for line in records.of("log-failed") if line["event"] == "peer.failed"]
    assert [(line["hostname"], line["reason"], line["failures"], line["tasks"]) for line in failed] == [
        ("n1", "PermissionDenied", 2, tasks),
        ("n2", "PermissionDenied", 2, tasks),
        ("n3", "Unreachable", 2, tasks),
    ]
    assert "not yours" in failed[0]["description"]


@pytest.mark.parametrize(
    ("how", "arguments", "reason"),
    [
        ("edited", ("patch", "tdel", "log-edited", "--type=merge", '-p={"spec":{"runID":"new"}}'), "Superseded"),
        ("deleted", ("delete", "tdel", "log-deleted-on-the-way"), "Interrupted"),
    ],
)
def test_run_that_is_stopped_on_the_way_says_so(  # noqa: PLR0917 - fixtures
    records: Records,
    kubectl: Kubectl,
    objects: Objects,
    world: Control,
    how: str,
    arguments: tuple[str, ...],
    reason: str,
) -> None:
    task = f"1a04{how.encode().hex():0<60}"[:64]
    world.caches(task, on="n1", state="downloading")
    kubectl.apply(manifest("TaskDeletion", arguments[2], {"taskID": task}))
    objects.until("TaskDeletion", arguments[2], is_running)

    kubectl.must(*arguments)

    started, stopped = records.of(arguments[2], until="run.stopped")[:2]
    assert (started["event"], stopped["event"], stopped["reason"]) == ("run.started", "run.stopped", reason)
    world.caches(task, on="n1")
