"""What people and tools see of an object: columns, Events, and a status that is what the CRD says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.objects import PLURALS, Objects, is_finished, manifest, wait_for
from tests.simulator.control import Control

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

URL = "https://models.example.com/columns.bin?X-Amz-Signature=hidden&version=7"


def events(kubectl: Kubectl, *, of: dict[str, Any]) -> list[tuple[str, str]]:
    """(type, reason) of this very object's, in the order in which they were written."""
    uid = of["metadata"]["uid"]
    listed = kubectl.must("get", "events", f"--field-selector=involvedObject.uid={uid}", "-o", "json")
    items = sorted(json.loads(listed)["items"], key=lambda event: int(event["metadata"]["resourceVersion"]))
    return [(event["type"], event["reason"]) for event in items]


def table(kubectl: Kubectl, *arguments: str) -> list[str]:
    """Column names."""
    return kubectl.must("get", *arguments).splitlines()[0].split()


@pytest.fixture
def search(kubectl: Kubectl, objects: Objects) -> str:
    kubectl.apply(manifest("TaskSearch", "seen-search", {"url": URL}))
    objects.until("TaskSearch", "seen-search", is_finished)
    return "seen-search"


@pytest.fixture
def deletion(kubectl: Kubectl, objects: Objects, world: Control) -> str:
    world.caches("5ee1" * 16, on="n1")
    kubectl.apply(manifest("TaskDeletion", "seen-deletion", {"taskID": "5ee1" * 16}, runID="one"))
    objects.until("TaskDeletion", "seen-deletion", is_finished)
    return "seen-deletion"


def test_columns_of_a_search(kubectl: Kubectl, search: str) -> None:
    columns = "NAME SUCCEEDED REASON CACHING PEERS UNREACHABLE AGE"
    assert table(kubectl, "tsearch", search) == columns.split()


def test_columns_of_a_deletion(kubectl: Kubectl, deletion: str) -> None:
    columns = "NAME SUCCEEDED REASON PROGRESS DELETED FAILED COMPLETED AGE"
    assert table(kubectl, "tdel", deletion) == columns.split()


def test_wide_columns_of_a_search(kubectl: Kubectl, search: str) -> None:
    assert table(kubectl, "tsearch", search, "-o", "wide")[-3:] == ["MESSAGE", "FIRST-URL", "IMAGE"]


def test_wide_columns_of_a_deletion(kubectl: Kubectl, deletion: str) -> None:
    assert table(kubectl, "tdel", deletion, "-o", "wide")[-2:] == ["MESSAGE", "RUN-ID"]


def test_wide_row_has_no_secret_of_the_url(kubectl: Kubectl, search: str) -> None:
    row = kubectl.must("get", "tsearch", search, "-o", "wide", "--no-headers")
    assert ("hidden" in row, "columns.bin" in row) == (False, True)


def test_row_of_a_deletion_says_what_became_of_it(kubectl: Kubectl, deletion: str) -> None:
    row = kubectl.must("get", "tdel", deletion, "--no-headers").split()
    assert row[1:6] == ["True", "Deleted", "11/11", "1", "0"]


def test_both_kinds_are_listed_by_their_category(kubectl: Kubectl, search: str, deletion: str) -> None:
    names = kubectl.must("get", "dragonfly-tasks", "-o", "name").splitlines()
    assert {f"tasksearch.tasks.d7y.io/{search}", f"taskdeletion.tasks.d7y.io/{deletion}"} <= set(names)


@pytest.mark.parametrize(
    ("kind", "name", "spec", "fault", "expected"),
    [
        ("TaskSearch", "event-found", {}, None, [("Normal", "Found")]),
        ("TaskSearch", "event-partial", {}, {"kind": "fails", "call": "stat"}, []),
        ("TaskDeletion", "event-deleted", {}, None, [("Normal", "Deleted")]),
        ("TaskDeletion", "event-dry", {"dryRun": True}, None, []),
        (
            "TaskDeletion",
            "event-failed",
            {"backoffLimit": 0},
            {"kind": "fails", "call": "delete", "code": "PERMISSION_DENIED"},
            [("Warning", "PeersFailed")],
        ),
        (
            "TaskDeletion",
            "event-late",
            {"activeDeadlineSeconds": 1},
            {"kind": "fails", "call": "stat"},
            [("Warning", "DeadlineExceeded")],
        ),
    ],
)
def test_events_of_a_run_are_few(  # noqa: PLR0917 - fixtures
    kubectl: Kubectl,
    objects: Objects,
    world: Control,
    kind: str,
    name: str,
    spec: dict[str, Any],
    fault: dict[str, Any] | None,
    expected: list[tuple[str, str]],
) -> None:
    task = f"e7{name.encode().hex():0<62}"[:64]
    world.caches(task)
    if fault is not None:
        world.fails(on="n1,n2,n3", **fault)

    kubectl.apply(manifest(kind, name, {"taskID": task}, **spec))

    objects.until(kind, name, is_finished)
    kind_of_end = "Warning" if expected and expected[0][0] == "Warning" else "Normal"
    body = objects.get(kind, name)
    until_written(kubectl, of=body)
    assert events(kubectl, of=body) == [("Normal", "Started"), *expected, (kind_of_end, "Finished")]


def test_event_says_who_reports_it(kubectl: Kubectl, objects: Objects, search: str) -> None:
    body = objects.get("TaskSearch", search)
    until_written(kubectl, of=body)

    listed = json.loads(kubectl.must("get", "events.v1.events.k8s.io", "-o", "json"))["items"]
    found = [each for each in listed if each["regarding"]["uid"] == body["metadata"]["uid"]]

    assert {each["reportingController"] for each in found} == {"dragonfly-task-operator"}
    assert all(each["reportingInstance"] and each["action"] and each["eventTime"] for each in found)


def until_written(kubectl: Kubectl, *, of: dict[str, Any]) -> None:
    """Events are written beside the run: its last one may come a moment after its last status."""
    wait_for(lambda: "Finished" in [reason for _, reason in events(kubectl, of=of)], "the last Event")


@pytest.mark.parametrize("kind", PLURALS)
def test_status_is_what_the_crd_says(
    control_plane: ControlPlane, objects: Objects, search: str, deletion: str, kind: str
) -> None:
    body = objects.get(kind, search if kind == "TaskSearch" else deletion)
    path = f"{objects.path(kind, body['metadata']['name'])}/status?dryRun=All&fieldValidation=Strict"

    assert control_plane.request("PUT", path, body)["status"] == body["status"]
