"""What people do to an object while its run goes, and after."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.objects import Objects, condition, is_finished, is_running, manifest, succeeded, wait_for
from tests.simulator.control import Control

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

Going = Callable[..., str]


@pytest.fixture
def going(kubectl: Kubectl, objects: Objects, world: Control) -> Going:
    """Apply a TaskDeletion whose run is held up by a download on n1 until `world.caches(task, on="n1")` ends it."""

    def begin(name: str, **spec: Any) -> str:
        task = f"ed{name.encode().hex():0<62}"[:64]
        world.caches(task, on="n1", state="downloading")
        world.caches(task, on="n2")
        kubectl.apply(manifest("TaskDeletion", name, {"taskID": task}, **spec))
        objects.until("TaskDeletion", name, is_running)
        wait_for(lambda: world.holders(task) == {"n1"}, "the deletion on n2")
        return task

    return begin


def has_run(run_id: str) -> Callable[[dict[str, Any]], bool]:
    def finished_run(status: dict[str, Any]) -> bool:
        return status.get("runID") == run_id and is_finished(status)

    return finished_run


def is_suspended(status: dict[str, Any]) -> bool:
    return succeeded(status)[1] == "Suspended"


def reasons(status: dict[str, Any]) -> list[str]:
    return [run["reason"] for run in status["history"]]


def test_run_of_a_deleted_object_asks_no_peer_any_more(kubectl: Kubectl, objects: Objects, world: Control) -> None:
    task = "ed00" * 16
    world.caches(task)
    world.conditions(latency=0.1)
    kubectl.apply(manifest("TaskDeletion", "deleted", {"taskID": task}, parallelism=1))
    wait_for(lambda: bool(world.delete_requests()), "the first deletion")

    kubectl.must("delete", "tdel", "deleted")

    # Each of these takes as long as four peers of the run that has to be over: first what was under way comes to rest.
    counts = []
    for name in ("after-deleted", "later"):
        kubectl.apply(manifest("TaskSearch", name, {"taskID": "e0" * 32}, parallelism=1))
        objects.until("TaskSearch", name, is_finished)
        counts.append(len(world.delete_requests()))
    world.conditions(latency=0.0)
    assert counts[0] == counts[1] < 11


def test_edit_of_the_work_ends_the_run_and_begins_another(
    kubectl: Kubectl, objects: Objects, world: Control, going: Going
) -> None:
    old, new = going("edited"), "ed" * 32
    world.caches(new, on="n3")

    kubectl.apply(manifest("TaskDeletion", "edited", {"taskID": new}))

    status = objects.until("TaskDeletion", "edited", is_finished)
    assert (succeeded(status), reasons(status)) == (("True", "Deleted"), ["Deleted", "Superseded"])
    assert [task["taskID"] for task in status["tasks"]] == [new]
    assert (world.holders(new), world.holders(old)) == (set(), {"n1"})


def test_edit_of_another_field_lets_the_run_go_on(
    kubectl: Kubectl, objects: Objects, world: Control, going: Going
) -> None:
    task = going("tuned")
    before = objects.status("TaskDeletion", "tuned")

    kubectl.apply(manifest("TaskDeletion", "tuned", {"taskID": task}, parallelism=3, ttlSecondsAfterFinished=999))
    world.caches(task, on="n1")

    after = objects.until("TaskDeletion", "tuned", is_finished)
    assert (after["startTime"], reasons(after)) == (before["startTime"], ["Deleted"])
    assert after["peers"]["deleted"] == 2


def test_deadline_that_is_edited_counts_at_once(kubectl: Kubectl, objects: Objects, going: Going) -> None:
    task = going("hurried", activeDeadlineSeconds=1000)

    kubectl.apply(manifest("TaskDeletion", "hurried", {"taskID": task}, activeDeadlineSeconds=1))

    assert succeeded(objects.until("TaskDeletion", "hurried", is_finished)) == ("False", "DeadlineExceeded")


def test_dry_run_flipped_to_false_deletes(kubectl: Kubectl, objects: Objects, world: Control) -> None:
    task = "ed01" * 16
    world.caches(task, on="n1,n2")
    kubectl.apply(manifest("TaskDeletion", "flipped", {"taskID": task}, dryRun=True))
    dry = objects.until("TaskDeletion", "flipped", is_finished)

    kubectl.must("patch", "tdel", "flipped", "--type=merge", "-p", '{"spec":{"dryRun":false}}')

    status = objects.until("TaskDeletion", "flipped", lambda status: succeeded(status)[1] == "Deleted")
    assert [peer["hostname"] for peer in dry["tasks"][0]["cachedBy"]] == ["n1", "n2"]
    assert (reasons(status), world.holders(task)) == (["Deleted", "DryRun"], set())


def test_dry_run_after_a_deletion_keeps_nothing_of_its_counts(
    kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    task = "ed02" * 16
    world.caches(task, on="n1")
    kubectl.apply(manifest("TaskDeletion", "dry-again", {"taskID": task}))
    objects.until("TaskDeletion", "dry-again", is_finished)

    kubectl.must("patch", "tdel", "dry-again", "--type=merge", "-p", '{"spec":{"dryRun":true}}')

    status = objects.until("TaskDeletion", "dry-again", lambda status: succeeded(status)[1] == "DryRun")
    assert status["peers"] == {"total": 11, "caching": 0, "failed": 0, "unreachable": 0}


def test_suspended_object_is_not_started_until_it_is_let_go(kubectl: Kubectl, objects: Objects, world: Control) -> None:
    task = "ed03" * 16
    world.caches(task, on="n1")
    kubectl.apply(manifest("TaskDeletion", "held", {"taskID": task}, suspend=True))
    held = objects.until("TaskDeletion", "held", is_suspended)
    holders = world.holders(task)

    kubectl.apply(manifest("TaskDeletion", "held", {"taskID": task}, suspend=False))

    status = objects.until("TaskDeletion", "held", is_finished)
    assert ("startTime" in held, holders) == (False, {"n1"})
    assert (succeeded(status), reasons(status)) == (("True", "Deleted"), ["Deleted"])


def test_run_that_is_suspended_stops_and_goes_on_with_what_it_had(
    kubectl: Kubectl, objects: Objects, world: Control, going: Going
) -> None:
    task = going("paused")

    kubectl.apply(manifest("TaskDeletion", "paused", {"taskID": task}, suspend=True))
    paused = objects.until("TaskDeletion", "paused", is_suspended)
    world.caches(task, on="n1")
    kubectl.apply(manifest("TaskDeletion", "paused", {"taskID": task}, suspend=False))

    status = objects.until("TaskDeletion", "paused", is_finished)
    assert (condition(paused, "Finished")["status"], paused["peers"]["deleted"]) == ("False", 1)
    assert (succeeded(status), status["peers"]["deleted"]) == (("True", "Deleted"), 2)


def test_results_of_one_run_are_not_carried_over_to_another_by_suspending_it(
    kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    task = "ed04" * 16
    world.caches(task, on="n1")
    kubectl.apply(manifest("TaskDeletion", "held-again", {"taskID": task}))
    objects.until("TaskDeletion", "held-again", is_finished)
    kubectl.apply(manifest("TaskDeletion", "held-again", {"taskID": task}, runID="two", suspend=True))
    objects.until("TaskDeletion", "held-again", is_suspended)

    kubectl.apply(manifest("TaskDeletion", "held-again", {"taskID": task}, runID="two"))

    status = objects.until("TaskDeletion", "held-again", has_run("two"))
    assert (succeeded(status), status["peers"]["deleted"]) == (("True", "NothingToDelete"), 0)


def test_replace_with_the_same_spec_runs_nothing_again(
    control_plane: ControlPlane, kubectl: Kubectl, objects: Objects
) -> None:
    body = manifest("TaskDeletion", "replaced", {"taskID": "ed05" * 16})
    kubectl.apply(body)
    before = objects.until("TaskDeletion", "replaced", is_finished)

    kubectl.must("replace", "-f", "-", stdin=json.dumps(body))

    # The operator is done with the replaced object when it has said so of an edit that came after.
    kubectl.must("patch", "tdel", "replaced", "--type=merge", "-p", '{"spec":{"parallelism":9}}')
    after = objects.until("TaskDeletion", "replaced", lambda status: bool(status["observedGeneration"] == 2))
    assert (after["completionTime"], after["history"]) == (before["completionTime"], before["history"])


def test_history_keeps_the_last_ten_runs(kubectl: Kubectl, objects: Objects) -> None:
    for number in range(12):
        kubectl.apply(manifest("TaskSearch", "long-lived", {"taskID": "ed06" * 16}, runID=f"run-{number}"))
        objects.until("TaskSearch", "long-lived", has_run(f"run-{number}"))

    history = objects.status("TaskSearch", "long-lived")["history"]
    assert [run["runID"] for run in history] == [f"run-{number}" for number in range(11, 1, -1)]
