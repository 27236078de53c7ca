"""The benchmarks' peers, schedulers and yardstick in Go: they answer as Dragonfly does, and count what was asked."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator

import grpc
import pytest

from benchmarks.errors import BenchError
from benchmarks.fleet import Fleet, fleet
from benchmarks.yardsticks import Answer, Loop, Question, aio_loop, go_loop
from dragonfly_task_operator.protos_gen import dfdaemon_pb2
from tests.simulator import wire

TASK, OTHER = "a1" * 32, "b2" * 32
PEERS = 300
"""More than one loopback network of 256 has."""


@pytest.fixture(scope="module")
def world() -> Iterator[Fleet]:
    with fleet(clusters=[PEERS - 1, 1], schedulers=2) as there:
        yield there


@pytest.fixture
def peers(world: Fleet) -> Iterator[Fleet]:
    yield world
    world.hang(every=0)
    world.attack(PEERS - 1, "")
    world.delay(0)
    world.cache([TASK, OTHER], 0)
    world.forget_calls()


async def answer(target: str, task: str = TASK, *, seconds: float = 10.0) -> str:
    """The peer's answer to a stat in a word."""
    try:
        told = await wire.stat(target, task, seconds=seconds)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    assert told.task_id == task
    return "finished" if told.HasField("finished_at") else "unfinished"


async def test_schedulers_list_every_peer_at_its_address_in_its_cluster(peers: Fleet) -> None:
    for scheduler in peers.schedulers:
        hosts = await wire.list_hosts(scheduler)

        assert [f"{each.ip}:{each.port}" for each in hosts] == peers.targets
        assert [each.scheduler_cluster_id for each in hosts] == [1] * (PEERS - 1) + [2]
        assert len({each.id for each in hosts}) == PEERS
        assert hosts[0].build.git_version
        with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
            await wire.stat_task(scheduler, TASK)


async def test_a_deletion_deletes_on_that_peer_alone(peers: Fleet) -> None:
    peers.cache([TASK], 2)
    first, second, third = peers.targets[:3]
    assert [await answer(target) for target in (first, second, third)] == ["finished", "finished", "NOT_FOUND"]

    await wire.delete(first, TASK)

    assert [await answer(target) for target in (first, second)] == ["NOT_FOUND", "finished"]
    assert peers.still_held([TASK, OTHER]) == 1
    with pytest.raises(grpc.aio.AioRpcError, match="INTERNAL"):
        await wire.delete(first, TASK)


async def test_an_answer_has_what_a_dfdaemon_tells(peers: Fleet) -> None:
    peers.cache([TASK], 1)

    told: dfdaemon_pb2.StatLocalTaskResponse = await wire.stat(peers.targets[0], TASK)

    assert told.content_length == 64 << 20
    assert told.piece_length == 4 << 20
    assert told.response_header["Content-Length"] == str(64 << 20)
    assert abs(told.created_at.seconds - time.time()) < 600


async def test_so_many_hang_and_the_others_answer(peers: Fleet) -> None:
    peers.hang(every=3)

    hung, well = 1.0, 10.0
    asked = zip(peers.targets, (hung, well, well, hung), strict=False)

    answers = await asyncio.gather(*(answer(target, seconds=seconds) for target, seconds in asked))

    # grpc-go resets a stream at its caller's deadline, and may be a little ahead of the caller.
    unanswered = {"DEADLINE_EXCEEDED", "CANCELLED"}
    assert [each in unanswered or each for each in answers] == [True, "NOT_FOUND", "NOT_FOUND", True]


@pytest.mark.parametrize("how", ["garbage", "flood", "trickle"])
async def test_a_hostile_peer_answers_nothing_and_serves_again_when_told(peers: Fleet, how: str) -> None:
    hostile = peers.targets[-1]
    peers.attack(PEERS - 1, how)

    assert await answer(hostile, seconds=1.0) in {"DEADLINE_EXCEEDED", "UNAVAILABLE", "INTERNAL"}
    assert await answer(peers.targets[0]) == "NOT_FOUND"

    peers.attack(PEERS - 1, "")
    assert await answer(hostile) == "NOT_FOUND"


def test_a_peer_that_nobody_has_and_an_attack_that_nobody_knows_are_refused(peers: Fleet) -> None:
    with pytest.raises(BenchError, match="garbage, flood and trickle"):
        peers.attack(0, "flattery")


def test_at_an_address_that_is_no_loopback_address_there_is_no_peer(peers: Fleet) -> None:
    _, port = peers.targets[0].split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as looking:
        try:
            looking.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no other address")
        outside = looking.getsockname()[0]

    with contextlib.suppress(ConnectionError), socket.create_connection((outside, int(port)), timeout=10) as connection:
        assert connection.recv(1) == b""


@pytest.mark.parametrize("loop", [go_loop, aio_loop])
def test_a_yardstick_makes_the_requests_of_a_run_and_no_others(peers: Fleet, loop: Loop) -> None:
    def ask(*, deletes: bool) -> Answer:
        question = Question(targets=peers.targets, task_ids=[TASK, OTHER], deletes=deletes, at_once=16, pipeline=2)
        return loop(question)

    peers.cache([TASK], 10)
    search = ask(deletes=False)
    assert search.requests == peers.requests() == 2 * PEERS
    assert peers.still_held([TASK]) == 1
    peers.forget_calls()

    deletion = ask(deletes=True)

    assert deletion.requests == peers.requests() == 2 * PEERS + 2 * 10 + 2 * PEERS
    assert peers.still_held([TASK]) == 0
    assert deletion.cpu_seconds > 0
    assert peers.most("connections") <= 2  # grpc-go tries again where connecting takes long


def test_a_yardstick_that_is_not_answered_fails(peers: Fleet) -> None:
    peers.attack(PEERS - 1, "garbage")

    with pytest.raises(Exception, match="returned non-zero exit status"):
        go_loop(Question(targets=peers.targets[-1:], task_ids=[TASK], deletes=False, at_once=1))
