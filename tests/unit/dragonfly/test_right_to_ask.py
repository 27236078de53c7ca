"""Nothing leaves for a peer once the right to ask has ended, wherever this process was; and no peer is blamed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest

from dragonfly_task_operator.dragonfly.channels import Endpoint
from dragonfly_task_operator.dragonfly.peers import STAT
from dragonfly_task_operator.dragonfly.wire import Wire
from dragonfly_task_operator.event_loop import factory
from tests.lean.asking import AT_ONCE, SOON, Asked, asking, until
from tests.lean.scripted import DATA, END_STREAM, Scripted, Talk, not_found, scripted, settings

CONCURRENT = 3


@dataclass
class Right:
    """The right to ask: proved before each request, and lost right after as many of the first proofs."""

    losses: int = 0
    held: bool = True
    proofs: int = 0
    waiting: int = 0
    _back: asyncio.Event = field(default_factory=asyncio.Event)

    def is_held(self) -> bool:
        return self.held

    def was_lost(self, times: int) -> bool:
        """Whether it was proved so often, and is missed now."""
        return (self.proofs, self.waiting) == (times, 1)

    def comes_back(self) -> None:
        self.held = True
        self._back.set()
        self._back.clear()

    async def proven(self) -> None:
        while not self.held:
            self.waiting += 1
            await self._back.wait()
            self.waiting -= 1
        self.proofs += 1
        if self.proofs <= self.losses:
            self.held = False


async def ask(wire: Wire, server: Scripted, right: Right, asked: Asked, *tasks: str) -> None:
    end = Endpoint(server.ip, server.port, None, "x")
    requests = [(task, b"") for task in tasks]
    await wire.ask(end, STAT, requests, timeout=SOON, ready=right.proven, answered=asked)


def requests(server: Scripted) -> int:
    """How many the server has read to their ends, on all connections."""
    frames = [each for talk in server.talks for each in talk.seen]
    return sum(kind == DATA and bool(flags & END_STREAM) for kind, flags, _, _ in frames)


async def answers(talk: Talk) -> None:
    await talk.answer_all()


@pytest.mark.parametrize("losses", [1, 2, 5])
async def test_request_whose_right_ended_while_connecting_leaves_when_it_is_back_and_nobody_is_blamed(
    losses: int,
) -> None:
    right, asked = Right(losses), Asked()
    async with scripted(answers) as server, asking(may_send=right.is_held) as lean:
        going = asyncio.create_task(ask(lean.wire, server, right, asked, "a"))
        for loss in range(losses):
            await until(partial(right.was_lost, loss + 1), "the next proof")
            assert requests(server) == 0
            right.comes_back()
        await asyncio.wait_for(going, SOON)

    assert (asked.words, right.proofs, requests(server)) == (["NOT_FOUND"], losses + 1, 1)


async def test_request_whose_right_ended_on_an_open_connection_leaves_later_and_those_under_way_are_answered() -> None:
    go = asyncio.Event()

    async def script(talk: Talk) -> None:
        talk.send(settings((CONCURRENT, 10)))
        if talk.number:
            await talk.answer_all()
        talk.send(not_found(await talk.request()))
        slow = await talk.request()
        await go.wait()
        talk.send(not_found(slow))
        await talk.ends()

    right, warm, first, second = Right(), Asked(), Asked(), Asked()
    async with scripted(script) as server, asking(may_send=right.is_held) as lean:
        await ask(lean.wire, server, right, warm, "warm")
        under_way = asyncio.create_task(ask(lean.wire, server, right, first, "a"))
        await until(lambda: requests(server) == 2, "the slow request")
        right.losses = right.proofs + 1
        later = asyncio.create_task(ask(lean.wire, server, right, second, "b", "c"))
        await until(lambda: right.waiting == 1, "a proof that waits")
        go.set()
        await asyncio.wait_for(under_way, SOON)
        assert (first.words, requests(server), later.done()) == (["NOT_FOUND"], 2, False)
        right.comes_back()
        await asyncio.wait_for(later, SOON)

    assert (second.words, requests(server), len(server.talks)) == (["NOT_FOUND"] * 2, 4, 2)


async def test_right_is_proved_for_grpcio_once_it_has_connected() -> None:
    go, right, asked = asyncio.Event(), Right(), Asked()

    async def script(talk: Talk) -> None:
        await go.wait()
        talk.send(settings())
        await talk.reader.readexactly(24)
        await talk.answer_all()

    async with scripted(script, greets=False) as server, asking("grpc") as peer:
        going = asyncio.create_task(ask(peer.wire, server, right, asked, "a", "b"))
        await until(lambda: bool(server.talks), "a connection")
        await asyncio.sleep(0.1)
        assert right.proofs == 0
        go.set()
        await asyncio.wait_for(going, SOON)

    assert (asked.words, right.proofs) == (["NOT_FOUND"] * 2, 2)


async def test_grpcio_waits_no_longer_for_a_connection_than_for_an_answer() -> None:
    async def script(talk: Talk) -> None:
        await talk.reader.read()

    async with scripted(script, greets=False) as server, asking("grpc") as peer:
        began = time.monotonic()
        asked = await peer.ask(server.ip, server.port, timeout=AT_ONCE)

    assert asked.words == ["DEADLINE_EXCEEDED"]
    assert AT_ONCE <= time.monotonic() - began < AT_ONCE + 2
    assert (asked.seconds["0000"] or 0) >= AT_ONCE


# A process that was held up


@contextmanager
def elsewhere(delay: float) -> Iterator[int]:
    """Serve in a thread of its own, which goes on while this one is held up. Gives the port."""
    ports: list[int] = []
    up, stop = threading.Event(), threading.Event()

    async def script(talk: Talk) -> None:
        while True:
            stream = await talk.request()
            await asyncio.sleep(delay)
            talk.send(not_found(stream))

    async def serve() -> None:
        async with scripted(script) as server:
            ports.append(server.port)
            up.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert up.wait(SOON)
        yield ports[0]
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("ask_before", [True, False], ids=["on an open connection", "while connecting"])
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, factory()], ids=["asyncio", "operator"])
def test_peer_that_has_answered_while_this_process_was_frozen_is_not_called_late(
    ask_before: bool, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def frozen(port: int) -> Asked:
        async with asking() as peer:
            if ask_before:
                await peer.ask("127.0.0.1", port)
            going = asyncio.create_task(peer.ask("127.0.0.1", port, timeout=AT_ONCE))
            await asyncio.sleep(0.02 if ask_before else 0)
            time.sleep(AT_ONCE + 1)  # noqa: ASYNC251 - as a signal STOP and a CONT do
            return await going

    with elsewhere(delay=0.1) as port, asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(frozen(port)).words == ["NOT_FOUND"]
