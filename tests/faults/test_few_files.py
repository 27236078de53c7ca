"""An operator that may open fewer files than there are peers: slower, and never wrong about a peer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.faults.stage import Stage, task_of
from tests.objects import succeeded
from tests.simulator.control import Simulation, simulation

pytestmark = pytest.mark.controlplane

PEERS = 1500
LIMITS = {"containerd 2": (1024, 1024), "few": (256, 256), "hardly any": (64, 64)}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulation]:
    with simulation(schedulers=3, peers=PEERS) as running:
        yield running


@pytest.fixture
def stage(
    control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation, tmp_path: Path, files: tuple[int, int]
) -> Iterator[Stage]:
    stage = Stage(control_plane, kubectl, simulator, log=tmp_path / "operator.log", options=[])
    stage.start_operator(files=files)
    try:
        yield stage
    finally:
        stage.stop_operator()
        kubectl.must("delete", "tasksearches,taskdeletions", "--all", "--wait=false")


@pytest.mark.parametrize("files", LIMITS.values(), ids=LIMITS.keys())
def test_every_peer_is_asked_and_none_is_blamed(stage: Stage, files: tuple[int, int]) -> None:
    search, deletion = stage.new("TaskSearch"), stage.new("TaskDeletion", unreachablePeers="Ignore")
    for body in (search, deletion):
        body["spec"]["parallelism"] = 2000
        stage.world.caches(task_of(body))

    stage.create([search, deletion])
    stage.finish([search, deletion], seconds=90)

    found, deleted = (stage.objects.status(body["kind"], body["metadata"]["name"]) for body in (search, deletion))
    assert succeeded(found) == ("True", "Found"), found["conditions"]
    assert succeeded(deleted) == ("True", "Deleted"), deleted["conditions"]
    assert _counts(found, "caching", "failed", "unreachable") == (PEERS, 0, 0)
    assert _counts(deleted, "deleted", "failed", "unreachable") == (PEERS, 0, 0)
    assert stage.world.holders(task_of(deletion)) == set()
    assert "operator.files" in stage.log.read_text()


def _counts(status: dict[str, Any], *names: str) -> tuple[int, ...]:
    return tuple(status["peers"].get(name, 0) for name in names)
