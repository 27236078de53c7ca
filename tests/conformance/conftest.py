"""The same statements on two stages: simulated in `make test`, real in `make test-real`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.real_stage import RealStage
from tests.conformance.simulated_stage import SimulatedStage
from tests.conformance.stage import Stage
from tests.real import Binaries, RealDragonfly
from tests.simulator.control import simulation


@pytest.fixture(scope="session", params=["simulated", pytest.param("real", marks=pytest.mark.real)])
def whole_stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if request.param == "simulated":
        with simulation(peers=3, seeds=1) as simulator:
            yield SimulatedStage(simulator)
    else:
        directory = tmp_path_factory.mktemp("conformance")
        with RealDragonfly.running(Binaries.given(), directory, network=7, seeds=1) as dragonfly:
            yield RealStage(dragonfly)


@pytest.fixture
def stage(whole_stage: Stage) -> Iterator[Stage]:
    """The stage, put right after each test."""
    yield whole_stage
    whole_stage.recovers()
