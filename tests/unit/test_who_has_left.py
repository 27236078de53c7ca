"""Who has left the cluster, over real connections: that one broke is what tells a scheduler that was restarted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from dragonfly_task_operator.dragonfly import channels, sessions
from dragonfly_task_operator.engine.clearing import look
from dragonfly_task_operator.engine.model import Host
from dragonfly_task_operator.errors import LookupFailed, PeerError
from tests.simulator import Link, SimulatedCluster, sockets
from tests.unit.test_discovery import TASK, Kubernetes, Operator, operator_of


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.05)


async def leavers(operator: Operator) -> set[str]:
    """List, ask everybody, and give the names of those that have left."""
    listing = await operator.lists_again()
    silent = [host for host in listing.hosts if not await answers(operator, host)]
    gone = operator.schedulers.departed(silent)
    return {host.hostname for host in listing.hosts if host.id in gone}


async def answers(operator: Operator, host: Host) -> bool:
    try:
        await look(operator.peers, host, TASK)
    except PeerError:
        return False
    return True


async def test_peer_that_hangs_has_not_left_though_its_scheduler_dropped_it() -> None:
    async with SimulatedCluster(peers=2) as world, operator_of(world) as operator:
        await operator.lists()
        await world.peer("n1").becomes(Link.MUTE)
        world.scheduler().forgets_hosts([world.peer("n1").host_id])

        assert await leavers(operator) == set()


async def test_peer_that_its_scheduler_dropped_has_left() -> None:
    async with SimulatedCluster(peers=2) as world, operator_of(world) as operator:
        assert await leavers(operator) == set()
        await world.peer("n1").leaves()

        assert await leavers(operator) == {"n1"}


async def test_scheduler_that_restarted_is_no_witness_however_fast_it_was() -> None:
    async with SimulatedCluster(peers=3) as world, operator_of(world) as operator:
        await operator.lists()
        await world.peer("n1").leaves()
        await world.scheduler().restarts()
        world.peer("n0").announces()
        world.peer("n2").announces()

        assert [await leavers(operator) for _ in range(3)] == [set()] * 3


async def test_scheduler_that_restarted_is_a_witness_of_what_came_later() -> None:
    async with SimulatedCluster(peers=3) as world, operator_of(world) as operator:
        await operator.lists()
        await world.scheduler().restarts()
        world.announce()
        await operator.lists_again()
        await world.peer("n1").leaves()

        assert await leavers(operator) == {"n1"}


async def test_scheduler_is_a_witness_though_another_was_killed() -> None:
    async with SimulatedCluster(schedulers=2, peers=2) as world, operator_of(world) as operator:
        await operator.lists()
        await world.peer("n1").leaves()
        await world.scheduler(0).goes_down()

        assert await leavers(operator) == {"n1"}


async def test_peer_that_only_a_killed_scheduler_listed_may_be_there() -> None:
    async with SimulatedCluster(schedulers=2, peers=2) as world, operator_of(world) as operator:
        world.scheduler(1).forgets_hosts([world.peer("n1").host_id])
        await operator.lists()
        await world.peer("n1").goes_down()
        await world.scheduler(0).goes_down()

        assert await leavers(operator) == set()


async def test_seed_that_moved_while_schedulers_restarted_has_left_its_old_address() -> None:
    async with SimulatedCluster(peers=1, seeds=1) as world, operator_of(world) as operator:
        old = await operator.host("seed0")
        await world.moves(world.peer("seed0"))
        await world.scheduler().restarts()
        world.announce()
        listing = await operator.lists_again()

        assert not await answers(operator, old)
        assert operator.schedulers.departed([old]) == {old.id}
        assert {host.ip for host in listing.hosts if host.hostname == "seed0"} == {
            old.ip,
            world.peer("seed0").address[0],
        }


async def test_scheduler_that_drops_peers_that_answer_is_no_witness() -> None:
    async with SimulatedCluster(peers=3) as world, operator_of(world) as operator:
        await operator.lists()
        world.scheduler().forgets_hosts()
        await world.peer("n1").goes_down()
        await look(operator.peers, await operator.host("n0"), TASK)

        assert await leavers(operator) == set()


async def test_peer_whose_pod_is_gone_has_left_and_one_whose_pod_is_ending_has_not() -> None:
    async with SimulatedCluster(peers=3) as world:
        pods = [(world.peer(name).address[0], name, True) for name in ("n1", "n2")]
        kubernetes = Kubernetes(answer=pods)
        async with operator_of(world, kubernetes=kubernetes, pods=True) as operator:
            await operator.lists()
            await world.peer("n1").goes_down()
            await world.peer("n2").goes_down()
            await world.scheduler().restarts()
            kubernetes.answer = [(*pods[1][:2], False)]

            assert await leavers(operator) == {"n1"}


async def test_pods_that_cannot_be_listed_tell_nothing_of_who_has_left() -> None:
    async with SimulatedCluster(peers=2) as world:
        kubernetes = Kubernetes(answer=[(world.peer("n1").address[0], "n1", True)])
        async with operator_of(world, kubernetes=kubernetes, pods=True) as operator:
            await operator.lists()
            await world.peer("n1").goes_down()
            await world.scheduler().restarts()
            kubernetes.answer = LookupFailed("pods: refused")

            assert await leavers(operator) == set()


async def test_connection_of_a_scheduler_is_kept_between_runs_and_looked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(sessions, "TOUCH_SECONDS", 0.1)
    async with SimulatedCluster(peers=2) as world, operator_of(world) as operator:
        await operator.lists()
        await until(lambda: world.scheduler().calls["health"] >= 5)
        await world.peer("n1").leaves()

        assert await leavers(operator) == {"n1"}


async def test_connection_of_a_scheduler_is_let_go_when_peers_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(sessions, "TOUCH_SECONDS", 0.1)
    monkeypatch.setattr(sessions, "REMEMBERED", timedelta(seconds=0.2))
    async with SimulatedCluster(peers=2) as world, operator_of(world) as operator:
        await operator.lists()
        port = world.scheduler().address[1]
        assert sum(sockets.open_connections(port).values()) == 1
        await until(lambda: not sockets.open_connections(port))
