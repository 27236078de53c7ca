"""Operators and CRDs of two versions, through a downgrade and an upgrade: no finished run is repeated, nothing is lost.

`newer_version` is the newer one. One day is lived through, in these chapters; the tests say what has to be so then.

1. newer CRDs, newer operator: objects that finish, go, are suspended; statuses get what only that version knows.
2. newer CRDs, this operator: it can't read their specs.
3. newer CRDs, newer operator: what was held goes on.
4. these CRDs, this operator: the API server hides what they don't know.
5. newer CRDs, newer operator.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.processes import end, spawn
from hack.controlplane.server import ControlPlane
from hack.installation import NAMESPACE, SERVICE_ACCOUNT, install, running_operator
from hack.kubectl import Kubectl
from tests.integration import newer_version
from tests.objects import Holds, Objects, condition, is_finished, is_running, manifest, succeeded, wait_for
from tests.simulator.control import Control, Simulation

pytestmark = pytest.mark.controlplane

DONE, WIDE, GOING, PAUSED, PENDING = "d0" * 32, "d1" * 32, "d2" * 32, "d3" * 32, "d4" * 32
SECONDS = 90.0
"""For anything: operators start five times here, on machines that have more to do."""

NEWER_WORDS: dict[str, Any] = {
    "phase": "Third",
    "peers": {"asleep": 2},
    "history": [{"runKey": "0123456789abcdef", "reason": "Vaporised", "by": "somebody"}],
}


@dataclass
class Stage:
    """A control plane, Dragonfly, and operators of two versions."""

    control_plane: ControlPlane
    kubectl: Kubectl
    objects: Objects
    world: Control
    arguments: Sequence[str]
    sentinels: list[str] = field(default_factory=list)

    def newer_crds(self) -> None:
        newer_version.serve(self.kubectl, seconds=SECONDS)

    def own_crds(self) -> None:
        install(self.kubectl)
        wait_for(lambda: "pace" not in self.explained(), "this version's CRDs", seconds=SECONDS)

    def explained(self, part: str = "spec") -> dict[str, Any]:
        """Give the part of an object that the API server fills in: CRDs take effect a while after they were applied."""
        body = manifest("TaskDeletion", "probe", {"taskID": DONE}, suspend=True)
        done = self.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(body))
        return dict(json.loads(done.stdout)[part]) if done.returncode == 0 else {"pace": "?", "reason": "?"}

    @contextmanager
    def newer_operator(self) -> Iterator[None]:
        kubeconfig = self.control_plane.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT)
        module = "tests.integration.newer_version"
        command = [sys.executable, "-m", module, "run", f"--kubeconfig={kubeconfig}", *self.arguments]
        process = spawn(command, log=None, environment=os.environ)
        try:
            yield
            assert process.poll() is None
        finally:
            end(process)

    @contextmanager
    def this_operator(self) -> Iterator[None]:
        with running_operator(self.control_plane, self.arguments):
            yield

    def deletes(self, name: str, task: str, **spec: Any) -> None:
        self.kubectl.apply(manifest("TaskDeletion", name, {"taskID": task}, **spec))

    def until(self, name: str, holds: Holds) -> None:
        self.objects.until("TaskDeletion", name, holds, seconds=SECONDS)

    def is_seen(self, holds: Holds) -> None:
        """Wait until an object that is applied now has been dealt with: those before it have been, too."""
        name = f"sentinel-{len(self.sentinels)}"
        self.sentinels.append(name)
        self.deletes(name, "5e" * 32)
        self.until(name, holds)

    def knows_more(self, name: str) -> None:
        """Write into a status what only the newer version would."""
        status = self.objects.status("TaskDeletion", name)
        conditions = [{**each, "severity": "Info"} for each in status["conditions"]]
        history = [*status.get("history", []), *NEWER_WORDS["history"]]
        patch = {"status": {**NEWER_WORDS, "conditions": conditions, "history": history}}
        self.kubectl.must("patch", "tdel", name, "--subresource=status", "--type=merge", "-p", json.dumps(patch))

    def kept(self, name: str) -> dict[str, Any]:
        return self.objects.get("TaskDeletion", name)


@dataclass
class Day:
    """What was seen: objects by chapter, and the deletions that peers were asked for after the first."""

    seen: dict[int, dict[str, dict[str, Any]]]
    deletions: list[tuple[str, str]]

    def status(self, chapter: int, name: str) -> dict[str, Any]:
        return dict(self.seen[chapter][name]["status"])


def is_too_old(status: dict[str, Any]) -> bool:
    return succeeded(status) == ("Unknown", "OperatorTooOld")


def is_suspended(status: dict[str, Any]) -> bool:
    return succeeded(status)[1] == "Suspended"


@pytest.fixture(scope="module")
def stage(simulator: Simulation) -> Iterator[Stage]:
    with ControlPlane() as control_plane:
        kubectl = Kubectl.as_admin(control_plane)
        install(kubectl)
        arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
        yield Stage(control_plane, kubectl, Objects(control_plane), simulator.control, arguments)


@pytest.fixture(scope="module")
def day(stage: Stage) -> Day:
    world, until = stage.world, stage.until
    seen: dict[int, dict[str, dict[str, Any]]] = {}
    names = ["done", "wide", "going", "paused", "pending"]

    stage.newer_crds()
    with stage.newer_operator():
        stage.deletes("done", DONE)
        stage.deletes("wide", WIDE, excludePeers=["n1"])
        for name, task in (("going", GOING), ("paused", PAUSED)):
            world.caches(task, on="n1", state="downloading")
            world.caches(task, on="n2")
            stage.deletes(name, task)
            until(name, is_running)
        wait_for(
            lambda: world.holders(GOING) == world.holders(PAUSED) == {"n1"}, "the deletions on n2", seconds=SECONDS
        )
        stage.deletes("paused", PAUSED, suspend=True)
        until("paused", is_suspended)
        for name in ("done", "wide"):
            until(name, is_finished)
    for name in ("done", "wide", "going", "paused"):
        stage.knows_more(name)
    stage.deletes("pending", PENDING)
    # Whatever repeats a finished run from now on, or begins one that is held, asks for deletions.
    for task in (DONE, WIDE, PENDING):
        world.caches(task, on="n3")
    world.forget_calls()
    seen[1] = {name: stage.kept(name) for name in names}

    with stage.this_operator():
        for name in ("going", "paused", "pending"):
            until(name, is_too_old)
        stage.is_seen(is_too_old)
        seen[2] = {name: stage.kept(name) for name in names}
        seen[2]["deletions"] = {"asked": world.delete_requests()}

    with stage.newer_operator():
        until("paused", is_suspended)
        until("going", is_running)
        world.caches(GOING, on="n1")
        for name in ("going", "pending"):
            until(name, is_finished)
        stage.is_seen(is_finished)
        seen[3] = {name: stage.kept(name) for name in names}

    for task in (GOING, PENDING):
        world.caches(task, on="n3")
    stage.own_crds()
    with stage.this_operator():
        stage.is_seen(is_finished)
        seen[4] = {name: stage.kept(name) for name in names}

    stage.newer_crds()
    with stage.newer_operator():
        stage.is_seen(is_finished)
        stage.deletes("paused", PAUSED, suspend=False)
        until("paused", is_running)
        world.caches(PAUSED, on="n1")
        until("paused", is_finished)
        seen[5] = {name: stage.kept(name) for name in names}
    return Day(seen, world.delete_requests())


def test_finished_runs_are_never_repeated(day: Day) -> None:
    assert [each for each in day.deletions if each[1] in {DONE, WIDE}] == []


def test_what_was_held_is_deleted_once_and_by_the_version_that_can_read_it(day: Day) -> None:
    asked = sorted(set(day.deletions))

    assert day.seen[2]["deletions"] == {"asked": []}
    assert [each for each in asked if each[1] in {GOING, PAUSED}] == [("n1", GOING), ("n1", PAUSED)]
    assert [each for each in asked if each[1] == PENDING] == [("n3", PENDING)]


@pytest.mark.parametrize("name", ["done", "wide"])
@pytest.mark.parametrize("chapter", [2, 3])
def test_finished_object_is_not_touched_while_its_spec_stays(day: Day, name: str, chapter: int) -> None:
    assert day.seen[chapter][name] == day.seen[1][name]


@pytest.mark.parametrize("name", ["done", "wide"])
def test_finished_object_is_not_touched_through_crds_that_hide_a_part_of_it(day: Day, name: str) -> None:
    assert day.seen[5][name] == day.seen[1][name]


@pytest.mark.parametrize("name", ["going", "paused"])
def test_run_that_is_held_keeps_what_was_known_of_it(day: Day, name: str) -> None:
    before, held = day.status(1, name), day.status(2, name)

    for kept in ("runKey", "startTime", "peers", "tasks", "history", "phase", "progress"):
        assert held[kept] == before[kept], kept
    assert condition(held, "Succeeded")["severity"] == "Info"
    assert condition(held, "Succeeded")["lastTransitionTime"] == condition(before, "Succeeded")["lastTransitionTime"]
    assert (held["reason"], "completionTime" in held) == ("OperatorTooOld", False)


@pytest.mark.parametrize(("name", "chapter"), [("going", 3), ("paused", 5)])
def test_run_that_was_held_goes_on_with_what_it_had(day: Day, name: str, chapter: int) -> None:
    status = day.status(chapter, name)

    assert (succeeded(status), status["peers"]["deleted"]) == (("True", "Deleted"), 2)
    assert [run["reason"] for run in status["history"]] == ["Deleted", "Vaporised"]
    assert status["history"][1] == NEWER_WORDS["history"][0]
    assert (status["phase"], status["peers"]["asleep"]) == ("Third", 2)


def test_object_that_has_not_run_says_what_holds_it(day: Day) -> None:
    held = day.status(2, "pending")

    assert condition(held, "Succeeded")["message"].startswith(
        "spec.targets[0].layers is a field that this version of the operator does not know (and 1 more); nothing"
    )
    assert (condition(held, "Finished")["status"], held["observedGeneration"]) == ("False", 1)
    assert (held["summary"], "runKey" in held) == (f"task {PENDING}", False)


def test_operator_that_is_newer_than_the_crds_leaves_out_what_they_have_no_place_for(
    stage: Stage, tmp_path: Path
) -> None:
    stage.own_crds()
    older = json.loads(stage.kubectl.must("get", "crd", "taskdeletions.tasks.d7y.io", "-o", "json"))
    version = older["spec"]["versions"][0]
    del version["selectableFields"]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    for name in ("reason", "summary"):
        status["properties"].pop(name)
        status["default"].pop(name, None)
    stage.kubectl.must("replace", "-f", "-", stdin=json.dumps(older))
    wait_for(lambda: "reason" not in stage.explained("status"), "the older CRDs", seconds=SECONDS)
    log = tmp_path / "operator.log"

    with running_operator(stage.control_plane, stage.arguments, log=log):
        for name in ("beside-older", "beside-older-too"):
            stage.deletes(name, "0d" * 32)
            stage.until(name, is_finished)

    status = stage.objects.status("TaskDeletion", "beside-older")
    assert (succeeded(status), "reason" in status) == (("True", "NothingToDelete"), False)
    assert log.read_text().count("crds.old") == 1
