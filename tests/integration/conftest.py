"""A simulated Dragonfly for each module, and the operator on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import running_operator
from hack.kubectl import Kubectl
from tests.integration.replicas import Start, replicas
from tests.simulator.control import Control, Simulation, simulation

Finished = Callable[[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulation]:
    with simulation(schedulers=3, peers=10, seeds=1) as running:
        yield running


@pytest.fixture
def world(simulator: Simulation) -> Iterator[Control]:
    """The simulated Dragonfly, put right after each test."""
    yield simulator.control
    simulator.control.is_put_right()


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation) -> Iterator[None]:
    """The operator, in a process of its own, with the rights that `deploy/` gives it and no more."""
    del kubectl  # has installed it
    schedulers = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    with running_operator(control_plane, [*schedulers, "--rpc-timeout=2s"]):
        yield


@pytest.fixture
def finished(kubectl: Kubectl) -> Finished:
    def wait(kind: str, name: str) -> dict[str, Any]:
        done = kubectl("wait", kind, name, "--for=condition=Finished", "--timeout=50s")
        assert done.returncode == 0, done.stderr + json.dumps(kubectl.get(kind, name), indent=1)
        status: dict[str, Any] = kubectl.get(kind, name)["status"]
        return status

    return wait


@pytest.fixture
def start(control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation, tmp_path: Path) -> Iterator[Start]:
    """Starts operators, any number of them, in processes of their own; they end with the test."""
    del kubectl  # has installed the operator
    arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    with replicas(control_plane, arguments, tmp_path) as begin:
        yield begin
