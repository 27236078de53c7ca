"""Who asked, by what an object tells: never more than that."""

from __future__ import annotations

from typing import Any

import pytest

from dragonfly_task_operator.api.audit import AskedBy, Writer
from dragonfly_task_operator.api.kinds import TASK_DELETION
from dragonfly_task_operator.kube.asking import asked_by, audited
from dragonfly_task_operator.kube.objects import Ref, Snapshot


def snapshot(**metadata: Any) -> Snapshot:
    body = {"metadata": {"resourceVersion": "1", "generation": 3, **metadata}, "spec": {}}
    return Snapshot(Ref(TASK_DELETION, "models", "purge", "11"), body)


def entry(manager: str, time: str, *fields: str, operation: str = "Update") -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": operation,
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": {field: {} for field in fields},
    }


NOON, ONE = "2026-11-26T12:00:00Z", "2026-11-26T13:00:00Z"


def test_writers_of_the_spec_are_told_the_last_one_first() -> None:
    managed = [
        entry("kubectl-client-side-apply", NOON, "f:metadata", "f:spec"),
        entry("argocd-controller", ONE, "f:spec", operation="Apply"),
        entry("dragonfly-task-operator", ONE, "f:status"),
        entry("kubectl-label", ONE, "f:metadata"),
    ]

    assert asked_by(snapshot(managedFields=managed)) == AskedBy(
        writers=[
            Writer(manager="argocd-controller", operation="Apply", time=ONE),
            Writer(manager="kubectl-client-side-apply", operation="Update", time=NOON),
        ]
    )


def test_user_is_told_only_where_one_was_stamped() -> None:
    stamped = snapshot(annotations={"tasks.d7y.io/requested-by": "alice@example.com", "other": "bob"})
    assert asked_by(stamped) == AskedBy(requested_by="alice@example.com")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"annotations": None, "managedFields": None},
        {"annotations": {"tasks.d7y.io/requested-by": ""}, "managedFields": ["x", {}, {"fieldsV1": []}]},
    ],
)
def test_object_that_tells_nothing_is_no_trouble(metadata: dict[str, Any]) -> None:
    assert asked_by(snapshot(**metadata)) == AskedBy()


def test_names_and_numbers_of_writers_are_bounded() -> None:
    managed = [entry("m" * 1000, NOON, "f:spec") for _ in range(50)]
    writers = asked_by(snapshot(managedFields=managed)).writers or []
    assert (len(writers), {len(writer.manager) for writer in writers}) == (10, {256})


def test_object_is_named_with_its_generation() -> None:
    assert audited(snapshot()).to_json() == {
        "kind": "TaskDeletion",
        "namespace": "models",
        "name": "purge",
        "uid": "11",
        "generation": 3,
    }
