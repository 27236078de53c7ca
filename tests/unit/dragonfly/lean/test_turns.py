"""What many links do in one turn of the event loop, and what they leave behind."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Callable

import pytest

from dragonfly_task_operator.dragonfly.channels import ChannelPool, Endpoint
from dragonfly_task_operator.dragonfly.lean.link import Link
from dragonfly_task_operator.dragonfly.lean.turn import TURN_SECONDS, Turn
from dragonfly_task_operator.dragonfly.lean.wire import LeanWire
from dragonfly_task_operator.dragonfly.peers import STAT
from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.dragonfly.wire import GrpcWire
from dragonfly_task_operator.event_loop import factory
from tests.lean.asking import SOON, asking, at_once
from tests.lean.scripted import Talk, scripted

LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, factory()], ids=["asyncio", "operator"])
PEERS = 30
SLOW = TURN_SECONDS / 2


async def answers(talk: Talk) -> None:
    await talk.answer_all()


async def test_share_of_a_turn_is_over_after_its_time_and_begins_anew_with_the_next_turn() -> None:
    turn = Turn()

    assert not turn.is_over()
    time.sleep(TURN_SECONDS * 1.5)  # noqa: ASYNC251 - work
    assert turn.is_over()
    await asyncio.sleep(0)
    assert not turn.is_over()


@LOOPS
def test_others_have_their_turn_though_reading_answers_takes_long(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """Thirty peers whose answers take 10 ms each: not 300 ms in one go."""
    turns = Counter[int]()
    turn = 0

    def answered(task: str, answer: bytes | RpcError, seconds: float | None) -> bool:
        turns[turn] += 1
        time.sleep(SLOW)
        return True

    async def ask() -> None:
        nonlocal turn
        together, all_there = asyncio.Event(), asyncio.Event()
        asked = 0

        async def script(talk: Talk) -> None:
            nonlocal asked
            asked += 1
            if asked == PEERS:
                all_there.set()
            await together.wait()
            await talk.answer_all()

        async with scripted(script) as server:
            pool = ChannelPool()
            wire = LeanWire(pool, secured=GrpcWire(pool))
            ends = [Endpoint("127.0.0.1", server.port, None, f"peer {number}") for number in range(PEERS)]
            going = [
                asyncio.create_task(wire.ask(end, STAT, [("a", b"")], timeout=SOON, ready=at_once, answered=answered))
                for end in ends
            ]
            await asyncio.wait_for(all_there.wait(), SOON)
            together.set()
            waiting = asyncio.gather(*going)
            while not waiting.done():
                turn += 1
                await asyncio.sleep(0)
            await waiting
            await pool.aclose()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(ask())

    assert turns.total() == PEERS
    assert max(turns.values()) <= 2 * (TURN_SECONDS / SLOW + 1)


async def test_link_that_was_closed_is_gone_without_a_look_for_garbage() -> None:
    gc.collect()
    gc.disable()
    try:
        before = links()
        async with scripted(answers) as server, asking() as peer:
            await peer.ask(server.ip, server.port, 3)
            assert links() == before + 1
            peer.pool.shed()
            await asyncio.sleep(0)

            assert links() == before
    finally:
        gc.enable()


def links() -> int:
    return sum(isinstance(each, Link) for each in gc.get_objects())
