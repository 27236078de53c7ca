"""A hostile server costs one connection, a bounded amount of memory, and nobody else anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from dragonfly_task_operator.dragonfly.lean.blocks import MOST_BLOCK, MOST_KNOWN, Blocks
from dragonfly_task_operator.dragonfly.lean.frames import MOST_PAYLOAD
from dragonfly_task_operator.dragonfly.lean.sockets import MOST_UNSENT, Socket
from dragonfly_task_operator.dragonfly.lean.turn import Turn
from tests.lean.asking import AT_ONCE, asking
from tests.lean.scripted import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    NOT_FOUND,
    OPENING,
    PING,
    PREFACE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Talk,
    block,
    frame,
    headers,
    not_found,
    scripted,
    settings,
)

ENDLESS = 100_000


def flood(octets: bytes, *, first: bytes = b"") -> Callable[[Talk], Awaitable[None]]:
    """After a request, send this again and again, as fast as it is taken."""

    async def script(talk: Talk) -> None:
        await talk.request()
        talk.send(first)
        for _ in range(ENDLESS):
            talk.send(octets)
            await talk.writer.drain()

    return script


FLOODS: dict[str, tuple[bytes, bytes]] = {
    "CONTINUATION": (frame(CONTINUATION, 0, 1, bytes(100)), frame(HEADERS, 0, 1, b"")),
    "empty CONTINUATION": (frame(CONTINUATION, 0, 1), frame(HEADERS, 0, 1, b"")),
    "PING": (frame(PING, 0, 0, bytes(8)), b""),
    "SETTINGS": (settings((3, 100)), b""),
    "empty SETTINGS": (settings(), b""),
    "WINDOW_UPDATE": (frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"), b""),
    "unknown": (frame(77, 0, 0, b"x"), b""),
    "PRIORITY": (frame(2, 0, 1, bytes(5)), b""),
    "GOAWAY": (frame(GOAWAY, 0, 0, bytes([0, 0, 0, 1, 0, 0, 0, 0])), b""),
    "empty DATA": (frame(DATA, 0, 1), headers(1, OPENING, ends=False)),
    "DATA of a stream that is over": (frame(DATA, 0, 1, bytes(9000)), not_found(1)),
    "informational headers": (headers(1, [(":status", "103"), ("link", "x" * 4000)], ends=False), b""),
    "padding alone": (frame(DATA, 8, 1, b"\x50" + bytes(0x50)), headers(1, OPENING, ends=False)),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_flood_ends_with_its_connection(name: str) -> None:
    octets, first = FLOODS[name]
    async with scripted(flood(octets, first=first)) as server, asking() as peer:
        before = time.process_time()
        asked = await peer.ask(server.ip, server.port, 2, timeout=60)
        used = time.process_time() - before

        assert set(asked.words) <= {"UNAVAILABLE", "NOT_FOUND", "INTERNAL"}
        assert "UNAVAILABLE" in asked.words or name.startswith("DATA of")
        assert used < 6


async def test_endless_message_is_read_to_its_limit_and_no_further() -> None:
    async def script(talk: Talk) -> None:
        stream = await talk.request()
        talk.send(headers(stream, OPENING, ends=False))
        while True:
            talk.send(frame(DATA, 0, stream, bytes(16384)))
            await talk.writer.drain()
            if any(each[0] == RST_STREAM for each in talk.seen):
                return
            try:
                await asyncio.wait_for(talk.read(), 0.01)
            except TimeoutError:
                continue

    async with scripted(script) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port)

    assert (asked.words, asked.details) == (["INTERNAL"], "answered with more than the 65536 bytes that are read")


BROKEN_RULES: dict[str, Callable[[int], bytes]] = {
    "frame too large": lambda stream: (
        (MOST_PAYLOAD + 1).to_bytes(3, "big") + bytes([DATA, 0]) + stream.to_bytes(4, "big")
    ),
    "headers too large": lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\0" * (MOST_BLOCK + 1)),
    "list too large": lambda stream: headers(stream, [*NOT_FOUND, *((f"x-{number}", "") for number in range(500))]),
    "no headers": lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\xff" * 20),
    "index of nothing": lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x80"),
    "cut string": lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\0\x05ab"),
    "larger table": lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x3f\xe1\x1f" + block(NOT_FOUND)),
    "continuation of nothing": lambda stream: frame(CONTINUATION, END_HEADERS, stream, block(NOT_FOUND)),
    "continuation of another": lambda stream: (
        frame(HEADERS, END_STREAM, stream, b"") + frame(CONTINUATION, END_HEADERS, stream + 2, block(NOT_FOUND))
    ),
    "interrupted headers": lambda stream: frame(HEADERS, END_STREAM, stream, b"\x88") + frame(PING, 0, 0, bytes(8)),
    "padding longer than the frame": lambda stream: frame(HEADERS, 1 | 4 | 8, stream, b"\xff" + block(NOT_FOUND)),
    "padding without length": lambda stream: frame(DATA, 8, stream),
    "headers on stream 0": lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, 0, block(NOT_FOUND)),
    "headers of a push": lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, 2, block(NOT_FOUND)),
    "data of nobody": lambda stream: frame(DATA, 0, stream + 100, b"x"),
    "reset of nobody": lambda stream: frame(RST_STREAM, 0, stream + 100, bytes(4)),
    "push": lambda stream: frame(PUSH_PROMISE, END_HEADERS, stream, b"\0\0\0\2" + block(NOT_FOUND)),
    "settings on a stream": lambda stream: frame(SETTINGS, 0, stream),
    "settings cut": lambda stream: frame(SETTINGS, 0, 0, b"\0\3\0"),
    "too many settings": lambda stream: settings(*[(3, 100)] * 1000),
    "ping on a stream": lambda stream: frame(PING, 0, stream, bytes(8)),
    "short ping": lambda stream: frame(PING, 0, 0, bytes(7)),
    "goaway cut": lambda stream: frame(GOAWAY, 0, 0, bytes(7)),
    "goaway on a stream": lambda stream: frame(GOAWAY, 0, stream, bytes(8)),
    "window of nothing": lambda stream: frame(WINDOW_UPDATE, 0, 0, bytes(4)),
    "window update cut": lambda stream: frame(WINDOW_UPDATE, 0, 0, bytes(3)),
    "window too wide": lambda stream: frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
    "initial window too wide": lambda stream: settings((4, 1 << 31)),
    "reset cut": lambda stream: frame(RST_STREAM, 0, stream, bytes(3)),
}


@pytest.mark.parametrize("name", BROKEN_RULES)
async def test_broken_rule_costs_the_connection_and_no_request_after_it(name: str) -> None:
    async def script(talk: Talk) -> None:
        if talk.number:
            await talk.answer_all()
        talk.send(BROKEN_RULES[name](await talk.request()))
        await talk.ends()

    async with scripted(script) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port)
        assert asked.words == ["UNAVAILABLE"]
        assert asked.details.startswith(f"the connection to 127.0.0.1:{server.port} was given up: it sent ") or (
            "widened" in asked.details
        )
        assert (await peer.ask(server.ip, server.port, first=1)).words == ["NOT_FOUND"]


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it does not speak HTTP/2, but began with b'HTTP/1.1 400 Bad Request"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "it does not speak HTTP/2, but began with b'SSH-2.0"),
        (frame(SETTINGS, 1, 0), "it does not speak HTTP/2"),
        (frame(PING, 0, 0, bytes(8)), "it does not speak HTTP/2"),
        (b"no", "ended it before it spoke HTTP/2"),
        (b"", "ended it before it spoke HTTP/2"),
    ],
)
async def test_what_speaks_no_http2_is_unreachable_in_words(greeting: bytes, words: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.reader.readexactly(len(PREFACE))
        talk.send(greeting)

    async with scripted(script, greets=False) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port, 3)

    assert asked.words == ["UNAVAILABLE"] * 3
    assert words in asked.details


async def test_one_octet_at_a_time_is_an_answer_all_the_same() -> None:
    async def script(talk: Talk) -> None:
        for octet in not_found(await talk.request()):
            talk.send(bytes([octet]))
            await talk.writer.drain()
            await asyncio.sleep(0)
        await talk.ends()

    async with scripted(script) as server, asking() as peer:
        assert (await peer.ask(server.ip, server.port)).words == ["NOT_FOUND"]


async def test_octets_that_come_too_slowly_are_waited_for_no_longer_than_a_request() -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        for octet in not_found(1):
            talk.send(bytes([octet]))
            await asyncio.sleep(0.05)

    async with scripted(script) as server, asking() as peer:
        asked = await asyncio.wait_for(peer.ask(server.ip, server.port, timeout=AT_ONCE), 2)

    assert asked.words == ["DEADLINE_EXCEEDED"]


async def test_server_that_reads_nothing_of_what_it_is_sent_is_not_sent_without_end() -> None:
    there = asyncio.Event()

    class Nobody:
        def connected(self) -> None:
            there.set()

        def received(self, data: bytes) -> None: ...

        def ended(self, number: int) -> None: ...

    async with scripted(lambda _: asyncio.sleep(60), greets=False) as server:
        end = Socket(Nobody(), asyncio.get_running_loop(), reading=Turn())
        if not end.connect(server.ip, server.port):
            await there.wait()
        sent = 0
        while end.write(bytes(MOST_UNSENT)):
            sent += MOST_UNSENT
            assert sent < 64 << 20, "there is no end"
        end.close()


async def test_keepalive_pings_are_no_flood() -> None:
    async def script(talk: Talk) -> None:
        while True:
            stream = await talk.request()
            talk.send(frame(PING, 0, 0, bytes(8)) * 300, not_found(stream))

    async with scripted(script) as server, asking() as peer:
        for number in range(20):
            assert (await peer.ask(server.ip, server.port, first=number)).words == ["NOT_FOUND"]

    assert len(server.talks) == 1


async def test_failed_connection_is_not_used_again() -> None:
    async def script(talk: Talk) -> None:
        if talk.number:
            await talk.answer_all()
        await talk.request()
        await asyncio.sleep(60)

    async with scripted(script) as server, asking() as peer:
        assert (await peer.ask(server.ip, server.port, timeout=AT_ONCE)).words == ["DEADLINE_EXCEEDED"]
        assert (await peer.ask(server.ip, server.port, first=1)).words == ["NOT_FOUND"]

    assert len(server.talks) == 2


async def test_memory_of_blocks_is_bounded() -> None:
    blocks = Blocks()
    for number in range(3 * MOST_KNOWN):
        blocks.read(block([*NOT_FOUND, ("x", str(number))]))
    blocks.read(block([*NOT_FOUND, ("x", "y" * 4000)]))

    assert len(blocks._known) <= MOST_KNOWN
    assert max(map(len, blocks._known)) < 1000
