"""The invariants of tests/faults can fail: one object that is right, and each way of being wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults import invariants

Body = dict[str, Any]

RIGHT: Body = {
    "kind": "TaskDeletion",
    "metadata": {"name": "one"},
    "spec": {"dryRun": False, "unreachablePeers": "Fail", "activeDeadlineSeconds": 60},
    "status": {
        "conditions": [
            {"type": "Succeeded", "status": "True", "reason": "Deleted", "message": "deleted from 1 of 3 peers"},
            {"type": "Finished", "status": "True"},
        ],
        "startTime": "2026-11-24T10:00:00Z",
        "completionTime": "2026-11-24T10:00:09Z",
        "history": [{"runKey": "a", "reason": "Deleted"}],
    },
}


def succeeded(body: Body, status: str, reason: str, message: str = "") -> None:
    body["status"]["conditions"][0] |= {"status": status, "reason": reason, "message": message}


def stuck(body: Body) -> None:
    body["status"]["conditions"][1]["status"] = "False"


def silent(body: Body) -> None:
    succeeded(body, "False", "DeadlineExceeded")


def without_failures(body: Body) -> None:
    succeeded(body, "False", "PeersFailed", "1 peer failed")


def without_description(body: Body) -> None:
    body["status"]["failures"] = [{"hostname": "n1", "description": ""}]


def defective(body: Body) -> None:
    succeeded(body, "False", "InternalError", "KeyError")


def late(body: Body) -> None:
    body["status"]["completionTime"] = "2026-11-24T10:02:00Z"


def run_twice(body: Body) -> None:
    body["status"]["history"] *= 2


def annotated(body: Body) -> None:
    body["metadata"]["annotations"] = {}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (stuck, "is stuck"),
        (silent, "failed without a message"),
        (without_failures, "lists no failure"),
        (without_description, "without a description"),
        (defective, "defect of the operator: KeyError"),
        (late, "60 s after its deadline"),
        (run_twice, "ran 2 times"),
        (annotated, "has ['annotations']"),
    ],
)
def test_what_is_wrong_with_an_object_is_found(wrong: Callable[[Body], None], words: str) -> None:
    body = copy.deepcopy(RIGHT)
    wrong(body)
    (found,) = invariants.of_object(body, holders=set())
    assert words in found


def test_nothing_is_found_with_an_object_that_is_right() -> None:
    assert invariants.of_object(RIGHT, holders=set()) == []


def test_success_while_a_peer_has_the_task_is_found() -> None:
    (found,) = invariants.of_object(RIGHT, holders={"n1"})
    assert "says Deleted, and ['n1'] have it" in found


def test_peer_that_is_ignored_and_listed_is_excused() -> None:
    body = copy.deepcopy(RIGHT)
    body["spec"]["unreachablePeers"] = "Ignore"
    body["status"]["failures"] = [{"hostname": "n1", "description": "connection refused"}]
    assert len(invariants.of_object(body, holders={"n1", "n2"})) == 1


def test_deletion_that_nobody_asked_for_is_found() -> None:
    found = invariants.of_deletions([("n1", "a"), ("n2", "b"), ("n2", "b")], deletable={"a"})
    assert found == ["n2 was asked to delete b, which nobody asked for"]
