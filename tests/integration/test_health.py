"""What the probes and Prometheus are told by a real process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.integration.conftest import Finished
from tests.integration.replicas import Replica, deletion, replicas
from tests.objects import wait_for
from tests.simulator.control import Control, Simulation

pytestmark = pytest.mark.controlplane

SECRET_URL = "https://models.example.com/a?token=hunter2"


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane,
    kubectl: Kubectl,
    simulator: Simulation,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Replica]:
    del kubectl  # has installed it
    arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    with replicas(control_plane, arguments, tmp_path_factory.mktemp("operator")) as start:
        yield start()


def test_ready_operator_sees_what_is_applied(operator: Replica, kubectl: Kubectl, finished: Finished) -> None:
    operator.comes_up()

    kubectl.apply(deletion("seen", "e1" * 32))

    assert finished("tdel", "seen")["conditions"][0]["reason"] == "NothingToDelete"


def test_operator_is_not_ready_before_its_watches_run(
    control_plane: ControlPlane, simulator: Simulation, operator: Replica, tmp_path: Path
) -> None:
    operator.comes_up()  # so that this test has the machine for itself
    arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    with replicas(control_plane, arguments, tmp_path) as start:
        another = start()
        control_plane.pause_etcd()  # nothing can be listed: Python takes longer than this to start
        try:
            wait_for(lambda: another.probe("/livez") == (200, "ok"), what="the probes to be served", seconds=60)
            answer = another.probe("/readyz")
        finally:
            control_plane.resume_etcd()
        another.comes_up()

    assert answer == (503, "tasksearches: not watched yet\ntaskdeletions: not watched yet")


def test_frozen_operator_gives_no_answer(operator: Replica) -> None:
    operator.comes_up()

    operator.freezes()
    try:
        status, _ = operator.probe("/livez")
    finally:
        operator.wakes()

    assert status == 0


def test_metrics_count_runs_by_kind_and_reason(
    operator: Replica, kubectl: Kubectl, world: Control, finished: Finished
) -> None:
    world.caches("e2" * 32, on="n1")
    kubectl.apply(deletion("counted", "e2" * 32))
    finished("tdel", "counted")

    prefix = "dragonfly_task_operator"
    wait_for(
        lambda: operator.metrics().get(f'{prefix}_runs_total{{kind="TaskDeletion",reason="Deleted"}}') == 1,
        what="the run to be counted",
        seconds=30,
    )

    metrics = operator.metrics()
    assert metrics[f'{prefix}_rpcs_total{{method="DeleteTask",outcome="OK"}}'] == 1
    assert metrics[f'{prefix}_run_seconds_count{{kind="TaskDeletion"}}'] >= 1
    assert metrics[f"{prefix}_peers_asked_total"] >= 11
    assert metrics[f'{prefix}_status_writes_total{{outcome="written"}}'] >= 1
    assert metrics[f"{prefix}_objects_going"] == 0
    assert metrics[f"{prefix}_leader"] == 1


def test_metrics_hold_nothing_that_a_user_wrote(operator: Replica, kubectl: Kubectl, finished: Finished) -> None:
    manifest = deletion("planted-name", "e3" * 32)
    manifest["spec"]["targets"] = [{"url": SECRET_URL, "tag": "planted-tag"}]
    kubectl.apply(manifest)
    finished("tdel", "planted-name")

    text = " ".join(operator.metrics())

    assert [word for word in ("planted", "hunter2", "models.example.com", "default") if word in text] == []
