"""What is asked over links: on which connection, for how long, and whose trouble it is when that fails."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections import Counter
from dataclasses import dataclass

import pytest

from dragonfly_task_operator.dragonfly.channels import ChannelPool, Endpoint
from dragonfly_task_operator.dragonfly.lean.wire import LeanWire
from dragonfly_task_operator.dragonfly.peers import STAT
from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.dragonfly.wire import Answered, GrpcWire, Ready, Request
from dragonfly_task_operator.errors import OwnKind, OwnTrouble
from tests.lean.asking import AT_ONCE, SOON, Asked, asking, at_once, until
from tests.lean.scripted import Talk, not_found, ok, scripted, settings

CONCURRENT = 3


async def answers(talk: Talk) -> None:
    await talk.answer_all()


# Connections


async def test_peer_at_an_ipv6_address_is_asked() -> None:
    async with scripted(answers, ip="::1") as server, asking() as peer:
        assert (await peer.ask("::1", server.port, 3)).words == ["NOT_FOUND"] * 3


async def test_nobody_at_an_ipv6_address_is_told_with_brackets() -> None:
    async with asking() as peer:
        asked = await peer.ask("::1", 1)

    assert (asked.words, asked.details) == (["UNAVAILABLE"], "connecting to [::1]:1 failed: Connection refused")


async def test_callers_share_a_connection_and_each_is_told_its_own() -> None:
    async def script(talk: Talk) -> None:
        await talk.answer_all(lambda stream: ok(stream, b"x") if stream == 1 else not_found(stream))

    async with scripted(script) as server, asking() as peer:
        first, *others = await asyncio.gather(
            *(peer.ask(server.ip, server.port, 4, first=10 * number) for number in range(5))
        )

    assert len(server.talks) == 1
    assert first.words == ["OK", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"]
    assert [asked.words for asked in others] == [["NOT_FOUND"] * 4] * 4


async def test_others_have_their_turn_while_much_is_asked_and_answered_at_once() -> None:
    number = 101
    sent, told = Counter[int](), Counter[int]()
    turn = 0

    async def script(talk: Talk) -> None:
        talk.send(settings((CONCURRENT, 100)))
        talk.send(not_found(await talk.request()))
        talk.send(b"".join([not_found(await talk.request()) for _ in range(number - 1)]))
        await talk.ends()

    async def watch() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async def ready() -> None:
        sent[turn] += 1

    def answered(task: str, answer: bytes | RpcError, seconds: float | None) -> bool:
        told[turn] += 1
        return True

    async with scripted(script) as server, asking() as peer:
        watching = asyncio.create_task(watch())
        requests = [(str(each), b"") for each in range(number)]
        endpoint = Endpoint(server.ip, server.port, None, "x")
        await peer.wire.ask(endpoint, STAT, requests, timeout=SOON, ready=ready, answered=answered)
        watching.cancel()

    assert (sent.total(), told.total()) == (number, number)
    assert max(sent.values()) <= 25
    assert max(told.values()) <= 50


async def test_connection_that_the_other_side_closes_while_nobody_uses_it_is_replaced() -> None:
    async def script(talk: Talk) -> None:
        talk.send(not_found(await talk.request()))

    async with scripted(script) as server, asking() as peer:
        for number in range(3):
            assert (await peer.ask(server.ip, server.port, first=number)).words == ["NOT_FOUND"]
            await until(lambda: all(each.is_over for each in peer.pool._connections.values()), "the end")

    assert len(server.talks) == 3


async def test_no_more_connections_are_open_than_may_be() -> None:
    pool = ChannelPool(limit=2)
    wire = LeanWire(pool, secured=GrpcWire(pool))
    async with scripted(answers) as server:
        ports = [server.port]

        async def ask(last: int) -> Asked:
            asked = Asked()
            end = Endpoint(f"127.0.0.{last}", ports[0], None, "x")
            await wire.ask(end, STAT, [("a", b"")], timeout=SOON, ready=at_once, answered=asked)
            return asked

        told = await asyncio.gather(*(ask(1) for _ in range(3)), *(ask(2 + number) for number in range(5)))
    await pool.aclose()

    assert [asked.words for asked in told] == [["NOT_FOUND"]] * 3 + [["UNAVAILABLE"]] * 5


async def test_peer_that_cuts_a_connection_on_the_way_is_asked_what_was_not_sent_on_another() -> None:
    async def script(talk: Talk) -> None:
        talk.send(settings((CONCURRENT, 2)))
        if talk.number:
            await talk.answer_all()
        talk.send(not_found(await talk.request()))
        await talk.request()
        await talk.request()

    async with scripted(script) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port, 8)

    lost = asked.words.count("UNAVAILABLE")
    assert len(server.talks) == 2
    assert (1 <= lost <= 4, asked.words.count("NOT_FOUND")) == (True, 8 - lost)


async def test_peer_that_answers_nothing_is_waited_for_once_whatever_it_is_asked() -> None:
    async def script(talk: Talk) -> None:
        await talk.ends()

    async with scripted(script) as server, asking() as peer:
        began = time.monotonic()
        asked = await peer.ask(server.ip, server.port, 300, timeout=AT_ONCE)
        passed = time.monotonic() - began

    assert asked.words == ["DEADLINE_EXCEEDED"] * 300
    assert passed < 10 * AT_ONCE, "it was waited for again and again"
    assert len(server.talks) == 1


async def test_caller_who_waits_for_anothers_first_request_waits_no_longer_than_for_its_own() -> None:
    async def script(talk: Talk) -> None:
        await talk.ends()

    async with scripted(script, greets=False) as server, asking() as peer:
        both = await asyncio.wait_for(
            asyncio.gather(*(peer.ask(server.ip, server.port, 2, timeout=4, first=at) for at in (0, 5))), 7.5
        )

    assert [asked.words for asked in both] == [["DEADLINE_EXCEEDED"] * 2] * 2
    assert "took the connection, but did not speak HTTP/2 within 4 s" in both[0].details


async def test_who_wants_no_more_is_sent_no_more() -> None:
    async def script(talk: Talk) -> None:
        talk.send(settings((CONCURRENT, 1)))
        await talk.answer_all()

    async with scripted(script) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port, 9, goes_on=False)

    assert asked.words == ["NOT_FOUND"]


async def test_what_a_caller_makes_wrong_of_an_answer_is_the_callers() -> None:
    def fails(*_: object) -> bool:
        raise ZeroDivisionError

    async with scripted(answers) as server, asking() as peer:
        with pytest.raises(ZeroDivisionError):
            await peer.wire.ask(
                Endpoint(server.ip, server.port, None, "x"),
                STAT,
                [("a", b""), ("b", b"")],
                timeout=SOON,
                ready=at_once,
                answered=fails,
            )
        assert (await peer.ask(server.ip, server.port)).words == ["NOT_FOUND"]


async def test_each_request_is_sent_when_the_pace_lets_it() -> None:
    turns = asyncio.Semaphore(0)

    async def ready() -> None:
        await turns.acquire()

    async with scripted(answers) as server, asking() as peer:
        asked = Asked()
        end = Endpoint(server.ip, server.port, None, "x")
        going = asyncio.create_task(
            peer.wire.ask(end, STAT, [(str(n), b"") for n in range(4)], timeout=SOON, ready=ready, answered=asked)
        )
        for number in range(4):
            assert len(asked.answers) <= number
            turns.release()
            await until(lambda answers=number: len(asked.answers) > answers, "an answer")  # type: ignore[misc]
        await asyncio.wait_for(going, SOON)

    assert asked.words == ["NOT_FOUND"] * 4


# Whose trouble


@dataclass
class Refusing:
    """A system that refuses connect()."""

    number: int

    def __call__(self, *_: object) -> None:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EADDRNOTAVAIL, OwnKind.PORTS),
        (errno.ENETUNREACH, OwnKind.NETWORK),
        (errno.EACCES, OwnKind.FORBIDDEN),
        (errno.EPERM, OwnKind.FORBIDDEN),
        (errno.ENOBUFS, OwnKind.MEMORY),
    ],
)
async def test_what_connect_says_at_once_of_this_node_is_no_peers_trouble(
    monkeypatch: pytest.MonkeyPatch, number: int, kind: OwnKind
) -> None:
    monkeypatch.setattr(socket.socket, "connect", Refusing(number))
    async with asking() as peer:
        with pytest.raises(OwnTrouble) as held_up:
            await peer.ask("10.0.0.7", 4000, 3)

    assert held_up.value.kind is kind


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
async def test_want_of_files_is_no_peers_trouble_and_lets_go_of_idle_connections(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    async with scripted(answers) as server, asking() as peer:
        assert (await peer.ask(server.ip, server.port)).words == ["NOT_FOUND"]
        monkeypatch.setattr("dragonfly_task_operator.dragonfly.lean.sockets.socket.socket", Refusing(number))
        with pytest.raises(OwnTrouble) as held_up:
            await peer.ask("10.0.0.7", 4000)

        assert (held_up.value.kind, peer.pool._connections.keys() & peer.pool._idle.keys()) == (OwnKind.FILES, set())


@pytest.mark.parametrize(
    "number", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.ECONNREFUSED, errno.EACCES]
)
async def test_what_comes_from_afar_is_the_peers(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(socket.socket, "getsockopt", lambda *_: number)
    monkeypatch.setattr(socket.socket, "connect", Refusing(errno.EINPROGRESS))
    async with asking() as peer:
        asked = await peer.ask("10.0.0.7", 4000, 3)

    assert asked.words == ["UNAVAILABLE"] * 3
    assert asked.details == f"connecting to 10.0.0.7:4000 failed: {os.strerror(number)}"


async def test_pool_that_is_closed_under_requests_is_no_peers_trouble() -> None:
    asked = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.request()
        asked.set()
        await talk.ends()

    async with scripted(script) as server, asking() as peer:
        going = asyncio.create_task(peer.ask(server.ip, server.port, 3))
        await asyncio.wait_for(asked.wait(), SOON)
        await peer.pool.aclose()
        with pytest.raises(OwnTrouble, match="stopping"):
            await asyncio.wait_for(going, SOON)


# TLS


async def test_peers_with_tls_are_asked_by_the_other_wire() -> None:
    handed: list[tuple[Endpoint, int]] = []

    class Other:
        async def ask(
            self,
            end: Endpoint,
            method: str,
            requests: list[Request],
            *,
            timeout: float,
            ready: Ready,
            answered: Answered,
        ) -> None:
            handed.append((end, len(requests)))

    secured = Endpoint("10.0.0.7", 4000, object(), "x")  # type: ignore[arg-type]  # any credentials
    wire = LeanWire(ChannelPool(), secured=Other())  # type: ignore[arg-type]
    await wire.ask(secured, STAT, [("a", b"")], timeout=SOON, ready=at_once, answered=Asked())

    assert handed == [(secured, 1)]
