"""Rules of HTTP/2 that servers insist on: streams, windows, settings, header tables, PING and GOAWAY."""

from __future__ import annotations

import asyncio

import hpack
import pytest

from dragonfly_task_operator.dragonfly.lean.link import MOST_STREAMS
from tests.lean.asking import AT_ONCE, asking
from tests.lean.scripted import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Talk,
    frame,
    goaway,
    not_found,
    ok,
    scripted,
    settings,
)

TABLE_SIZE, CONCURRENT, WINDOW = 1, 3, 4


def increment(stream: int, more: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, more.to_bytes(4, "big"))


async def test_one_request_is_sent_until_settings_come_and_all_others_in_one_go_after() -> None:
    before: list[int] = []

    async def script(talk: Talk) -> None:
        assert await talk.reader.readexactly(len(PREFACE)) == PREFACE
        before.append(await talk.request())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(talk.request(), 0.2)
        talk.send(settings())
        streams = [await talk.request() for _ in range(9)]
        talk.send(*(not_found(stream) for stream in [1, *streams]))
        await talk.ends()

    async with scripted(script, greets=False) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port, 10)

    assert (before, asked.words) == ([1], ["NOT_FOUND"] * 10)


@pytest.mark.parametrize(("first", "later"), [(3, None), (9, 2), (1, 4)])
async def test_no_more_are_under_way_than_the_server_allows_at_the_time(first: int, later: int | None) -> None:
    most: list[tuple[int, int]] = []

    async def script(talk: Talk) -> None:
        await talk.reader.readexactly(len(PREFACE))
        talk.send(settings((CONCURRENT, first)))
        allowed, open_streams, answered = first, set[int](), 0
        while True:
            try:
                stream = await asyncio.wait_for(talk.request(), 0.1)
            except TimeoutError:
                most.append((len(open_streams), allowed))
                if later is not None and allowed != later:
                    allowed = later
                    talk.send(settings((CONCURRENT, later)))
                for each in sorted(open_streams)[: max(1, len(open_streams) - 1)]:
                    open_streams.discard(each)
                    answered += 1
                    talk.send(not_found(each))
                if answered == 12:
                    return
            else:
                open_streams.add(stream)
                assert len(open_streams) <= max(first, later or 0)

    async with scripted(script, greets=False) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port, 12)

    assert asked.words == ["NOT_FOUND"] * 12
    assert all(opened <= allowed for opened, allowed in most)


async def test_server_that_allows_nothing_is_waited_for_no_longer_than_a_request() -> None:
    async def script(talk: Talk) -> None:
        await talk.reader.readexactly(len(PREFACE))
        talk.send(settings((CONCURRENT, 0)))
        talk.send(not_found(await talk.request()))
        await talk.ends()

    async with scripted(script, greets=False) as server, asking() as peer:
        asked = await asyncio.wait_for(peer.ask(server.ip, server.port, 3, timeout=AT_ONCE), 3)

    assert asked.words == ["NOT_FOUND", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"]


async def test_no_server_is_sent_more_than_a_bounded_number_at_once() -> None:
    async def script(talk: Talk) -> None:
        streams = [await talk.request() for _ in range(MOST_STREAMS)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(talk.request(), 0.2)
        talk.send(*map(not_found, streams))
        await talk.answer_all()

    async with scripted(script) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port, MOST_STREAMS + 20)

    assert asked.words == ["NOT_FOUND"] * (MOST_STREAMS + 20)


async def test_smaller_header_table_is_acknowledged_in_the_first_block_after() -> None:
    first: list[int] = []

    async def script(talk: Talk) -> None:
        await talk.reader.readexactly(len(PREFACE))
        first.append((await talk.until(HEADERS))[3][0])
        stream = await talk.request()
        talk.send(settings((TABLE_SIZE, 0)), not_found(stream))
        for _ in range(2):
            first.append((await talk.until(HEADERS))[3][0])
            talk.send(not_found(await talk.request()))

    async with scripted(script, greets=False) as server, asking() as peer:
        for number in range(3):
            await peer.ask(server.ip, server.port, first=number)

    assert first == [0x20, 0x20, 0x83]


async def test_request_is_what_grpc_says_it_is() -> None:
    blocks: list[bytes] = []

    async def script(talk: Talk) -> None:
        blocks.append((await talk.until(HEADERS, END_HEADERS))[3])
        _, _, stream, body = await talk.until(DATA, END_STREAM)
        assert body == b"\0\0\0\0\6\x0a\x040000"
        talk.send(not_found(stream))

    async with scripted(script) as server, asking() as peer:
        await peer.ask(server.ip, server.port, timeout=5)

    decoder = hpack.Decoder()
    assert [(str(name), str(value)) for name, value in decoder.decode(blocks[0])] == [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/dfdaemon.v2.DfdaemonUpload/StatLocalTask"),
        (":authority", f"127.0.0.1:{server.port}"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "dragonfly-task-operator"),
        ("grpc-timeout", "6000m"),
    ]


async def test_header_table_that_the_server_uses_all_the_same_ends_the_connection() -> None:
    async def script(talk: Talk) -> None:
        block = hpack.Encoder().encode([(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "5")])
        stream = await talk.request()
        talk.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, block))
        talk.send(frame(HEADERS, END_HEADERS | END_STREAM, await talk.request(), b"\x88\xbe\xbf"))
        await talk.ends()

    async with scripted(script) as server, asking() as peer:
        words = [(await peer.ask(server.ip, server.port, first=number)).words for number in range(2)]

    assert words == [["NOT_FOUND"], ["UNAVAILABLE"]]


async def test_window_of_nothing_is_heeded_until_it_is_widened() -> None:
    bodies: list[bytes] = []

    async def script(talk: Talk) -> None:
        await talk.reader.readexactly(len(PREFACE))
        talk.send(settings((WINDOW, 0)), not_found(await talk.request()))
        await talk.until(HEADERS)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(talk.read(), 0.2)
        talk.send(increment(3, 4))
        bodies.append((await talk.until(DATA))[3])
        talk.send(increment(3, 100))
        bodies.append((await talk.until(DATA, END_STREAM))[3])
        talk.send(not_found(3))
        await talk.ends()

    async with scripted(script, greets=False) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port, 2)

    assert asked.words == ["NOT_FOUND"] * 2
    assert (len(bodies[0]), b"".join(bodies)) == (4, b"\0\0\0\0\6\x0a\x040001")


async def test_later_settings_widen_the_windows_of_streams_that_wait() -> None:
    async def script(talk: Talk) -> None:
        await talk.reader.readexactly(len(PREFACE))
        talk.send(settings((WINDOW, 0)), not_found(await talk.request()))
        await talk.until(HEADERS)
        talk.send(settings((WINDOW, 50)))
        talk.send(not_found(await talk.request()))
        await talk.ends()

    async with scripted(script, greets=False) as server, asking() as peer:
        assert (await peer.ask(server.ip, server.port, 2)).words == ["NOT_FOUND"] * 2


async def test_server_may_send_on_for_as_long_as_a_connection_is_used() -> None:
    body = bytes(16_000)

    def left(talk: Talk, answers: int) -> int:
        """Octets that the server may still send."""
        widened = sum(int.from_bytes(each[3], "big") for each in talk.seen if each[0] == WINDOW_UPDATE)
        return 65535 + widened - answers * (len(body) + 5)

    async def script(talk: Talk) -> None:
        for number in range(12):
            stream = await talk.request()
            while left(talk, number + 1) < 0:
                await talk.until(WINDOW_UPDATE)
            talk.send(ok(stream, body))

    async with scripted(script) as server, asking() as peer:
        for number in range(12):
            assert (await peer.ask(server.ip, server.port, first=number)).words == ["OK"]


async def test_pings_are_answered_and_settings_acknowledged() -> None:
    async def script(talk: Talk) -> None:
        stream = await talk.request()
        talk.send(frame(PING, 0, 0, b"are you?"))
        assert (await talk.until(PING, ACK))[3] == b"are you?"
        talk.send(settings())
        await talk.until(SETTINGS, ACK)
        talk.send(frame(PING, ACK, 0, b"no reply"), frame(99, 0, 7, b"unknown"), not_found(stream))
        await talk.ends()

    async with scripted(script) as server, asking() as peer:
        assert (await peer.ask(server.ip, server.port)).words == ["NOT_FOUND"]


# GOAWAY


async def test_server_that_goes_away_in_good_time_answers_first_and_is_asked_the_rest_on_another_connection() -> None:
    async def script(talk: Talk) -> None:
        if talk.number:
            await talk.answer_all()
        streams = [await talk.request() for _ in range(3)]
        talk.send(goaway((1 << 31) - 1), *map(not_found, streams))
        await talk.ends()

    async with scripted(script) as server, asking() as peer:
        assert (await peer.ask(server.ip, server.port, 3)).words == ["NOT_FOUND"] * 3
        assert (await peer.ask(server.ip, server.port, first=3)).words == ["NOT_FOUND"]

    assert len(server.talks) == 2


async def test_requests_above_the_last_that_counts_are_sent_again_elsewhere() -> None:
    async def script(talk: Talk) -> None:
        if talk.number:
            await talk.answer_all()
        for _ in range(4):
            await talk.request()
        talk.send(goaway(3), not_found(1), not_found(3))
        await talk.ends()

    async with scripted(script) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port, 4)

    assert (asked.words, len(server.talks)) == (["NOT_FOUND"] * 4, 2)


async def test_requests_up_to_the_last_that_counts_are_unknown_once_the_connection_is_cut() -> None:
    async def script(talk: Talk) -> None:
        if talk.number:
            await talk.answer_all()
        for _ in range(4):
            await talk.request()
        talk.send(goaway(5), not_found(1))

    async with scripted(script) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port, 4)

    assert asked.words == ["NOT_FOUND", "UNAVAILABLE", "UNAVAILABLE", "NOT_FOUND"]


async def test_server_that_goes_away_in_anger_says_why() -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        talk.send(goaway(1, 11, b"too_many_pings"))

    async with scripted(script) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port)

    assert asked.words == ["UNAVAILABLE"]
    assert asked.details.endswith("it said goodbye with ENHANCE_YOUR_CALM: too_many_pings)")


async def test_server_that_always_goes_away_is_not_asked_for_ever() -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        talk.send(goaway(0))
        await talk.ends()

    async with scripted(script) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port, 5)

    assert (asked.words, len(server.talks)) == (["UNAVAILABLE"] * 5, 2)


async def test_request_that_nobody_waits_for_any_more_is_cancelled_and_the_connection_stays() -> None:
    asked, reset = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def script(talk: Talk) -> None:
        await talk.request()
        asked.set()
        reset.set_result((await talk.until(RST_STREAM))[2:])
        talk.send(not_found(1))  # too late
        await talk.answer_all()

    async with scripted(script) as server, asking() as peer:
        nobody = asyncio.create_task(peer.ask(server.ip, server.port))
        await asked.wait()
        nobody.cancel()
        assert await asyncio.wait_for(reset, 5) == (1, b"\0\0\0\x08")
        assert (await peer.ask(server.ip, server.port, first=1)).words == ["NOT_FOUND"]

    assert len(server.talks) == 1
    assert not any(each[0] == GOAWAY for each in server.talks[0].seen)
