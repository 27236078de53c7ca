"""Peers that left the cluster, on a real API server: a deletion succeeds without them, and never by mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import running_operator
from hack.kubectl import Kubectl
from tests.objects import Objects, condition, is_finished, manifest, succeeded
from tests.simulator.control import Control, Simulation, simulation

pytestmark = pytest.mark.controlplane

_NUMBERS = count(1)

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def simulator() -> Iterator[Simulation]:
    with simulation(schedulers=2, peers=4, seeds=1) as running:
        yield running


@pytest.fixture
def world(simulator: Simulation) -> Control:
    return simulator.control


@pytest.fixture
def delete(control_plane: ControlPlane, kubectl: Kubectl, objects: Objects, simulator: Simulation) -> Iterator[Run]:
    """Run a deletion of a task that everybody has, of an operator that has met the peers before."""
    schedulers = [f"--scheduler={address}" for address in simulator.scheduler_addresses]

    def run(**spec: Any) -> dict[str, Any]:
        number = next(_NUMBERS)
        task, name = f"de9a{number:060x}", f"departed-{number}"
        simulator.control.caches(task)
        kubectl.apply(manifest("TaskDeletion", name, {"taskID": task}, **spec))
        status: dict[str, Any] = objects.until("TaskDeletion", name, is_finished)
        return status

    with running_operator(control_plane, schedulers):
        assert succeeded(run()) == ("True", "Deleted")
        yield run


def message(status: dict[str, Any]) -> str:
    return str(condition(status, "Succeeded")["message"])


@pytest.mark.parametrize("schedulers", ["as they were", "restarted"])
def test_seed_that_restarts_at_another_address_fails_no_deletion(world: Control, delete: Run, schedulers: str) -> None:
    world.moves("seed0")
    if schedulers == "restarted":
        world.restarts()
        world.announce()

    status = delete()

    assert succeeded(status) == ("True", "Deleted")
    assert message(status) == (
        "deleted from 5 of 5 peers; all 5 of them, asked again, no longer have it; 1 peer left the cluster"
    )
    assert (status["peers"]["total"], status["peers"]["gone"], "failures" in status) == (5, 1, False)


def test_peers_that_were_taken_away_fail_no_deletion_though_a_scheduler_was_killed(world: Control, delete: Run) -> None:
    world.leaves("n1,n2")
    world.goes_down("scheduler0")

    status = delete()

    assert (succeeded(status), "; 2 peers left the cluster" in message(status)) == (("True", "Deleted"), True)


def test_peer_that_is_dead_when_schedulers_restart_may_still_be_there(world: Control, delete: Run) -> None:
    world.goes_down("n1")
    world.restarts()
    world.announce()

    status = delete(backoffLimit=0)

    assert succeeded(status) == ("False", "PeersFailed")
    assert [(each["hostname"], each["reason"]) for each in status["failures"]] == [("n1", "Unreachable")]
    assert "left the cluster" not in message(status)


def test_peer_that_no_scheduler_lists_and_that_answers_is_cleared(world: Control, delete: Run) -> None:
    world.forget_hosts("n1")

    status = delete()

    assert (succeeded(status), status["peers"]["deleted"]) == (("True", "Deleted"), 5)
    assert "left the cluster" not in message(status)
