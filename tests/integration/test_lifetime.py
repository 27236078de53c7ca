"""What becomes of objects by the clock, by other hands than their owner's, and by way of a backup."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hack.kubectl import Kubectl
from tests.objects import Objects, is_finished, is_running, manifest, succeeded, wait_for
from tests.simulator.control import Control

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

TASK = "11fe" * 16


def patch_status(kubectl: Kubectl, kind: str, name: str, **status: Any) -> None:
    patch = json.dumps({"status": status})
    kubectl.must("patch", kind, name, "--subresource=status", "--type=merge", "-p", patch)


def test_object_is_removed_when_its_time_after_finishing_is_over(kubectl: Kubectl) -> None:
    kubectl.apply(manifest("TaskSearch", "short-lived", {"taskID": TASK}, ttlSecondsAfterFinished=1))

    done = kubectl("wait", "tsearch/short-lived", "--for=delete", "--timeout=50s")

    assert done.returncode == 0, done.stderr


def test_search_is_repeated_when_its_result_is_older_than_the_refresh_interval(
    kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    kubectl.apply(manifest("TaskSearch", "fresh", {"taskID": TASK}, refreshIntervalSeconds=600))
    objects.until("TaskSearch", "fresh", is_finished)
    world.caches(TASK, on="n1")

    grow_old(kubectl, "fresh")

    status = objects.until("TaskSearch", "fresh", lambda status: succeeded(status)[1] == "Found")
    assert [run["reason"] for run in status["history"]] == ["Found", "NotFound"]


def grow_old(kubectl: Kubectl, name: str) -> None:
    """Make the result of a search older than any refresh interval, instead of waiting for so long."""
    long_ago = datetime.now(UTC) - timedelta(seconds=601)
    patch_status(kubectl, "tsearch", name, completionTime=long_ago.isoformat(timespec="seconds"))


def test_search_that_is_repeated_has_an_event_for_each_change_of_verdict_and_counts_the_rest(
    kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    task = "11fb" * 16
    kubectl.apply(manifest("TaskSearch", "counted", {"taskID": task}, refreshIntervalSeconds=600))
    objects.until("TaskSearch", "counted", is_finished)
    search = objects.get("TaskSearch", "counted")
    for runs in (2, 3, 4):
        if runs == 4:
            world.caches(task, on="n1")
        grow_old(kubectl, "counted")
        objects.until("TaskSearch", "counted", has_run(runs))

    def told() -> list[tuple[str, str, int]]:
        told_of = events(kubectl, of=search)
        return [(each["reason"], each["note"], each.get("series", {}).get("count", 1)) for each in told_of]

    expected = [
        ("Started", "began a run", 1),
        ("Finished", "NotFound: cached on none of 11 peers", 3),
        ("Found", "cached on 1 of 11 peers", 1),
    ]
    with contextlib.suppress(AssertionError):  # what they are instead says more
        wait_for(lambda: told() == expected, "the Events", seconds=30)
    assert told() == expected


def has_run(times: int) -> Callable[[dict[str, Any]], bool]:
    return lambda status: len(status.get("history", ())) == times


def events(kubectl: Kubectl, *, of: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of this very object, in the order in which they were written first."""
    listed = kubectl.must("get", "events.v1.events.k8s.io", "-o", "json")
    items = [each for each in json.loads(listed)["items"] if each["regarding"]["uid"] == of["metadata"]["uid"]]
    return sorted(items, key=lambda each: str(each["eventTime"]))


def test_status_that_somebody_else_patches_meanwhile_is_written_anew(
    kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    task = "11ff" * 16
    world.caches(task, on="n1", state="downloading")
    kubectl.apply(manifest("TaskDeletion", "meddled", {"taskID": task}))
    objects.until("TaskDeletion", "meddled", is_running)
    for number in range(10):
        patch_status(kubectl, "tdel", "meddled", progress=f"{number}/999", runID="not-mine")

    world.caches(task, on="n1")

    status = objects.until("TaskDeletion", "meddled", is_finished)
    assert (succeeded(status), status["progress"], "runID" in status) == (("True", "Deleted"), "11/11", False)


def test_object_of_the_same_name_made_since_is_a_run_of_its_own(
    kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    task = "11fd" * 16
    world.caches(task, on="n1", state="downloading")
    kubectl.apply(manifest("TaskDeletion", "namesake", {"taskID": task}))
    objects.until("TaskDeletion", "namesake", is_running)

    other = manifest("TaskDeletion", "namesake", {"taskID": "11fc" * 16})
    kubectl.must("replace", "--force", "-f", "-", stdin=json.dumps(other))

    status = objects.until("TaskDeletion", "namesake", is_finished)
    assert (succeeded(status), status["tasks"][0]["taskID"]) == (("True", "NothingToDelete"), "11fc" * 16)
    assert [run["reason"] for run in status["history"]] == ["NothingToDelete"]
