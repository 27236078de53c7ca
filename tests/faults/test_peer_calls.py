"""Every fault that strikes a call to a peer, for one, some and all peers, all at once. Searches make no deletions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import grpc
import pytest

from tests.faults.stage import Stage, task_of
from tests.objects import succeeded

pytestmark = pytest.mark.controlplane

SCOPES = {"one": "n1", "some": "4", "all": "all"}
CODES = [code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
CODES_OF_EACH_SORT = ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "PERMISSION_DENIED", "INTERNAL"]


@dataclass(frozen=True)
class Case:
    kind: str
    call: str
    scope: str
    fault: dict[str, Any] = field(hash=False)

    def __str__(self) -> str:
        words = (str(value).lower() for key, value in self.fault.items() if key != "after")
        return "-".join([self.kind, self.call, *words, *(["after"] if self.fault.get("after") else []), self.scope])


def _at_stat(codes: Iterable[str]) -> list[dict[str, Any]]:
    return [
        # A peer that has a task and says NOT_FOUND can't be told from one that has none.
        *({"kind": "fails", "code": code} for code in codes if code != "NOT_FOUND"),
        {"kind": "hangs"},
        {"kind": "slow", "seconds": 0.2},
        {"kind": "garbles"},
    ]


def _at_delete(codes: Iterable[str]) -> list[dict[str, Any]]:
    return [
        *({"kind": "fails", "code": code, "after": after} for code, after in product(codes, (False, True))),
        {"kind": "hangs", "after": False},
        {"kind": "hangs", "after": True},
        {"kind": "slow", "seconds": 0.2},
        {"kind": "garbles"},
        {"kind": "keeps"},
        {"kind": "recaches"},
    ]


def _cases() -> Iterator[Case]:
    for scope in SCOPES:
        codes = CODES if scope == "one" else CODES_OF_EACH_SORT
        for fault in _at_stat(codes):
            yield Case("TaskSearch", "stat", scope, fault)
            yield Case("TaskDeletion", "stat", scope, fault)
        for fault in _at_delete(codes):
            yield Case("TaskDeletion", "delete", scope, fault)


CASES = tuple(_cases())


@pytest.fixture(scope="module", params=["lean", "grpc"])
def transport(request: pytest.FixtureRequest) -> str:
    """Both, in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def bodies(stage: Stage) -> dict[Case, dict[str, Any]]:
    """All of them, after their end."""
    bodies = {}
    for case in CASES:
        bodies[case] = body = stage.new(case.kind, activeDeadlineSeconds=300)
        if case.kind == "TaskDeletion":
            body["spec"]["backoffLimit"] = 2
        stage.world.caches(task_of(body))
        stage.world.fails(call=case.call, on=SCOPES[case.scope], task_id=task_of(body), **case.fault)
    stage.create(bodies.values())
    stage.finish(bodies.values(), seconds=330)
    return bodies


@pytest.mark.parametrize("case", CASES, ids=str)
def test_invariants_hold(stage: Stage, bodies: dict[Case, dict[str, Any]], case: Case) -> None:
    assert stage.violations([bodies[case]]) == []


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.kind == "TaskDeletion" and case.fault.get("after")], ids=str
)
def test_deletion_that_took_effect_is_success_whatever_was_answered(
    stage: Stage, bodies: dict[Case, dict[str, Any]], case: Case
) -> None:
    status = stage.objects.status("TaskDeletion", bodies[case]["metadata"]["name"])
    assert (succeeded(status), status["peers"]["deleted"]) == (("True", "Deleted"), 8)


def test_peers_are_asked_to_delete_only_what_was_asked_for(stage: Stage, bodies: dict[Case, dict[str, Any]]) -> None:
    assert stage.wrong_deletions() == []
