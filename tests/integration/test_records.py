"""What an operator leaves behind of its runs: a log that keeps the promise of docs/logs.md, and an audit log."""

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
from tests.integration.replicas import Start
from tests.objects import Objects, is_finished, is_running, manifest, wait_for
from tests.simulator.control import Control, Simulation

pytestmark = pytest.mark.controlplane


def read(path: Path) -> list[dict[str, Any]]:
    """Read lines of JSON, but for one that is being written."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


@dataclass(frozen=True, slots=True)
class Records:
    log: Path
    audit_log: Path

    def lines(self) -> list[dict[str, Any]]:
        return read(self.log)

    def kept_of(self, name: str) -> list[dict[str, Any]]:
        """Give the records of the runs of one object."""
        return [record for record in read(self.audit_log) if record["object"]["name"] == name]

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
    folder = tmp_path_factory.mktemp("records")
    log, audit_log = folder / "log", folder / "audit.log"
    schedulers = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    arguments = [
        *schedulers,
        "--rpc-timeout=2s",
        "--namespace=default",
        "--log-format=json",
        "--log-level=debug",
        f"--audit-log={audit_log}",
    ]
    with running_operator(control_plane, arguments, log=log):
        yield Records(log, audit_log)
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


# The audit log


def names_of(record: dict[str, Any]) -> set[str]:
    """The peers that were asked to delete something."""
    return {peer.rpartition("-")[2] for group in record.get("deletions", ()) for peer in group["peers"]}


def test_record_of_a_deletion_names_exactly_the_peers_that_were_asked_to_delete(
    records: Records, kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    task = "1a10" * 16
    world.caches(task, on="n1,n2,n3")
    world.fails("fails", "delete", on="n3", code="PERMISSION_DENIED", details="not yours")

    kubectl.apply(manifest("TaskDeletion", "audit-deletion", {"taskID": task}, backoffLimit=0))

    status = objects.until("TaskDeletion", "audit-deletion", is_finished)
    (record,) = records.kept_of("audit-deletion")
    assert (record["action"], record["reason"], record["tasks"]) == ("Delete", "PeersFailed", [task])
    assert (record["runKey"], record["peers"]) == (status["runKey"], status["peers"])
    assert names_of(record) == {"n1", "n2", "n3"} == {peer for peer, asked in world.delete_requests() if asked == task}
    failed, deleted = record["deletions"]
    (why,) = failed["failed"]
    assert (why["reason"], "not yours" in why["description"], failed["count"]) == ("PermissionDenied", True, 1)
    assert (deleted["deleted"], deleted["count"]) == ([0], 2)
    assert record["startTime"] < record["firstDeletionTime"] <= record["lastDeletionTime"] < record["endTime"]


def test_record_says_who_asked_as_far_as_the_object_tells(records: Records, kubectl: Kubectl, objects: Objects) -> None:
    body = manifest("TaskDeletion", "audit-asked", {"taskID": "1a14" * 16})
    body["metadata"]["annotations"] = {"tasks.d7y.io/requested-by": "alice@example.com"}

    kubectl.apply(body)

    objects.until("TaskDeletion", "audit-asked", is_finished)
    (record,) = records.kept_of("audit-asked")
    uid = objects.get("TaskDeletion", "audit-asked")["metadata"]["uid"]
    where = {"kind": "TaskDeletion", "namespace": "default", "name": "audit-asked", "uid": uid, "generation": 1}
    assert (record["object"], record["askedBy"]["requestedBy"]) == (where, "alice@example.com")
    assert [writer["manager"] for writer in record["askedBy"]["writers"]] == ["kubectl-client-side-apply"]


@pytest.mark.parametrize(
    ("kind", "spec", "action"), [("TaskSearch", {}, "Search"), ("TaskDeletion", {"dryRun": True}, "DryRun")]
)
def test_run_that_deletes_nothing_has_one_record_and_names_no_peer(  # noqa: PLR0917 - fixtures
    records: Records, kubectl: Kubectl, objects: Objects, world: Control, kind: str, spec: dict[str, Any], action: str
) -> None:
    task, name = "1a11" * 16, f"audit-{action.lower()}"
    world.caches(task, on="n1")

    kubectl.apply(manifest(kind, name, {"taskID": task}, **spec))

    objects.until(kind, name, is_finished)
    (record,) = records.kept_of(name)
    assert (record["action"], record["peers"]["caching"], "deletions" in record) == (action, 1, False)


def test_deletion_that_is_edited_on_the_way_has_a_record_of_what_it_had_deleted(
    records: Records, kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    task = "1a12" * 16
    world.caches(task, on="n1")
    world.caches(task, on="n2", state="downloading")
    kubectl.apply(manifest("TaskDeletion", "audit-edited", {"taskID": task}))
    objects.until("TaskDeletion", "audit-edited", lambda status: status.get("peers", {}).get("deleted") == 1)

    kubectl.must("patch", "tdel", "audit-edited", "--type=merge", '-p={"spec":{"unfinishedDownloads":"Delete"}}')

    objects.until("TaskDeletion", "audit-edited", is_finished)
    told = [(each["reason"], each["object"]["generation"], names_of(each)) for each in records.kept_of("audit-edited")]
    assert told == [("Superseded", 1, {"n1"}), ("Deleted", 2, {"n2"})]


def test_run_that_goes_on_in_another_operator_has_a_record_of_each_ones_part(
    records: Records, kubectl: Kubectl, world: Control, start: Start, tmp_path: Path
) -> None:
    del records  # its operator looks after another namespace
    task, audit_log = "1a13" * 16, tmp_path / "audit.log"
    world.caches(task, on="n1")
    world.caches(task, on="n2", state="downloading")
    kubectl.must("create", "namespace", "elsewhere")
    body = manifest("TaskDeletion", "handed-on", {"taskID": task})
    body["metadata"]["namespace"] = "elsewhere"
    kubectl.apply(body)

    def status() -> dict[str, Any]:
        return dict(json.loads(kubectl.must("get", "tdel", "handed-on", "-n=elsewhere", "-o=json"))["status"])

    first = start("--namespace=elsewhere", f"--audit-log={audit_log}")
    wait_for(lambda: status().get("peers", {}).get("deleted") == 1, "n1 to be cleared")
    first.stops()
    start("--namespace=elsewhere", f"--audit-log={audit_log}")
    world.finishes(task)
    wait_for(lambda: is_finished(status()), "the end")

    told = [(each["reason"], each["resumed"], names_of(each)) for each in read(audit_log)]
    assert told == [("Interrupted", False, {"n1"}), ("Deleted", True, {"n2"})]
