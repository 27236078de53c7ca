"""An operator that is stopped or killed in the middle of a deletion, and started again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.integration.conftest import Finished
from tests.integration.replicas import Start, deleted, deletion
from tests.objects import wait_for
from tests.simulator.control import Control, Simulation, simulation

pytestmark = pytest.mark.controlplane

PEERS = 50
DONE = "d0" * 32
TASKS = {"stopped": "d1" * 32, "killed": "d2" * 32}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulation]:
    with simulation(schedulers=1, peers=PEERS) as running:
        yield running


@pytest.fixture(params=["stopped", "killed"])
def restarted(
    request: pytest.FixtureRequest, start: Start, kubectl: Kubectl, world: Control, finished: Finished
) -> tuple[str, int, list[tuple[str, str]], dict[str, Any]]:
    """How it ended; what had been written by then; the deletions asked for after the restart; the final status."""
    how: str = request.param
    world.caches(TASKS[how])
    world.fails("slow", "delete", seconds=0.5)
    operator = start()
    kubectl.apply(deletion(f"done-{how}", DONE))
    finished("tdel", f"done-{how}")
    kubectl.apply(deletion(how, TASKS[how], parallelism=4))
    wait_for(lambda: 3 <= deleted(kubectl, how) < PEERS, what="a run that is under way", seconds=60)
    if how == "stopped":
        code, seconds = operator.stops()
        assert (code, seconds < 5) == (0, True), (code, seconds)
    else:
        operator.dies()
    written = deleted(kubectl, how)
    world.forget_calls()
    start()
    status = finished("tdel", how)
    return how, written, world.delete_requests(), status


def test_deletion_goes_on_to_its_end_with_its_count_carried(
    restarted: tuple[str, int, list[tuple[str, str]], dict[str, Any]], world: Control
) -> None:
    how, written, again, status = restarted
    peers = status["peers"]

    assert status["conditions"][0]["reason"] == "Deleted"
    assert world.holders(TASKS[how]) == set()
    # Cleared before and written down, or by this process; what was cleared and not written down is absent by now.
    assert written <= peers["deleted"] <= written + len(again)
    assert peers["deleted"] + peers["alreadyAbsent"] == PEERS
    # No peer that was seen cleared is asked to delete again; nor is any object that had ended run once more.
    assert len(again) <= PEERS - written
    assert {task for _, task in again} == {TASKS[how]}


def test_stop_is_over_in_time_while_the_api_server_hangs(
    start: Start, control_plane: ControlPlane, kubectl: Kubectl, world: Control, finished: Finished
) -> None:
    task = "d4" * 32
    world.caches(task)
    world.fails("slow", "delete", seconds=0.5)
    operator = start()
    kubectl.apply(deletion("hanging", task, parallelism=2))
    wait_for(lambda: 3 <= deleted(kubectl, "hanging") < PEERS, what="a run that is under way", seconds=60)

    control_plane.pause_apiserver()
    try:
        code, seconds = operator.stops()
    finally:
        control_plane.resume_apiserver()

    kubectl.must("delete", "tdel", "hanging")
    assert (code, seconds < 5) == (0, True), seconds


def test_stop_writes_down_what_is_known(start: Start, kubectl: Kubectl, world: Control) -> None:
    task = "d3" * 32
    world.caches(task)
    world.fails("slow", "delete", seconds=0.3)
    operator = start()
    kubectl.apply(deletion("checkpoint", task, parallelism=2))
    wait_for(lambda: 3 <= deleted(kubectl, "checkpoint") < PEERS, what="a run that is under way", seconds=60)

    code, seconds = operator.stops()

    cleared = PEERS - len(world.holders(task))
    written = deleted(kubectl, "checkpoint")
    kubectl.must("delete", "tdel", "checkpoint")
    assert (code, seconds < 5) == (0, True), seconds
    # All that was cleared, but for the two that were being asked when it stopped.
    assert cleared - 2 <= written <= cleared
