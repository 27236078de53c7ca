"""Requests of a process that has run out of files, on real sockets and real gRPC: nobody else is blamed."""

from __future__ import annotations

import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager

import grpc
import pytest

from dragonfly_task_operator.dragonfly import tls
from dragonfly_task_operator.dragonfly.channels import ChannelPool, Endpoint
from dragonfly_task_operator.dragonfly.discovery import resolve, scheduler_addresses
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.peers import GrpcPeers
from dragonfly_task_operator.dragonfly.schedulers import GrpcSchedulers
from dragonfly_task_operator.engine.clearing import look
from dragonfly_task_operator.engine.model import ABSENT, Host, HostType
from dragonfly_task_operator.errors import OwnKind, OwnTrouble, PeerError, PeerReason
from dragonfly_task_operator.settings import ClusterSettings
from tests import wires
from tests.simulator import SimulatedCluster
from tests.unit.clocks import SteppingClock
from tests.wires import wire_of

TASK = "a1" * 32


@contextmanager
def no_files_left() -> Iterator[None]:
    """Let this process open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
async def world() -> AsyncIterator[SimulatedCluster]:
    async with SimulatedCluster(peers=1) as world:
        yield world


@pytest.fixture
async def pool() -> AsyncIterator[ChannelPool]:
    async with AsyncExitStack() as stack:
        pool = ChannelPool()
        stack.push_async_callback(pool.aclose)
        yield pool


def asking(pool: ChannelPool) -> GrpcPeers:
    return GrpcPeers(wire_of(pool), memory=HostMemory(SteppingClock()), tls={}, timeout=5, in_flight=9)


def host_of(world: SimulatedCluster) -> Host:
    ip, port = world.peer("n0").address
    return Host(f"{ip}-n0", "n0", ip, port, HostType.NORMAL, 1, "default")


@pytest.mark.usefixtures("each_transport")
async def test_peer_that_could_not_be_asked_for_want_of_files_is_asked_later(
    world: SimulatedCluster, pool: ChannelPool
) -> None:
    peers, host = asking(pool), host_of(world)
    with no_files_left():
        for _ in range(2):  # the second one meets gRPC's memory of the first, if it has any
            with pytest.raises(OwnTrouble, match="the operator has run out of files") as held_up:
                await look(peers, host, TASK)
            assert held_up.value.kind is OwnKind.FILES

    assert await look(peers, host, TASK) is ABSENT


@pytest.mark.usefixtures("each_transport")
async def test_peer_that_speaks_of_its_own_files_is_the_peers_trouble(
    world: SimulatedCluster, pool: ChannelPool
) -> None:
    words = "failed to connect to all addresses; last error: INTERNAL: ipv4:1.2.3.4:5: socket: Too many open files"
    world.peer("n0").fails("stat", code=grpc.StatusCode.UNAVAILABLE, details=words)

    with pytest.raises(PeerError) as failed:
        await look(asking(pool), host_of(world), TASK)

    assert failed.value.reason is PeerReason.UNREACHABLE


async def test_schedulers_are_not_said_to_be_silent_for_want_of_files(
    world: SimulatedCluster, pool: ChannelPool
) -> None:
    cluster = ClusterSettings(schedulers=tuple(world.scheduler_addresses))
    listing = GrpcSchedulers(
        [cluster], pool, memory=HostMemory(SteppingClock()), services=None, pods=None, tls={}, timeout=5
    )
    with no_files_left(), pytest.raises(OwnTrouble):
        await listing.hosts()

    assert len((await listing.hosts()).hosts) == 1


async def test_name_that_could_not_be_looked_up_for_want_of_files_is_not_blamed() -> None:
    cluster = ClusterSettings(schedulers=("scheduler.invalid:8002",))
    await resolve("127.0.0.1", 80)  # the threads are there
    with no_files_left(), pytest.raises(OwnTrouble):
        await scheduler_addresses(cluster, None, resolve)


async def test_tls_is_not_looked_into_without_files(world: SimulatedCluster) -> None:
    ip, port = world.peer("n0").address
    with no_files_left(), pytest.raises(OwnTrouble):
        await tls.trouble(ip, port, tls=None, name=ip, timeout=5)


async def test_pool_that_was_closed_under_a_request_is_no_peers_trouble(
    world: SimulatedCluster, pool: ChannelPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wires, "current", "grpc")
    host = host_of(world)
    endpoint = Endpoint(host.ip, host.port, None, host.ip)
    with await pool.connection(endpoint) as connection:
        await connection.channel.close()
        with pytest.raises(OwnTrouble, match="stopping"):
            await look(asking(pool), host_of(world), TASK)
