"""`exec` beside the operator, on the same Dragonfly: both say the same of the same world."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from hack.kubectl import Kubectl
from tests.integration.conftest import Finished
from tests.objects import manifest
from tests.simulator.control import Control, Simulation

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

OF_A_MOMENT = {"startTime", "completionTime", "lastTransitionTime", "lastAttemptTime", "createdAt", "updatedAt"}

Prepare = Callable[[Control, str], None]


def holds(world: Control, task: str) -> None:
    world.caches(task, on="n1,n4,seed0")


def one_fails(world: Control, task: str) -> None:
    world.caches(task, on="n1,n4")
    world.fails("fails", "delete", on="n4", code="INTERNAL", details="remove piece 3")


def one_is_down(world: Control, task: str) -> None:
    world.caches(task, on="n1,n4")
    world.goes_down("n7")


CASES: dict[str, tuple[str, Prepare, dict[str, Any]]] = {
    "found": ("TaskSearch", holds, {}),
    "partial": ("TaskSearch", one_is_down, {}),
    "not-found": ("TaskSearch", holds, {"targets": [{"taskID": "f" * 64}]}),
    "several": (
        "TaskSearch",
        holds,
        {"targets": [{"url": "https://e.com/f?b=2&a=1"}, {"taskID": "f" * 64}]},
    ),
    "deleted": ("TaskDeletion", holds, {}),
    "dry-run": ("TaskDeletion", holds, {"dryRun": True}),
    "failed": ("TaskDeletion", one_fails, {"backoffLimit": 1}),
    "nothing": ("TaskDeletion", holds, {"targets": [{"taskID": "e" * 64}], "runID": "first"}),
    "other-cluster": ("TaskSearch", holds, {"schedulerClusterIDs": [99], "activeDeadlineSeconds": 3}),
}


@pytest.mark.parametrize("case", CASES)
def test_exec_says_what_the_operator_says(
    kubectl: Kubectl, world: Control, simulator: Simulation, finished: Finished, case: str
) -> None:
    kind, prepare, spec = CASES[case]
    task = f"c{list(CASES).index(case)}" * 32
    body = manifest(kind, f"exec-{case}", {"taskID": task}, **spec)
    prepare(world, task)
    kubectl.apply(body)
    expected = finished(kind, f"exec-{case}")
    kubectl.must("delete", kind, f"exec-{case}")
    world.recovers()
    world.comes_back("everything")
    prepare(world, task)

    status = executed(body, simulator)

    assert settled(status) == settled(expected)


def executed(body: dict[str, Any], simulator: Simulation) -> dict[str, Any]:
    schedulers = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    done = subprocess.run(
        [sys.executable, "-m", "dragonfly_task_operator", "exec", *schedulers, "-f", "-"],
        input=json.dumps(body),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (0, 1), done.stderr
    status: dict[str, Any] = yaml.safe_load(done.stdout)["status"]
    return status


def settled(value: object) -> object:
    """Leave out what is of a moment; and what only an operator that has been running knows, of who was seen when."""
    if isinstance(value, Mapping):
        return {name: settled(each) for name, each in value.items() if name not in OF_A_MOMENT}
    if isinstance(value, list):
        return [settled(each) for each in value]
    return value.partition(" (last listed")[0] if isinstance(value, str) else value
