"""Each fault is what it says: on the wire for whoever asks, and in the world's truth."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError

from dragonfly_task_operator.protos_gen import dfdaemon_pb2
from tests.simulator import Fault, Link, Peer, SimulatedCluster, State, tls, wire

TASK = "a1" * 32
OTHER_TASK = "b2" * 32


@pytest.fixture
async def world() -> AsyncIterator[SimulatedCluster]:
    async with SimulatedCluster(schedulers=1, peers=2) as world:
        world.caches(TASK)
        world.caches(OTHER_TASK)
        yield world


@pytest.fixture
def n0(world: SimulatedCluster) -> Peer:
    return world.peer("n0")


async def status_of_stat(peer: Peer, task_id: str = TASK, *, seconds: float = 10.0) -> grpc.StatusCode:
    try:
        await wire.stat(peer.target, task_id, seconds=seconds)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def status_of_delete(peer: Peer, task_id: str = TASK, *, seconds: float = 10.0) -> grpc.StatusCode:
    try:
        await wire.delete(peer.target, task_id, seconds=seconds)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def comes_true(what: str, condition: Callable[[], bool], *, seconds: float = 5.0) -> None:
    """Wait for a condition of the world; there is no event for what happens behind it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def relayed(peer: Peer) -> AsyncIterator[tuple[str, asyncio.Future[Exception | None]]]:
    """Stand between a peer and who asks it; give where to ask, and what the peer's connection ends with.

    grpcio is no witness to a reset: where it is just sending, it tells of a broken pipe.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Exception | None] = loop.create_future()

    class Behind(asyncio.Protocol):
        def __init__(self, front: asyncio.StreamWriter) -> None:
            self.front = front

        def data_received(self, data: bytes) -> None:
            self.front.write(data)

        def connection_lost(self, error: Exception | None) -> None:
            self.front.close()
            ended.set_result(error)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, _ = await loop.create_connection(lambda: Behind(writer), *peer.address)
        while data := await reader.read(1 << 16):
            behind.write(data)

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}", ended


@pytest.mark.parametrize("code", [each for each in grpc.StatusCode if each is not grpc.StatusCode.OK])
async def test_any_status_can_be_the_answer(n0: Peer, code: grpc.StatusCode) -> None:
    n0.fails("stat", code=code)

    assert await status_of_stat(n0) is code


async def test_details_are_those_given(n0: Peer) -> None:
    n0.fails("delete", details="disk on fire")

    with pytest.raises(grpc.aio.AioRpcError, match="disk on fire"):
        await wire.delete(n0.target, TASK)


async def test_failure_before_the_deletion_deletes_nothing(n0: Peer) -> None:
    n0.fails("delete")

    await status_of_delete(n0)

    assert TASK in n0.tasks


async def test_failure_after_the_deletion_has_deleted(n0: Peer) -> None:
    n0.fails("delete", after=True)

    assert (await status_of_delete(n0), TASK in n0.tasks) == (grpc.StatusCode.INTERNAL, False)


async def test_fault_of_one_call_spares_the_other(n0: Peer) -> None:
    n0.fails("delete")

    assert await status_of_stat(n0) is grpc.StatusCode.OK


async def test_fault_of_all_calls_strikes_each(n0: Peer) -> None:
    n0.fails(code=grpc.StatusCode.ABORTED)

    assert [await status_of_stat(n0), await status_of_delete(n0)] == [grpc.StatusCode.ABORTED] * 2


async def test_fault_strikes_so_many_times(n0: Peer) -> None:
    n0.fails("stat", times=2)

    assert [await status_of_stat(n0) for _ in range(3)] == [
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.OK,
    ]


async def test_fault_lets_the_first_calls_through(n0: Peer) -> None:
    n0.fails("stat", skip=1)

    assert [await status_of_stat(n0) for _ in range(2)] == [grpc.StatusCode.OK, grpc.StatusCode.INTERNAL]


async def test_fault_of_one_task_spares_others(n0: Peer) -> None:
    n0.fails("stat", task_id=TASK)

    assert [await status_of_stat(n0, each) for each in (TASK, OTHER_TASK)] == [
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.OK,
    ]


async def test_fault_of_one_peer_spares_others(world: SimulatedCluster) -> None:
    world.peer("n0").fails()

    assert await status_of_stat(world.peer("n1")) is grpc.StatusCode.OK


async def test_recovered_peer_has_no_faults(n0: Peer) -> None:
    n0.fails()
    n0.recovers()

    assert await status_of_stat(n0) is grpc.StatusCode.OK


async def test_call_that_hangs_is_never_answered(n0: Peer) -> None:
    n0.hangs("stat")

    assert await status_of_stat(n0, seconds=0.2) is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_deletion_that_hangs_may_have_deleted(n0: Peer) -> None:
    n0.hangs("delete", after=True)

    assert (await status_of_delete(n0, seconds=0.2), TASK in n0.tasks) == (grpc.StatusCode.DEADLINE_EXCEEDED, False)


async def test_reset_cuts_the_connection_under_the_call(n0: Peer) -> None:
    n0.resets("stat")

    async with relayed(n0) as (target, ended):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await wire.stat(target, TASK)

        assert isinstance(await asyncio.wait_for(ended, 5), ConnectionResetError)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_reset_after_the_deletion_has_deleted(n0: Peer) -> None:
    n0.resets("delete", after=True)

    assert (await status_of_delete(n0), TASK in n0.tasks) == (grpc.StatusCode.UNAVAILABLE, False)


async def test_server_lives_after_a_reset(n0: Peer) -> None:
    n0.resets("stat", times=1)

    assert [await status_of_stat(n0) for _ in range(2)] == [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.OK]


async def test_reset_cuts_an_ipv6_connection_too() -> None:
    async with SimulatedCluster(peers=0, ipv6=True) as world:
        world.peer("v6").resets()

        assert await status_of_stat(world.peer("v6")) is grpc.StatusCode.UNAVAILABLE


async def test_slow_call_takes_its_time(n0: Peer) -> None:
    n0.is_slow("stat", seconds=0.1)
    started = time.monotonic()

    await wire.stat(n0.target, TASK)

    assert time.monotonic() - started >= 0.1


async def test_slow_call_can_fail_too(n0: Peer) -> None:
    n0.is_slow("stat", seconds=0.01)
    n0.fails("stat", code=grpc.StatusCode.ABORTED)

    assert await status_of_stat(n0) is grpc.StatusCode.ABORTED


async def test_latency_is_before_every_answer() -> None:
    async with SimulatedCluster(peers=1, latency=0.1) as world:
        started = time.monotonic()

        await status_of_stat(world.peer("n0"))

        assert time.monotonic() - started >= 0.1


async def test_garbled_answer_is_no_message(n0: Peer) -> None:
    n0.garbles("stat")

    with pytest.raises(DecodeError):
        await wire.stat(n0.target, TASK)


async def test_garbled_deletion_has_deleted(n0: Peer) -> None:
    n0.garbles("delete")

    with pytest.raises(DecodeError):
        await wire.delete(n0.target, TASK)

    assert TASK not in n0.tasks


async def test_deletion_may_answer_ok_and_keep(n0: Peer) -> None:
    n0.keeps()

    assert (await status_of_delete(n0), TASK in n0.tasks) == (grpc.StatusCode.OK, True)


async def test_peer_may_cache_again_before_the_deletions_answer(n0: Peer) -> None:
    n0.recaches(times=1)

    assert (await status_of_delete(n0), TASK in n0.tasks) == (grpc.StatusCode.OK, True)


async def test_peer_may_cache_again_a_while_after_the_deletion(n0: Peer) -> None:
    n0.recaches(after_seconds=0.2)

    await status_of_delete(n0)

    assert TASK not in n0.tasks
    await comes_true("n0 has the task again", lambda: TASK in n0.tasks)


async def test_peer_caches_again_so_many_times(n0: Peer) -> None:
    n0.recaches(times=1)

    await status_of_delete(n0)
    await status_of_delete(n0)

    assert TASK not in n0.tasks


async def test_download_finishes_after_its_time(n0: Peer) -> None:
    n0.downloads("c3" * 32, finishes_after=0.05)

    await comes_true("the download finished", lambda: n0.tasks["c3" * 32].state is State.CACHED)


async def test_peer_may_die_in_the_middle_of_a_call(n0: Peer) -> None:
    n0.dies("delete", after=True)

    assert (await status_of_delete(n0), TASK in n0.tasks) == (grpc.StatusCode.UNAVAILABLE, False)


async def test_peer_that_died_refuses_connections(n0: Peer) -> None:
    n0.dies("stat")
    await status_of_stat(n0)

    assert (await status_of_stat(n0), n0.link) == (grpc.StatusCode.UNAVAILABLE, Link.REFUSED)


async def test_peer_may_come_back_after_its_death(n0: Peer) -> None:
    n0.dies("stat", comes_back_after=0.05)
    await status_of_stat(n0)

    await comes_true("n0 serves again", lambda: n0.is_serving)

    assert await status_of_stat(n0) is grpc.StatusCode.OK


async def test_death_cuts_off_downloads(n0: Peer) -> None:
    n0.downloads("c3" * 32)

    await n0.goes_down()

    assert n0.tasks["c3" * 32].state is State.ABANDONED


@pytest.mark.parametrize("link", [Link.REFUSED, Link.RESETTING, Link.NOISE, Link.WRONG_TLS])
async def test_endpoint_that_is_no_grpc_server_is_unavailable(n0: Peer, link: Link) -> None:
    await n0.becomes(link)

    assert await status_of_stat(n0) is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("link", [Link.BLACKHOLED, Link.MUTE])
async def test_endpoint_that_says_nothing_runs_into_the_deadline(n0: Peer, link: Link) -> None:
    await n0.becomes(link)

    assert await status_of_stat(n0, seconds=0.3) is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("link", [each for each in Link if each is not Link.SERVING])
async def test_every_link_can_be_mended(n0: Peer, link: Link) -> None:
    await n0.becomes(link)
    await n0.comes_back()

    assert await status_of_stat(n0) is grpc.StatusCode.OK


async def test_open_connections_are_lost_when_a_peer_goes_down(n0: Peer) -> None:
    async with grpc.aio.insecure_channel(n0.target) as channel:
        await channel.channel_ready()
        await n0.goes_down()

        assert await status_of_stat(n0) is grpc.StatusCode.UNAVAILABLE


async def test_with_tls_a_client_needs_a_certificate() -> None:
    async with SimulatedCluster(peers=1, tls=True) as world:
        world.caches(TASK)
        answer = await wire.ask(
            world.peer("n0").target,
            wire.DFDAEMON + "StatLocalTask",
            dfdaemon_pb2.StatLocalTaskRequest(task_id=TASK),
            dfdaemon_pb2.StatLocalTaskResponse,
            credentials=tls.client_credentials(),
        )

    assert answer.task_id == TASK


async def test_certificate_of_a_stranger_is_not_trusted() -> None:
    async with SimulatedCluster(peers=1, tls=True) as world:
        await world.peer("n0").becomes(Link.WRONG_TLS)

        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await wire.ask(
                world.peer("n0").target,
                wire.DFDAEMON + "StatLocalTask",
                dfdaemon_pb2.StatLocalTaskRequest(task_id=TASK),
                Empty,
                credentials=tls.client_credentials(),
            )

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_fault_of_a_call_that_is_not_there_is_refused(n0: Peer) -> None:
    with pytest.raises(ValueError, match="no call 'remove' here; there are stat, delete"):
        n0.fails("remove")


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("all stat hangs", {"kind": "hangs", "call": "stat"}),
        ("n1,n2 delete fails code=ABORTED details='go away' after=yes times=2", {"code": "ABORTED", "times": 2}),
        ("5 all slow seconds=0.5", {"seconds": 0.5}),
    ],
)
def test_faults_are_read_from_words(words: str, fields: dict[str, Any]) -> None:
    assert fields.items() <= Fault.parse(words)[1].to_json().items()


@pytest.mark.parametrize(
    "words", ["", "all stat", "all stat explodes", "all stat fails code=NOPE", "all stat fails x=1"]
)
def test_words_that_name_no_fault_are_refused(words: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Fault.parse(words)
