"""An operator that starts when schedulers list nobody, or the dead: it has no memory of hosts to fall back on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import running_operator
from hack.kubectl import Kubectl
from tests.objects import Objects, condition, is_finished, is_running, manifest, succeeded
from tests.simulator.control import Control, Simulation

pytestmark = pytest.mark.controlplane

TASK = "5d" * 32

Newcomer = Callable[[], AbstractContextManager[Any]]


@pytest.fixture
def newcomer(control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation) -> Newcomer:
    del kubectl  # has installed it
    schedulers = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    return lambda: running_operator(control_plane, schedulers)


def test_no_peers_known_is_never_success(
    kubectl: Kubectl, objects: Objects, world: Control, newcomer: Newcomer
) -> None:
    world.forget_hosts()

    with newcomer():
        for kind in ("TaskSearch", "TaskDeletion"):
            kubectl.apply(manifest(kind, "no-peers", {"taskID": TASK}, activeDeadlineSeconds=3))
        ends = [objects.until(kind, "no-peers", is_finished) for kind in ("TaskSearch", "TaskDeletion")]

    assert [succeeded(status) for status in ends] == [("False", "NoPeersKnown")] * 2


def test_run_goes_on_when_peers_announce_themselves_to_restarted_schedulers(
    kubectl: Kubectl, objects: Objects, world: Control, newcomer: Newcomer
) -> None:
    world.caches(TASK, on="n1,n2")
    world.restarts()

    with newcomer():
        kubectl.apply(manifest("TaskDeletion", "peers-return", {"taskID": TASK}))
        running = objects.until("TaskDeletion", "peers-return", is_running)
        world.announce()
        status = objects.until("TaskDeletion", "peers-return", is_finished)

    assert "no peers" in condition(running, "Succeeded")["message"]
    assert (succeeded(status), world.holders(TASK)) == (("True", "Deleted"), set())


def test_host_that_is_listed_and_dead_is_unreachable(
    kubectl: Kubectl, objects: Objects, world: Control, newcomer: Newcomer
) -> None:
    (dead,) = world.list_dead_hosts(1)

    with newcomer():
        kubectl.apply(manifest("TaskDeletion", "dead-host", {"taskID": TASK}, backoffLimit=0))
        status = objects.until("TaskDeletion", "dead-host", is_finished)

    world.restarts()  # or the dead would be listed for the next test too
    assert [(each["hostname"], each["reason"]) for each in status["failures"]] == [(dead, "Unreachable")]
