"""The simulated dfdaemon answers as docs/dragonfly-behaviour.md says, asked over a bare gRPC channel."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from dragonfly_task_operator.protos_gen import dfdaemon_pb2
from tests.simulator import DeleteRequest, Peer, SimulatedCluster, State, wire

TASK = "a1" * 32
OTHER_TASK = "b2" * 32


@pytest.fixture
async def world() -> AsyncIterator[SimulatedCluster]:
    async with SimulatedCluster(schedulers=2, peers=3, seeds=1) as world:
        yield world


async def refusal_of(peer: Peer, method: str) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await wire.ask(peer.target, wire.DFDAEMON + method, dfdaemon_pb2.StatLocalTaskRequest(task_id=TASK), Empty)
    return refused.value


async def test_stat_of_an_absent_task_is_not_found(world: SimulatedCluster) -> None:
    refused = await refusal_of(world.peer("n0"), "StatLocalTask")

    assert refused.code() is grpc.StatusCode.NOT_FOUND


async def test_stat_of_a_cached_task_says_when_it_finished(world: SimulatedCluster) -> None:
    world.peer("n0").caches(TASK, content_length=100, piece_length=10)

    answer = await wire.stat(world.peer("n0").target, TASK)

    assert (answer.HasField("finished_at"), answer.content_length, answer.piece_length) == (True, 100, 10)


@pytest.mark.parametrize("state", [State.DOWNLOADING, State.ABANDONED])
async def test_stat_of_an_unfinished_task_has_neither_end(world: SimulatedCluster, state: State) -> None:
    world.peer("n0").caches(TASK, state=state)

    answer = await wire.stat(world.peer("n0").target, TASK)

    assert (answer.HasField("finished_at"), answer.HasField("failed_at")) == (False, False)


async def test_stat_of_a_failed_start_says_when_it_failed(world: SimulatedCluster) -> None:
    world.peer("n0").caches(TASK, state="failed")

    answer = await wire.stat(world.peer("n0").target, TASK)

    assert (answer.HasField("finished_at"), answer.HasField("failed_at")) == (False, True)


@pytest.mark.parametrize("state", [State.CACHED, State.ABANDONED, State.FAILED])
async def test_deletion_removes_a_task_at_rest_without_harm(world: SimulatedCluster, state: State) -> None:
    world.peer("n0").caches(TASK, state=state)

    await wire.delete(world.peer("n0").target, TASK)

    assert (world.holders(TASK), world.hung_downloads) == (set(), set())


async def test_deletion_of_an_absent_task_is_internal(world: SimulatedCluster) -> None:
    refused = await refusal_of(world.peer("n0"), "DeleteTask")

    assert (refused.code(), refused.details()) == (grpc.StatusCode.INTERNAL, f"task {TASK} not found")


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


async def test_deletion_with_its_scheduler_down_clears_the_content_and_answers_internal(
    world: SimulatedCluster,
) -> None:
    world.caches(TASK, on=world.select("n0"))
    await world.scheduler_of(TASK).goes_down()

    refused = await refusal_of(world.peer("n0"), "DeleteTask")

    assert (refused.code(), world.holders(TASK)) == (grpc.StatusCode.INTERNAL, set())


async def test_deletion_on_a_host_not_announced_yet_clears_the_content_and_answers_internal(
    world: SimulatedCluster,
) -> None:
    world.caches(TASK, on=world.select("n0"))
    await world.scheduler_of(TASK).restarts()

    refused = await refusal_of(world.peer("n0"), "DeleteTask")

    assert (refused.code(), world.holders(TASK)) == (grpc.StatusCode.INTERNAL, set())


async def test_deletion_succeeds_once_peers_have_refreshed_their_schedulers(world: SimulatedCluster) -> None:
    world.caches(TASK, on=world.select("n0"))
    await world.scheduler_of(TASK).goes_down()
    world.peers_refresh_schedulers()

    await wire.delete(world.peer("n0").target, TASK)

    assert world.holders(TASK) == set()


async def test_requests_over_the_rate_of_a_peer_are_turned_away() -> None:
    async with SimulatedCluster(peers=1, requests_per_second=0) as world:
        refused = await refusal_of(world.peer("n0"), "StatLocalTask")

    assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_stat_task_on_a_peer_is_internal_when_missing(world: SimulatedCluster) -> None:
    refused = await refusal_of(world.peer("n0"), "StatTask")

    assert refused.code() is grpc.StatusCode.INTERNAL


async def test_methods_of_the_unix_socket_are_unimplemented(world: SimulatedCluster) -> None:
    refused = await refusal_of(world.peer("n0"), "DeleteLocalTask")

    assert refused.code() is grpc.StatusCode.UNIMPLEMENTED


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


async def test_other_tasks_stay(world: SimulatedCluster) -> None:
    world.caches(TASK)
    world.caches(OTHER_TASK)

    await wire.delete(world.peer("n0").target, TASK)

    assert world.holders(OTHER_TASK) == {"n0", "n1", "n2", "seed0"}


async def test_peer_at_an_ipv6_address_answers() -> None:
    async with SimulatedCluster(peers=0, ipv6=True) as world:
        world.caches(TASK)

        answer = await wire.stat(world.peer("v6").target, TASK)

    assert answer.task_id == TASK
