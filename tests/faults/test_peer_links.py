"""Whatever may be at a peer's address, or become of its connections: for one, some and all peers, for both kinds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.stage import Stage, task_of
from tests.simulator.control import Control

pytestmark = pytest.mark.controlplane

SCOPES = {"one": "n1", "some": "n1,n2,n3,n4", "all": "all"}
LINKS = ["refused", "blackholed", "mute", "resetting", "noise", "wrong-tls"]
CUTS: list[dict[str, Any]] = [
    {"kind": "resets", "call": "stat"},
    {"kind": "resets", "call": "delete", "after": False},
    {"kind": "resets", "call": "delete", "after": True},
    {"kind": "dies", "call": "stat", "times": 1},
    {"kind": "dies", "call": "delete", "times": 1, "after": True, "seconds": 0.5},
]


@pytest.fixture(scope="module", params=["lean", "grpc"])
def transport(request: pytest.FixtureRequest) -> str:
    """Both, in turn."""
    return str(request.param)


def one_of_each(stage: Stage, world: Control) -> list[dict[str, Any]]:
    """Everything that may be asked for, of tasks that all peers cache."""
    bodies = [
        stage.new("TaskSearch"),
        stage.new("TaskDeletion", backoffLimit=1),
        stage.new("TaskDeletion", backoffLimit=1, unreachablePeers="Ignore"),
        stage.new("TaskDeletion", backoffLimit=1, dryRun=True),
    ]
    for body in bodies:
        world.caches(task_of(body))
    return bodies


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("link", LINKS)
def test_invariants_hold_whatever_is_at_the_address(stage: Stage, world: Control, link: str, scope: str) -> None:
    bodies = one_of_each(stage, world)
    world.becomes(link, on=SCOPES[scope])

    stage.create(bodies)
    stage.finish(bodies, seconds=30)

    assert stage.violations(bodies) + stage.wrong_deletions() == []


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("fault", CUTS, ids=lambda fault: "-".join(str(each) for each in fault.values()))
def test_invariants_hold_when_connections_are_cut(
    stage: Stage, world: Control, fault: dict[str, Any], scope: str
) -> None:
    bodies = one_of_each(stage, world)
    world.fails(on=SCOPES[scope], **fault)

    stage.create(bodies)
    stage.finish(bodies, seconds=30)

    assert stage.violations(bodies) + stage.wrong_deletions() == []
