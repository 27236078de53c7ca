"""Real dfdaemons, a real API server, and the operator with the rights that `deploy/` gives it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.server import ControlPlane
from hack.installation import running_operator
from hack.kubectl import Kubectl
from tests.e2e.runs import Runs
from tests.objects import Objects
from tests.real import Binaries, RealDragonfly
from tests.registry.real import RealRegistry, real_registry

_SETTINGS = {
    # dfdaemon's default is three hours of waiting for a scheduler that does not answer.
    "scheduler": {"scheduleTimeout": "10s"},
}


@pytest.fixture(scope="session")
def whole_dragonfly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealDragonfly]:
    directory = tmp_path_factory.mktemp("dragonfly")
    with RealDragonfly.running(Binaries.given(), directory, network=8, settings=_SETTINGS) as running:
        yield running


@pytest.fixture
def dragonfly(whole_dragonfly: RealDragonfly) -> Iterator[RealDragonfly]:
    """Three peers, put right after each test."""
    yield whole_dragonfly
    whole_dragonfly.recovers()


@pytest.fixture(scope="session")
def registry(whole_dragonfly: RealDragonfly, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with ExitStack() as stack:
        try:
            folder = tmp_path_factory.mktemp("registry")
            running = stack.enter_context(real_registry(folder, ip=whole_dragonfly.registry_ip))
        except ControlPlaneError as error:
            pytest.skip(str(error))
        yield running


@pytest.fixture(scope="session")
def operator(control_plane: ControlPlane, kubectl: Kubectl, whole_dragonfly: RealDragonfly) -> Iterator[None]:
    del kubectl  # has installed it
    registry = f"http://{whole_dragonfly.registry_ip}"
    scheduler = whole_dragonfly.scheduler.target
    with running_operator(control_plane, [f"--scheduler={scheduler}", f"--registry-allowlist={registry}"]):
        yield


@pytest.fixture
def runs(kubectl: Kubectl, objects: Objects, operator: None) -> Runs:
    return Runs(kubectl, objects)


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return itertools.count()


@pytest.fixture
def path(numbers: Iterator[int]) -> str:
    """A path at the origin that no other test uses."""
    return f"/files/{next(numbers)}.bin"
