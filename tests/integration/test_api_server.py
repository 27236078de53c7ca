"""An API server that dies, or whose store is silent, while runs go: the work goes on, and its result is not lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.objects import Objects, is_finished, is_running, manifest, succeeded, wait_for
from tests.simulator.control import Control

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

Held = Callable[[str], str]


@pytest.fixture
def held_run(kubectl: Kubectl, objects: Objects, world: Control) -> Held:
    """A deletion that waits for a download on n1."""

    def begin(name: str) -> str:
        task = f"a91{name.encode().hex():0<61}"[:64]
        world.caches(task, on="n1", state="downloading")
        kubectl.apply(manifest("TaskDeletion", name, {"taskID": task}))
        objects.until("TaskDeletion", name, is_running)
        return task

    return begin


def test_run_ends_while_the_api_server_is_down_and_tells_so_once_it_is_back(
    control_plane: ControlPlane, objects: Objects, world: Control, held_run: Held
) -> None:
    task = held_run("killed-apiserver")

    control_plane.stop_apiserver(kill=True)
    try:
        world.caches(task, on="n1")
        wait_for(lambda: not world.holders(task), "the deletion")
    finally:
        control_plane.start_apiserver()

    status = objects.until("TaskDeletion", "killed-apiserver", is_finished, seconds=40)
    assert (succeeded(status), status["peers"]["deleted"]) == (("True", "Deleted"), 1)
    assert [run["reason"] for run in status["history"]] == ["Deleted"]


def test_objects_applied_after_a_restart_of_the_api_server_are_run(
    control_plane: ControlPlane, kubectl: Kubectl, objects: Objects
) -> None:
    control_plane.restart_apiserver(kill=True)
    wait_for(lambda: kubectl("get", "tsearch").returncode == 0, "the kind to be served again")

    kubectl.apply(manifest("TaskSearch", "after-restart", {"taskID": "5a9e" * 16}))

    assert succeeded(objects.until("TaskSearch", "after-restart", is_finished, seconds=40)) == ("True", "NotFound")


def test_run_ends_while_etcd_is_silent_and_tells_so_once_it_answers(
    control_plane: ControlPlane, objects: Objects, world: Control, held_run: Held
) -> None:
    task = held_run("paused-etcd")

    control_plane.pause_etcd()
    try:
        world.caches(task, on="n1")
        wait_for(lambda: not world.holders(task), "the deletion")
    finally:
        control_plane.resume_etcd()

    status = objects.until("TaskDeletion", "paused-etcd", is_finished, seconds=40)
    assert (succeeded(status), status["peers"]["deleted"]) == (("True", "Deleted"), 1)
