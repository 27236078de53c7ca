"""Who the peers are: schedulers by name and by Service, their union, what is remembered, and pods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from dragonfly_task_operator.dragonfly.channels import ChannelPool
from dragonfly_task_operator.dragonfly.discovery import Pod
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.peers import GrpcPeers
from dragonfly_task_operator.dragonfly.schedulers import GrpcSchedulers
from dragonfly_task_operator.engine.clearing import look
from dragonfly_task_operator.engine.model import Cached, Host, HostListing
from dragonfly_task_operator.errors import LookupFailed, NoSchedulerReachable, PeerError, PeerReason
from dragonfly_task_operator.protos_gen import common_pb2
from dragonfly_task_operator.settings import ClusterSettings, PodSelector, ServiceRef
from tests.simulator import SimulatedCluster
from tests.simulator.hosts import AnnouncedHost
from tests.unit.clocks import SteppingClock
from tests.wires import wire_of

pytestmark = pytest.mark.usefixtures("each_transport")

TASK = "a1" * 32


@dataclass
class Kubernetes:
    """Services and pods, or an error in their place."""

    service: Sequence[tuple[str, int]] = ()
    answer: Sequence[Pod] | LookupFailed = ()

    async def endpoints(self, service: ServiceRef) -> Sequence[tuple[str, int]]:
        return self.service

    async def pods(self, selector: PodSelector) -> Sequence[Pod]:
        if isinstance(self.answer, LookupFailed):
            raise self.answer
        return self.answer


@dataclass
class Operator:
    """The adapters as the operator wires them, and the clock they go by."""

    schedulers: GrpcSchedulers
    peers: GrpcPeers
    clock: SteppingClock

    async def lists(self) -> HostListing:
        return await self.schedulers.hosts()

    async def lists_again(self) -> HostListing:
        """List after schedulers have restarted, as runs do: again, where their end is not noticed before."""
        async with asyncio.timeout(30):
            while True:
                try:
                    return await self.lists()
                except NoSchedulerReachable:
                    await asyncio.sleep(0.05)

    async def names(self) -> set[str]:
        return {host.hostname for host in (await self.lists()).hosts}

    async def host(self, name: str) -> Host:
        return next(host for host in (await self.lists()).hosts if host.hostname == name)


@dataclass
class Names:
    """A resolver."""

    addresses: Mapping[str, Sequence[str]] = field(default_factory=dict)

    async def resolve(self, host: str, port: int) -> Sequence[tuple[str, int]]:
        return [(ip, port) for ip in self.addresses.get(host, [host])]


@asynccontextmanager
async def operator_of(
    world: SimulatedCluster,
    *,
    schedulers: Sequence[Any] | None = None,
    kubernetes: Kubernetes | None = None,
    addresses: Mapping[str, Sequence[str]] | None = None,
    pods: bool = False,
) -> AsyncIterator[Operator]:
    selector = PodSelector(namespace="dragonfly", label_selector="app=dfdaemon", port=world.peer("n0").address[1])
    cluster = ClusterSettings(
        schedulers=tuple(schedulers or world.scheduler_addresses), peers=selector if pods else None
    )
    clock, pool = SteppingClock(), ChannelPool()
    memory = HostMemory(clock)
    listing = GrpcSchedulers(
        [cluster],
        pool,
        memory=memory,
        services=kubernetes,
        pods=kubernetes,
        tls={},
        timeout=5,
        resolve=Names(addresses or {}).resolve,
    )
    yield Operator(listing, GrpcPeers(wire_of(pool), memory=memory, tls={}, timeout=5, in_flight=9), clock)
    await listing.aclose()
    await pool.aclose()


async def test_every_address_of_a_name_is_a_scheduler() -> None:
    async with SimulatedCluster(schedulers=2, peers=2) as world:
        world.scheduler(0).forgets_hosts([world.peer("n0").host_id])
        world.scheduler(1).forgets_hosts([world.peer("n1").host_id])
        ips = [scheduler.address[0] for scheduler in world.schedulers]
        port = world.scheduler().address[1]
        async with operator_of(
            world, schedulers=[f"schedulers.example:{port}"], addresses={"schedulers.example": ips}
        ) as operator:
            assert await operator.names() == {"n0", "n1"}


async def test_every_endpoint_of_a_service_is_a_scheduler() -> None:
    async with SimulatedCluster(schedulers=2, peers=2) as world:
        world.scheduler(0).forgets_hosts([world.peer("n0").host_id])
        world.scheduler(1).forgets_hosts([world.peer("n1").host_id])
        service = {"service": {"namespace": "dragonfly", "name": "scheduler", "port": 8002}}
        kubernetes = Kubernetes(service=[scheduler.address for scheduler in world.schedulers])
        async with operator_of(world, schedulers=[service], kubernetes=kubernetes) as operator:
            assert await operator.names() == {"n0", "n1"}


async def test_service_without_an_endpoint_is_named() -> None:
    async with SimulatedCluster(peers=1) as world:
        service = {"service": {"namespace": "dragonfly", "name": "scheduler", "port": 8002}}
        async with operator_of(world, schedulers=[service], kubernetes=Kubernetes()) as operator:
            with pytest.raises(NoSchedulerReachable, match="service dragonfly/scheduler:8002: has no ready endpoint"):
                await operator.lists()


async def test_schedulers_that_disagree_are_united() -> None:
    async with SimulatedCluster(schedulers=2, peers=3) as world:
        world.scheduler(0).forgets_hosts([world.peer("n0").host_id])
        world.scheduler(1).forgets_hosts([world.peer("n2").host_id])
        async with operator_of(world) as operator:
            assert await operator.names() == {"n0", "n1", "n2"}


async def test_scheduler_that_is_down_is_noted_with_why() -> None:
    async with SimulatedCluster(schedulers=3, peers=1) as world:
        await world.scheduler(1).goes_down()
        async with operator_of(world) as operator:
            listing = await operator.lists()
        (silent,) = listing.silent
        wanted = (world.scheduler(1).target, "Connection refused")
        assert (len(listing.hosts), listing.schedulers, [each in silent for each in wanted]) == (1, 3, [True, True])


async def test_peers_and_schedulers_at_ipv6_addresses_are_asked() -> None:
    async with SimulatedCluster(schedulers=0, peers=1, ipv6=True) as world:
        world.caches(TASK)
        async with operator_of(world) as operator:
            assert isinstance(await look(operator.peers, await operator.host("v6"), TASK), Cached)


async def test_schedulers_that_restarted_cost_no_peer() -> None:
    async with SimulatedCluster(schedulers=2, peers=2) as world, operator_of(world) as operator:
        before = await operator.names()
        for scheduler in world.schedulers:
            await scheduler.restarts()
        operator.clock.passes(minutes=5)
        listing = await operator.lists_again()

        assert {host.hostname for host in listing.hosts} == before == {"n0", "n1"}


async def test_remembered_peers_alone_are_nobody_to_ask_when_no_scheduler_answers() -> None:
    async with SimulatedCluster(peers=1) as world, operator_of(world) as operator:
        await operator.lists()
        await world.scheduler().goes_down()

        with pytest.raises(NoSchedulerReachable):
            await operator.lists()


async def test_peer_that_moved_is_asked_where_it_is_now() -> None:
    async with SimulatedCluster(peers=2) as world, operator_of(world) as operator:
        world.peer("n1").caches(TASK)
        ip, port = world.peer("n1").address
        announces(world, ip="127.9.9.9", port=port)
        await operator.lists()
        announces(world, ip=ip, port=port)

        assert isinstance(await look(operator.peers, await operator.host("moved"), TASK), Cached)


def announces(world: SimulatedCluster, *, ip: str, port: int) -> None:
    """Let a peer with an id of its own announce itself, and nobody else be listed."""
    world.scheduler().forgets_hosts()
    world.scheduler().hears_of_host(AnnouncedHost.of(common_pb2.Host(id="fixed", hostname="moved", ip=ip, port=port)))


async def test_dead_peer_is_unreachable_with_when_it_was_last_seen() -> None:
    async with SimulatedCluster(peers=1) as world, operator_of(world) as operator:
        n0 = await operator.host("n0")
        await look(operator.peers, n0, TASK)
        await world.peer("n0").goes_down()
        operator.clock.passes(minutes=12)

        with pytest.raises(PeerError) as dead:
            await look(operator.peers, n0, TASK)

        words = "(last listed by a scheduler 12 minutes ago, last answered 12 minutes ago)"
        assert (dead.value.reason, words in dead.value.description) == (PeerReason.UNREACHABLE, True)


async def test_pod_that_no_scheduler_lists_is_asked_under_the_id_that_dragonfly_would_give() -> None:
    async with SimulatedCluster(peers=2) as world:
        world.scheduler().forgets_hosts([world.peer("n1").host_id])
        world.peer("n1").caches(TASK)
        kubernetes = Kubernetes(answer=[(world.peer("n1").address[0], "n1", True)])
        async with operator_of(world, kubernetes=kubernetes, pods=True) as operator:
            n1 = await operator.host("n1")
            presence = await look(operator.peers, n1, TASK)
        assert (n1.id, type(presence)) == (world.peer("n1").host_id, Cached)


async def test_pod_that_a_scheduler_lists_is_one_peer() -> None:
    async with SimulatedCluster(peers=1, seeds=1) as world:
        kubernetes = Kubernetes(answer=[(peer.address[0], "pod-name", True) for peer in world.peers])
        async with operator_of(world, kubernetes=kubernetes, pods=True) as operator:
            assert {host.id for host in (await operator.lists()).hosts} == {peer.host_id for peer in world.peers}


async def test_pods_are_asked_without_a_scheduler_and_the_listing_says_so() -> None:
    async with SimulatedCluster(peers=1) as world:
        await world.scheduler().goes_down()
        kubernetes = Kubernetes(answer=[(world.peer("n0").address[0], "n0", True)])
        async with operator_of(world, kubernetes=kubernetes, pods=True) as operator:
            listing = await operator.lists()
        (note,) = listing.notes
        said = 'no scheduler of cluster "default" answered: its peers are the pods of dragonfly/app=dfdaemon' in note
        assert ([host.hostname for host in listing.hosts], len(listing.silent), said) == (["n0"], 1, True)


async def test_no_scheduler_and_no_pod_is_nobody_to_ask() -> None:
    async with SimulatedCluster(peers=1) as world:
        await world.scheduler().goes_down()
        async with operator_of(world, kubernetes=Kubernetes(), pods=True) as operator:
            with pytest.raises(NoSchedulerReachable):
                await operator.lists()


async def test_pods_that_cannot_be_listed_are_noted() -> None:
    async with SimulatedCluster(peers=1) as world:
        refused = Kubernetes(answer=LookupFailed("pods dragonfly/app=dfdaemon: the API server answered 403 Forbidden"))
        async with operator_of(world, kubernetes=refused, pods=True) as operator:
            listing = await operator.lists()
        assert listing.notes == ("pods dragonfly/app=dfdaemon: the API server answered 403 Forbidden",)
