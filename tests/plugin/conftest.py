"""A simulated Dragonfly and the operator on it, for each module that asks; and people with the rights of the docs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.integration.conftest import operator, world
from tests.plugin.people import kubeconfig_of
from tests.plugin.terminal import Plugin
from tests.simulator.control import Simulation, simulation

__all__ = ["operator", "world"]

PEERS = 30


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulation]:
    with simulation(schedulers=2, peers=PEERS, seeds=1) as running:
        yield running


@pytest.fixture(scope="module")
def editor(control_plane: ControlPlane, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Plugin:
    """The plugin of a person who may edit the namespace `default`, and nothing else."""
    kubeconfig = kubeconfig_of(control_plane, kubectl, "editor", "dragonfly-tasks-view", "dragonfly-tasks-edit")
    return Plugin(kubeconfig, tmp_path_factory.mktemp("editor"))


@pytest.fixture(scope="module")
def viewer(control_plane: ControlPlane, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Plugin:
    """The plugin of a person who may only view it."""
    kubeconfig = kubeconfig_of(control_plane, kubectl, "viewer", "dragonfly-tasks-view")
    return Plugin(kubeconfig, tmp_path_factory.mktemp("viewer"))


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Plugin:
    """The plugin of a person who may do everything."""
    del kubectl  # has installed the kinds
    return Plugin(Path(control_plane.admin_kubeconfig), tmp_path_factory.mktemp("admin"))
