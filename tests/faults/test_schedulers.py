"""Every fault of schedulers, for one, some and all of them, for both kinds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.stage import Stage, task_of
from tests.simulator.control import Control

pytestmark = pytest.mark.controlplane

SCOPES = {"one": "scheduler0", "some": "scheduler0,scheduler1", "all": "schedulers"}
LINKS = ["refused", "blackholed", "mute", "resetting", "noise", "wrong-tls"]
FAULTS: list[dict[str, Any]] = [
    *({"kind": kind, "call": "list_hosts"} for kind in ("fails", "hangs", "resets", "garbles", "dies")),
    {"kind": "slow", "call": "list_hosts", "seconds": 0.2},
    {"kind": "hangs", "call": "stat_task"},
    {"kind": "garbles", "call": "stat_task"},
    {"kind": "fails", "call": "delete_task"},
    {"kind": "hangs", "call": "delete_task"},
]


def run(stage: Stage, world: Control) -> list[str]:
    """Search and delete under the fault that is set; gives what is wrong then. Runs that can't begin end after 2 s."""
    bodies = [
        stage.new("TaskSearch", activeDeadlineSeconds=2),
        stage.new("TaskDeletion", activeDeadlineSeconds=2, backoffLimit=1),
    ]
    for body in bodies:
        world.caches(task_of(body), on="n1,n3,n5")
    stage.create(bodies)
    stage.finish(bodies, seconds=30)
    return stage.violations(bodies) + stage.wrong_deletions()


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("link", LINKS)
def test_invariants_hold_whatever_is_at_the_address(stage: Stage, world: Control, link: str, scope: str) -> None:
    world.becomes(link, on=SCOPES[scope])

    assert run(stage, world) == []


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(str(each) for each in fault.values()))
def test_invariants_hold_whatever_is_answered(stage: Stage, world: Control, fault: dict[str, Any], scope: str) -> None:
    world.fails(on=SCOPES[scope], **fault)

    assert run(stage, world) == []


@pytest.mark.parametrize("scope", SCOPES)
def test_invariants_hold_when_hosts_are_forgotten(stage: Stage, world: Control, scope: str) -> None:
    world.restarts(SCOPES[scope])

    assert run(stage, world) == []


@pytest.mark.parametrize("scope", SCOPES)
def test_invariants_hold_when_schedulers_disagree(stage: Stage, world: Control, scope: str) -> None:
    world.forget_hosts("n1,n3", on=SCOPES[scope])

    assert run(stage, world) == []


def test_invariants_hold_when_the_dead_are_listed(stage: Stage, world: Control) -> None:
    world.list_dead_hosts(5)

    assert run(stage, world) == []
