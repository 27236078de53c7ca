"""Objects that come back from a backup: nothing but what is in them tells whether their work is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import running_operator
from hack.kubectl import Kubectl
from tests.objects import Objects, is_finished, manifest, wait_for
from tests.simulator.control import Simulation

pytestmark = pytest.mark.controlplane

TASK = "ba0c" * 16

Calls = Callable[[str], dict[str, int]]


@pytest.fixture
def backup(control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation, objects: Objects) -> dict[str, Any]:
    """An object that has finished and has then been lost, while no operator runs."""
    name = "restored"
    kubectl("delete", "tdel", name, "--ignore-not-found")
    with running_operator(control_plane, _arguments(simulator)):
        kubectl.apply(manifest("TaskDeletion", name, {"taskID": TASK}))
        objects.until("TaskDeletion", name, is_finished)
    kept = objects.get("TaskDeletion", name)
    kubectl.must("delete", "tdel", name)
    return kept


@pytest.fixture
def restored(kubectl: Kubectl, backup: dict[str, Any]) -> dict[str, Any]:
    body = backup | {"metadata": {"name": backup["metadata"]["name"], "namespace": "default"}}
    kubectl.must("create", "-f", "-", stdin=json.dumps(body))
    return body


def _arguments(simulator: Simulation) -> list[str]:
    return [f"--scheduler={address}" for address in simulator.scheduler_addresses]


@pytest.fixture
def calls_of_another_search(
    control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation, objects: Objects
) -> Calls:
    """Start the operator, let it finish something applied last, and tell how often peers were asked."""

    def ask(name: str) -> dict[str, int]:
        kubectl.must("delete", "tsearch", name, "--ignore-not-found")
        simulator.control.forget_calls()
        with running_operator(control_plane, _arguments(simulator)):
            kubectl.apply(manifest("TaskSearch", name, {"taskID": TASK}))
            objects.until("TaskSearch", name, is_finished)
            wait_for(lambda: is_finished(objects.status("TaskDeletion", "restored")), "the restored object's end")
        return dict(simulator.control.calls()["peers"])

    return ask


def test_object_restored_with_its_status_is_not_run_again(
    kubectl: Kubectl, restored: dict[str, Any], calls_of_another_search: Calls
) -> None:
    patch = json.dumps({"status": restored["status"]})
    kubectl.must("patch", "tdel", "restored", "--subresource=status", "--type=merge", "-p", patch)

    assert calls_of_another_search("after-restore") == {"stat": 11}


def test_object_restored_without_its_status_runs_anew(restored: dict[str, Any], calls_of_another_search: Calls) -> None:
    assert calls_of_another_search("after-restore") == {"stat": 22}
