"""A stage for each module: its simulator and its operator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from hack.controlplane.server import ControlPlane
from hack.installation import NAMESPACE, SERVICE_ACCOUNT
from hack.kubectl import Kubectl
from tests.apiserver_proxy import ApiServerProxy
from tests.faults.stage import Stage
from tests.simulator.control import Control, simulation

_PATIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}

# A run of a machine takes seconds: one that fails is shown as it was found, and not made smaller, where time is short.
settings.register_profile(
    "faults",
    max_examples=6,
    stateful_step_count=15,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    **_PATIENT,
)
settings.register_profile("faults-long", max_examples=200, stateful_step_count=40, **_PATIENT)


@pytest.fixture(scope="module")
def peers() -> int:
    """How many peers there are; modules may say otherwise."""
    return 8


@pytest.fixture(scope="module")
def proxy(control_plane: ControlPlane, kubectl: Kubectl) -> Iterator[ApiServerProxy]:
    """What an operator may see the API server through."""
    del kubectl  # has installed the operator's account
    with ApiServerProxy(control_plane.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT)).running() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def kubeconfig() -> Path | None:
    """The operator's; None for its own account without a proxy; modules may say otherwise."""
    return None


@pytest.fixture(scope="module")
def transport() -> str | None:
    """What peers are asked with; None for what the operator does by itself; modules may say otherwise."""
    return None


@pytest.fixture(scope="module")
def options(kubeconfig: Path | None, transport: str | None) -> list[str]:
    """The operator's."""
    given = {"kubeconfig": kubeconfig, "peer-transport": transport}
    return ["--rpc-timeout=500ms", *(f"--{name}={value}" for name, value in given.items() if value)]


@pytest.fixture(scope="module")
def stage(
    control_plane: ControlPlane,
    kubectl: Kubectl,
    options: list[str],
    peers: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    log: Path = tmp_path_factory.mktemp("operator") / "operator.log"
    with simulation(schedulers=3, peers=peers) as running:
        stage = Stage(control_plane, kubectl, running, log=log, options=options)
        stage.start_operator()
        try:
            yield stage
        finally:
            stage.stop_operator()


@pytest.fixture
def world(stage: Stage) -> Iterator[Control]:
    """The simulated Dragonfly, put right after each test."""
    yield stage.world
    stage.world.is_put_right()
