"""What only a simulated dfdaemon can be asked: the truth about harm, counts and faults; see also tests/conformance."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from dragonfly_task_operator.protos_gen import dfdaemon_pb2
from tests.simulator import DeleteRequest, Peer, SimulatedCluster, State, wire

TASK = "a1" * 32


@pytest.fixture
async def world() -> AsyncIterator[SimulatedCluster]:
    async with SimulatedCluster(schedulers=2, peers=3, seeds=1) as world:
        yield world


async def refusal_of(peer: Peer, method: str) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await wire.ask(peer.target, wire.DFDAEMON + method, dfdaemon_pb2.StatLocalTaskRequest(task_id=TASK), Empty)
    return refused.value


@pytest.mark.parametrize("state", [State.CACHED, State.ABANDONED, State.FAILED])
async def test_deletion_removes_a_task_at_rest_without_harm(world: SimulatedCluster, state: State) -> None:
    world.peer("n0").caches(TASK, state=state)

    await wire.delete(world.peer("n0").target, TASK)

    assert (world.holders(TASK), world.hung_downloads) == (set(), set())


async def test_deletion_while_others_fetch_from_this_peer_is_harmless(world: SimulatedCluster) -> None:
    world.peer("n0").caches(TASK, uploading=3)
    asked = await wire.stat(world.peer("n0").target, TASK)

    await wire.delete(world.peer("n0").target, TASK)

    assert (asked.uploading_count, world.holders(TASK), world.hung_downloads) == (3, set(), set())


async def test_deletion_under_a_running_download_answers_ok_and_does_harm(world: SimulatedCluster) -> None:
    world.peer("n0").downloads(TASK)

    await wire.delete(world.peer("n0").target, TASK)

    assert world.peer("n0").hung_downloads == {TASK}


async def test_download_that_hangs_never_finishes(world: SimulatedCluster) -> None:
    world.peer("n0").downloads(TASK)
    await wire.delete(world.peer("n0").target, TASK)

    world.peer("n0").finishes(TASK)

    assert world.holders(TASK) == set()


async def test_deletion_tells_the_scheduler(world: SimulatedCluster) -> None:
    world.caches(TASK)

    await wire.delete(world.peer("n0").target, TASK)

    assert world.peer("n0").host_id not in world.scheduler_of(TASK).tasks[TASK].hosts


async def test_deletion_succeeds_once_peers_have_refreshed_their_schedulers(world: SimulatedCluster) -> None:
    world.caches(TASK, on=world.select("n0"))
    await world.scheduler_of(TASK).goes_down()
    world.peers_refresh_schedulers()

    await wire.delete(world.peer("n0").target, TASK)

    assert world.holders(TASK) == set()


async def test_cache_task_call_takes_the_peer_down(world: SimulatedCluster) -> None:
    refused = await refusal_of(world.peer("n0"), "DeleteCacheTask")

    assert (refused.code(), world.peer("n0").crashed_by) == (
        grpc.StatusCode.UNAVAILABLE,
        [wire.DFDAEMON + "DeleteCacheTask"],
    )


async def test_every_deletion_that_was_asked_for_is_known(world: SimulatedCluster) -> None:
    world.caches(TASK)
    world.peer("n1").keeps()

    await wire.delete(world.peer("n0").target, TASK)
    await wire.delete(world.peer("n1").target, TASK)

    assert world.delete_requests == [DeleteRequest("n0", TASK), DeleteRequest("n1", TASK)]


async def test_calls_are_counted_by_peer_and_name(world: SimulatedCluster) -> None:
    world.caches(TASK)

    await wire.stat(world.peer("n0").target, TASK)
    await wire.stat(world.peer("n0").target, TASK)
    await wire.delete(world.peer("n0").target, TASK)

    assert (world.peer("n0").calls, world.peer("n1").calls) == ({"stat": 2, "delete": 1}, {})


async def test_connections_are_told_from_calls(world: SimulatedCluster) -> None:
    async with grpc.aio.insecure_channel(world.peer("n0").target) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(wire.DFDAEMON + "StatLocalTask")
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError, match="not found"):
                await call(b"")

    assert (world.peer("n0").calls["stat"], len(world.peer("n0").clients)) == (2, 1)


async def test_open_connections_are_seen_by_peer(world: SimulatedCluster) -> None:
    async with grpc.aio.insecure_channel(world.peer("n1").target) as channel:
        await channel.channel_ready()

        assert world.open_connections() == {"n1": 1}


async def test_peer_at_an_ipv6_address_answers() -> None:
    async with SimulatedCluster(peers=0, ipv6=True) as world:
        world.caches(TASK)

        answer = await wire.stat(world.peer("v6").target, TASK)

    assert answer.task_id == TASK
