"""The API server killed, its store frozen, and watches that are cut, expire, repeat themselves and lose deletions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import NAMESPACE, SERVICE_ACCOUNT
from hack.kubectl import Kubectl
from tests.apiserver_proxy import ApiServerProxy
from tests.faults.stage import Stage, task_of
from tests.objects import condition, wait_for
from tests.simulator.control import Control, simulation

pytestmark = pytest.mark.controlplane


@pytest.fixture
def proxy(control_plane: ControlPlane, kubectl: Kubectl) -> Iterator[ApiServerProxy]:
    del kubectl  # has installed the operator's account
    own = control_plane.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT)
    with ApiServerProxy(own).running() as proxy:
        yield proxy


@pytest.fixture
def stage(control_plane: ControlPlane, kubectl: Kubectl, proxy: ApiServerProxy, tmp_path: Path) -> Iterator[Stage]:
    """An operator that sees the API server through the proxy, and sweeps every second. It is not started."""
    through = proxy.kubeconfig(tmp_path / "kubeconfig", user={"token": "anything"})
    with simulation(schedulers=3, peers=8) as running:
        stage = Stage(
            control_plane,
            kubectl,
            running,
            log=tmp_path / "operator.log",
            options=[f"--kubeconfig={through}", "--rpc-timeout=500ms"],
            environment={"DRAGONFLY_TASK_OPERATOR_SWEEP_INTERVAL": "1s"},
        )
        try:
            yield stage
        finally:
            stage.stop_operator()
            kubectl.must("delete", "tasksearches,taskdeletions", "--all", "--wait=false")


@pytest.fixture
def bodies(stage: Stage) -> list[dict[str, Any]]:
    """Runs that take some seconds, begun."""
    stage.world.conditions(latency=0.05)
    bodies = [
        *(stage.new("TaskDeletion", parallelism=1, activeDeadlineSeconds=120) for _ in range(10)),
        *(stage.new("TaskSearch", parallelism=1, activeDeadlineSeconds=120) for _ in range(5)),
    ]
    for body in bodies:
        stage.world.caches(task_of(body))
    stage.start_operator()
    stage.create(bodies)
    wait_for(lambda: len(stage.world.delete_requests()) >= 10, "some deletions", seconds=60)
    return bodies


def end(stage: Stage, bodies: list[dict[str, Any]]) -> list[str]:
    stage.finish(bodies, seconds=90)
    return stage.violations(bodies) + stage.wrong_deletions()


def test_invariants_hold_when_the_api_server_is_killed_and_started_again(
    stage: Stage, bodies: list[dict[str, Any]]
) -> None:
    stage.control_plane.restart_apiserver(kill=True)

    assert end(stage, bodies) == []


def test_invariants_hold_when_etcd_stands_still_for_a_while(stage: Stage, bodies: list[dict[str, Any]]) -> None:
    stage.control_plane.pause_etcd()
    wait_for(lambda: not any(map(stage.world.holders, map(task_of, bodies[:10]))), "all deletions", seconds=60)
    stage.control_plane.resume_etcd()

    assert end(stage, bodies) == []


def test_invariants_hold_when_watches_are_cut_and_expire(
    stage: Stage, proxy: ApiServerProxy, bodies: list[dict[str, Any]]
) -> None:
    for trouble in (proxy.ends_watches, proxy.expires_watches, proxy.ends_watches):
        wait_for(lambda: proxy.open_watches() == 2, "watches of both kinds")
        trouble()

    assert end(stage, bodies) == []


def test_invariants_hold_when_events_are_doubled_and_stale(
    stage: Stage, proxy: ApiServerProxy, bodies: list[dict[str, Any]]
) -> None:
    proxy.watches.repeats = True
    more = [stage.new("TaskDeletion", activeDeadlineSeconds=120) for _ in range(5)]
    for body in more:
        stage.world.caches(task_of(body))
    stage.create(more)

    assert end(stage, [*bodies, *more]) == []


def waits_for_peers(status: dict[str, Any]) -> bool:
    return "list no peers" in condition(status, "Succeeded")["message"]


def test_object_whose_deletion_is_lost_asks_no_peer_any_more(stage: Stage, proxy: ApiServerProxy) -> None:
    world: Control = stage.world
    world.forget_hosts()  # the run waits, and has nothing new to write, which would tell it that its object is gone
    proxy.watches.loses_deletions = True
    lost, other = stage.new("TaskSearch"), stage.new("TaskSearch")
    stage.start_operator()
    stage.create([lost])
    stage.objects.until("TaskSearch", lost["metadata"]["name"], waits_for_peers)

    stage.delete("TaskSearch", lost["metadata"]["name"])
    proxy.expires_watches()
    wait_for(lambda: "object.vanished" in stage.log.read_text(), "the sweep")

    world.announce()
    stage.create([other])
    assert end(stage, [other]) == []
    assert world.calls()["peers"] == {"stat": 8}
