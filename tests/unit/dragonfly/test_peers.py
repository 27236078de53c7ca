"""What dfdaemons answer, and what goes wrong on the way there, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from dragonfly_task_operator.dragonfly.announced import trouble_of_address
from dragonfly_task_operator.dragonfly.channels import ChannelPool
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.peers import STAT, GrpcPeers
from dragonfly_task_operator.engine.clearing import look
from dragonfly_task_operator.engine.model import ABSENT, Cached, Downloading, FailedStart, Host, HostType
from dragonfly_task_operator.errors import PeerError, PeerReason
from dragonfly_task_operator.observability.metrics import Metrics
from dragonfly_task_operator.protos_gen.dfdaemon_pb2 import StatLocalTaskResponse
from tests.simulator import Link, Peer, SimulatedCluster, State
from tests.unit.clocks import SteppingClock
from tests.unit.dragonfly.test_rpc import CODES
from tests.wires import wire_of

pytestmark = pytest.mark.usefixtures("each_transport")

TASK = "a1" * 32
PATIENT = 5.0
IMPATIENT = 0.2
"""Seconds for one request; the second where it has to run out."""


@asynccontextmanager
async def peers(timeout: float = PATIENT) -> AsyncIterator[GrpcPeers]:
    pool = ChannelPool()
    try:
        yield GrpcPeers(wire_of(pool), memory=HostMemory(SteppingClock()), tls={}, timeout=timeout, in_flight=64)
    finally:
        await pool.aclose()


@pytest.fixture
async def world() -> AsyncIterator[SimulatedCluster]:
    async with SimulatedCluster(peers=1) as world:
        yield world


@pytest.fixture
def peer(world: SimulatedCluster) -> Peer:
    return world.peer("n0")


def host(ip: str, port: int) -> Host:
    return Host(f"{ip}-n0", "n0", ip, port, HostType.NORMAL, 1, "default")


def host_of(peer: Peer) -> Host:
    return host(*peer.address)


async def failure_of(call: str, asked: Host, *, timeout: float = PATIENT) -> PeerError:
    async with peers(timeout) as asking:
        with pytest.raises(PeerError) as failed:
            await (look(asking, asked, TASK) if call == "stat" else asking.delete(asked, TASK))
    return failed.value


# Answers and what they mean


async def test_not_found_is_absent(peer: Peer) -> None:
    async with peers() as asking:
        assert await look(asking, host_of(peer), TASK) is ABSENT


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (State.CACHED, Cached),
        (State.DOWNLOADING, Downloading),
        (State.ABANDONED, Downloading),
        (State.FAILED, FailedStart),
    ],
)
async def test_times_of_an_answer_tell_what_kind_of_copy_it_is(peer: Peer, state: State, kind: type) -> None:
    peer.caches(TASK, state=state)

    async with peers() as asking:
        assert type(await look(asking, host_of(peer), TASK)) is kind


async def test_lengths_of_a_copy_are_read(peer: Peer) -> None:
    peer.caches(TASK, content_length=100, piece_length=10)

    async with peers() as asking:
        copy = await look(asking, host_of(peer), TASK)

    assert isinstance(copy, Cached)
    assert (copy.content_length, copy.piece_length) == (100, 10)


async def test_ok_to_a_deletion_is_ok(world: SimulatedCluster, peer: Peer) -> None:
    peer.caches(TASK)

    async with peers() as asking:
        await asking.delete(host_of(peer), TASK)

    assert world.holders(TASK) == set()


async def test_deletion_of_what_is_not_there_is_internal_and_in_the_peers_words(peer: Peer) -> None:
    error = await failure_of("delete", host_of(peer))

    assert (error.reason, error.retryable, error.description) == (
        PeerReason.INTERNAL,
        True,
        f"task {TASK} not found",
    )


@pytest.mark.parametrize("call", ["stat", "delete"])
@pytest.mark.parametrize("code", [code for code in CODES if code.name != "NOT_FOUND"], ids=lambda code: code.name)
async def test_status_comes_over_the_wire(peer: Peer, call: str, code: grpc.StatusCode) -> None:
    peer.fails(call, code=code, details="its own words")

    error = await failure_of(call, host_of(peer))

    assert (error.reason, error.retryable) == CODES[code]
    assert error.description.startswith("its own words")


async def test_not_found_to_a_deletion_proves_nothing(peer: Peer) -> None:
    peer.fails("delete", code=grpc.StatusCode.NOT_FOUND)

    assert (await failure_of("delete", host_of(peer))).reason is PeerReason.INTERNAL


# What is no answer


@pytest.mark.parametrize(("call", "message"), [("stat", "StatLocalTaskResponse"), ("delete", "Empty")])
async def test_garbage_is_internal(peer: Peer, call: str, message: str) -> None:
    peer.caches(TASK)
    peer.garbles(call)

    error = await failure_of(call, host_of(peer))

    assert (error.reason, error.retryable) == (PeerReason.INTERNAL, True)
    assert error.description.startswith("answered with 12 bytes that are no ")
    assert error.description.endswith(message)


@pytest.mark.parametrize("call", ["stat", "delete"])
async def test_connection_reset_in_the_middle_is_unreachable(peer: Peer, call: str) -> None:
    peer.caches(TASK)
    peer.resets(call)

    error = await failure_of(call, host_of(peer))

    assert (error.reason, error.retryable) == (PeerReason.UNREACHABLE, True)


@pytest.mark.parametrize("call", ["stat", "delete"])
async def test_peer_that_hangs_times_out(peer: Peer, call: str) -> None:
    peer.hangs(call)

    error = await failure_of(call, host_of(peer), timeout=IMPATIENT)

    assert (error.reason, error.retryable) == (PeerReason.TIMEOUT, True)


@pytest.mark.parametrize(
    ("link", "timeout", "reason"),
    [
        (Link.REFUSED, PATIENT, PeerReason.UNREACHABLE),
        (Link.RESETTING, PATIENT, PeerReason.UNREACHABLE),
        (Link.NOISE, PATIENT, PeerReason.UNREACHABLE),
        (Link.MUTE, IMPATIENT, PeerReason.TIMEOUT),
        (Link.BLACKHOLED, IMPATIENT, PeerReason.TIMEOUT),
    ],
)
async def test_address_where_nothing_speaks_grpc(peer: Peer, link: Link, timeout: float, reason: PeerReason) -> None:
    await peer.becomes(link)

    error = await failure_of("stat", host_of(peer), timeout=timeout)

    assert (error.reason, error.retryable) == (reason, True)


@pytest.mark.parametrize("call", ["stat", "delete"])
@pytest.mark.parametrize(
    ("ip", "port"),
    [
        ("", 4000),
        ("no address", 4000),
        ("dfdaemon-0.example.com", 4000),
        ("localhost", 4000),
        ("10.0.0", 4000),
        ("10.0.0.01", 4000),
        ("10.0.0.1:4000", 4000),
        ("[fd00::1]", 4000),
        (" 10.0.0.1", 4000),
        ("0.0.0.0", 4000),
        ("::", 4000),
        ("fe80::1%eth0", 4000),
        ("127.0.0.1", 0),
        ("127.0.0.1", -1),
        ("127.0.0.1", 65536),
        ("x" * 5000, 4000),
    ],
)
async def test_peer_that_announces_no_address_is_unreachable(call: str, ip: str, port: int) -> None:
    error = await failure_of(call, host(ip, port))
    assert (error.reason, error.retryable) == (PeerReason.UNREACHABLE, False)
    assert "announces no address" in error.description
    assert len(error.description) < 512


@pytest.mark.parametrize("ip", ["10.0.0.1", "fd00::1", "::ffff:10.0.0.1", "127.0.0.1"])
def test_address_that_can_be_asked_at_is_one(ip: str) -> None:
    assert (trouble_of_address(ip, 1), trouble_of_address(ip, 65535)) == (None, None)


@pytest.mark.parametrize("seconds", [2**62, -(2**62), 10**12], ids=["far future", "far past", "year 33658"])
async def test_time_that_no_calendar_has_is_none_and_the_rest_counts(seconds: int) -> None:
    absurd = Timestamp(seconds=seconds)
    answer = StatLocalTaskResponse(task_id=TASK, content_length=7, created_at=absurd, finished_at=absurd)

    async with answering(answer.SerializeToString()) as asked, peers() as asking:
        assert await look(asking, asked, TASK) == Cached(content_length=7)


async def test_times_are_read_to_the_second() -> None:
    answer = StatLocalTaskResponse(task_id=TASK, updated_at=Timestamp(seconds=1_800_000_000, nanos=999_999_999))

    async with answering(answer.SerializeToString()) as asked, peers() as asking:
        assert await look(asking, asked, TASK) == Downloading(updated_at=datetime(2027, 1, 15, 8, tzinfo=UTC))


@asynccontextmanager
async def answering(body: bytes) -> AsyncIterator[Host]:
    """Serve a peer that answers every stat with these bytes."""

    async def stat(raw: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return body

    server = grpc.aio.server()
    _, service, method = STAT.split("/")
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {method: grpc.unary_unary_rpc_method_handler(stat)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield host("127.0.0.1", port)
    finally:
        await server.stop(grace=None)


# Connections


async def test_peer_that_comes_back_is_reached_at_once(peer: Peer) -> None:
    async with peers() as asking:
        await peer.goes_down()
        with pytest.raises(PeerError):
            await look(asking, host_of(peer), TASK)
        await peer.comes_back()

        assert await look(asking, host_of(peer), TASK) is ABSENT


async def test_all_requests_to_a_peer_share_one_connection(peer: Peer) -> None:
    async with peers() as asking:
        for number in range(10):
            await look(asking, host_of(peer), f"{number:064x}")

    assert (peer.calls["stat"], len(peer.clients)) == (10, 1)


@pytest.mark.parametrize("hangs", [False, True])
async def test_what_failed_keeps_no_connection_open_until_garbage_is_collected(
    world: SimulatedCluster, peer: Peer, *, hangs: bool
) -> None:
    if hangs:
        peer.hangs("stat")
    told: list[object] = []
    gc.collect()
    gc.disable()
    try:
        async with peers(IMPATIENT if hangs else PATIENT) as asking:
            await asking.stat(host_of(peer), [TASK], lambda _, answer: told.append(answer))
        async with asyncio.timeout(5):
            while world.open_connections():  # noqa: ASYNC110 -- it is the kernel that knows
                await asyncio.sleep(0.05)
    finally:
        gc.enable()

    assert len(told) == 1


@pytest.mark.parametrize("call", ["stat", "delete"])
@pytest.mark.parametrize(
    ("version", "announced"), [("1.1.5", "announced client 1.1.5"), (None, "announced no version")]
)
async def test_peer_that_is_too_old_is_told_with_its_version_and_the_one_it_needs(
    peer: Peer, call: str, version: str | None, announced: str
) -> None:
    peer.fails(call, code=grpc.StatusCode.UNIMPLEMENTED)

    error = await failure_of(call, replace(host_of(peer), client_version=version))

    assert error.reason is PeerReason.UNIMPLEMENTED
    assert error.description.endswith(f"(StatLocalTask over TCP needs client 1.1.8 or newer; this peer {announced})")


# What is measured


async def test_request_is_timed_from_sending_to_its_answer(peer: Peer) -> None:
    peer.hangs("stat", times=1, skip=1)
    metrics = Metrics()
    pool = ChannelPool()
    asking = GrpcPeers(
        wire_of(pool), memory=HostMemory(SteppingClock()), tls={}, timeout=0.5, in_flight=64, metrics=metrics
    )
    try:
        for _ in range(2):
            with contextlib.suppress(PeerError):
                await look(asking, host_of(peer), TASK)
    finally:
        await pool.aclose()

    found = metrics._registry.get_sample_value
    name, stat = "dragonfly_task_operator_rpc_seconds", {"method": "StatLocalTask"}
    assert found(f"{name}_count", {**stat, "outcome": "NOT_FOUND"}) == 1
    assert 0 <= (found(f"{name}_sum", {**stat, "outcome": "NOT_FOUND"}) or 0) < 0.5
    assert 0.4 < (found(f"{name}_sum", {**stat, "outcome": "DEADLINE_EXCEEDED"}) or 0) < 5
