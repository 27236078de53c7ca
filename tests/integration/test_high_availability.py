"""Two operators, of which one acts: as one dies, stops, or is frozen, the other goes on with its runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import NAMESPACE
from hack.kubectl import Kubectl
from tests.integration.conftest import Finished
from tests.integration.replicas import (
    LEASE,
    Replica,
    Start,
    deleted,
    deletion,
    grant_lease,
    no_lease,
    replicas,
)
from tests.objects import wait_for
from tests.simulator.control import Control, Simulation, simulation

pytestmark = pytest.mark.controlplane

PEERS = 50


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulation]:
    with simulation(schedulers=1, peers=PEERS) as running:
        yield running


@pytest.fixture
def start(control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation, tmp_path: Path) -> Iterator[Start]:
    grant_lease(kubectl)
    no_lease(kubectl)
    arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    arguments += ["--leader-elect", f"--leader-elect-namespace={NAMESPACE}"]
    with replicas(control_plane, arguments, tmp_path) as begin:
        yield begin


@dataclass(frozen=True, slots=True)
class SlowDeletion:
    """A deletion that takes some 10 s on 50 peers: to be applied once those are up who should see it."""

    kubectl: Kubectl
    name: str
    task: str

    def gets_under_way(self) -> None:
        self.kubectl.apply(deletion(self.name, self.task, parallelism=4))
        wait_for(self._is_under_way, what="a run that is under way", seconds=60)

    def _is_under_way(self) -> bool:
        return 3 <= deleted(self.kubectl, self.name) < PEERS


@pytest.fixture
def slow(kubectl: Kubectl, world: Control) -> Iterator[SlowDeletion]:
    deletion = SlowDeletion(kubectl, f"slow-{time.monotonic_ns()}", f"{time.monotonic_ns():064x}")
    world.caches(deletion.task)
    world.fails("slow", "delete", seconds=0.8)
    yield deletion
    kubectl.must("delete", "tdel", deletion.name, "--ignore-not-found")


def get(kubectl: Kubectl, name: str) -> dict[str, Any]:
    return dict(json.loads(kubectl.must("get", "tdel", name, "-o", "json")))


def both_up(start: Start, slow: SlowDeletion) -> tuple[Replica, Replica]:
    """Start a leader and then its standby, and wait until a run of the leader's is under way."""
    leader = start()
    leader.comes_up()
    standby = start()
    standby.comes_up()
    slow.gets_under_way()
    return leader, standby


def test_standby_acts_within_20_seconds_of_the_kill_of_the_leader_and_goes_on_with_its_run(
    start: Start, kubectl: Kubectl, finished: Finished, slow: SlowDeletion, world: Control
) -> None:
    name, task = slow.name, slow.task
    leader, standby = both_up(start, slow)

    leader.dies()
    before = deleted(kubectl, name)
    seconds = wait_for(lambda: standby.leads, what="the standby to lead", seconds=30)

    assert seconds < 20
    status = finished("tdel", name)
    assert status["conditions"][0]["reason"] == "Deleted"
    assert before <= status["peers"]["deleted"] <= PEERS
    assert status["peers"]["deleted"] + status["peers"]["alreadyAbsent"] == PEERS
    assert world.holders(task) == set()


def test_standby_acts_within_3_seconds_of_a_clean_stop_of_the_leader(
    start: Start, kubectl: Kubectl, finished: Finished, slow: SlowDeletion
) -> None:
    leader, standby = both_up(start, slow)

    code, stopping = leader.stops()
    seconds = wait_for(lambda: standby.leads, what="the standby to lead", seconds=30)

    assert (code, stopping < 5, seconds < 3) == (0, True, True), (code, stopping, seconds)
    status = finished("tdel", slow.name)
    assert status["conditions"][0]["reason"] == "Deleted"


def test_leader_that_was_frozen_asks_no_peer_and_writes_nothing_when_it_wakes(
    start: Start, kubectl: Kubectl, finished: Finished, slow: SlowDeletion, world: Control
) -> None:
    leader, standby = both_up(start, slow)
    leader.freezes()
    wait_for(lambda: standby.leads, what="the standby to lead", seconds=30)
    world.recovers()
    finished("tdel", slow.name)
    before = get(kubectl, slow.name)["metadata"]["resourceVersion"]
    world.forget_calls()

    leader.wakes()
    code = leader.process.wait(timeout=15)

    assert code == 1
    assert f"the lease {NAMESPACE}/{LEASE} is held by" in leader.log.read_text().splitlines()[-1]
    assert get(kubectl, slow.name)["metadata"]["resourceVersion"] == before
    assert world.calls()["peers"] == {}
    assert standby.leads


def test_leader_that_was_frozen_goes_on_when_nobody_took_over(
    start: Start, kubectl: Kubectl, finished: Finished, slow: SlowDeletion
) -> None:
    leader = start()
    leader.comes_up()
    slow.gets_under_way()

    leader.freezes()
    with pytest.raises(AssertionError):
        wait_for(lambda: leader.leads, what="an answer of a frozen process", seconds=15)
    leader.wakes()

    assert finished("tdel", slow.name)["conditions"][0]["reason"] == "Deleted"
    assert leader.leads


def test_outage_of_the_api_server_longer_than_the_lease_ends_no_run(
    start: Start, control_plane: ControlPlane, kubectl: Kubectl, finished: Finished, slow: SlowDeletion
) -> None:
    leader = start()
    leader.comes_up()
    slow.gets_under_way()

    control_plane.stop_apiserver()
    try:
        wait_for(lambda: leader.metrics()["dragonfly_task_operator_leader"] == 0, what="the mandate to end", seconds=60)
        status, text = leader.probe("/readyz")
    finally:
        control_plane.start_apiserver()

    assert (status, "can't be reached" in text) == (503, True), text
    assert finished("tdel", slow.name)["conditions"][0]["reason"] == "Deleted"
    assert leader.process.poll() is None


def test_standby_that_is_told_to_stop_ends_at_once_and_well(start: Start) -> None:
    start().comes_up()
    standby = start()
    standby.comes_up()

    code, seconds = standby.stops()

    assert (code, seconds < 5) == (0, True), seconds


def test_operator_that_may_not_touch_the_lease_is_not_ready_and_says_why(start: Start) -> None:
    refused = start("--leader-elect-name=another")

    wait_for(lambda: "answered 403: " in refused.probe("/readyz")[1], what="a refusal in /readyz", seconds=60)

    assert refused.probe("/livez") == (200, "ok")
