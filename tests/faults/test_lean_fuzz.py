"""Whatever octets a server sends: each request is told of once, in time, and never as NOT_FOUND if nobody said so."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from dragonfly_task_operator.dragonfly.lean.blocks import Blocks
from dragonfly_task_operator.dragonfly.lean.frames import ProtocolError
from tests.lean import scripted as server_side
from tests.lean.asking import asking
from tests.lean.scripted import END_HEADERS, END_STREAM, HEADERS, PING, Talk, frame, goaway, headers, ok, scripted

EXAMPLES = 100
REQUESTS = 5
SECONDS = 0.4
"""For each request: some mutations make silence of an answer."""

FAILURE: server_side.Headers = [*server_side.OPENING, ("grpc-status", "13"), ("grpc-message", "disk on fire")]


def honest(stream: int) -> bytes:
    """What a server says that has the task of some streams, and fails at others. Never NOT_FOUND."""
    return ok(stream, b"\x0a\x04have") if stream % 4 == 1 else headers(stream, FAILURE)


def mutated(octets: bytes, how: random.Random) -> bytes:
    """Change, cut, double or insert a few octets."""
    changed = bytearray(octets)
    for _ in range(how.choice([1, 1, 2, 8])):
        at = how.randrange(len(changed) + 1)
        match how.randrange(5):
            case 0 if at < len(changed):
                changed[at] ^= 1 << how.randrange(8)
            case 1:
                del changed[at : at + how.choice([1, 4, 9, 30])]
            case 2:
                changed[at:at] = changed[at : at + how.choice([1, 9, 40])]
            case 3:
                changed[at:at] = how.randbytes(how.choice([1, 3, 9]))
            case _:
                changed[at:at] = how.choice([frame(PING, 0, 0, bytes(8)), goaway(3), frame(HEADERS, 5, 1, b"\x88")])
    return bytes(changed)


def says_not_found(octets: bytes) -> bool:
    """Whether a mutation has, by chance, written `grpc-status: 5`: one bit is all that is between it and another."""
    return any(octets[at : at + 2] in {b"\x01\x35", b"\x81\x6f"} for at in range(len(octets)))


@given(seed=st.integers(0, 2**32), greeting=st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_mutated_answers_are_told_once_and_in_time_and_none_as_not_found(seed: int, greeting: bool) -> None:
    asyncio.run(_asked_of_a_mutant(seed, mutates_greeting=greeting))


async def _asked_of_a_mutant(seed: int, *, mutates_greeting: bool) -> None:
    how = random.Random(seed)
    sent = bytearray()

    async def script(talk: Talk) -> None:
        await talk.reader.readexactly(len(server_side.PREFACE))
        greeting = server_side.settings((3, how.choice([0, 1, 2, 100])), (4, how.choice([0, 10, 65535])))
        talk.send(mutated(greeting, how) if mutates_greeting else greeting)
        while True:
            answer = mutated(honest(await talk.request()), how)
            sent.extend(answer)
            size = how.choice([1, 7, 1000])
            for at in range(0, len(answer), size):
                talk.send(answer[at : at + size])
                await talk.writer.drain()

    async with scripted(script, greets=False) as server, asking() as peer:
        limit = SECONDS * (REQUESTS + 2) * 3
        asked = await asyncio.wait_for(peer.ask(server.ip, server.port, REQUESTS, timeout=SECONDS), limit)

    assert len(asked.answers) == REQUESTS
    assert "NOT_FOUND" not in asked.words or says_not_found(bytes(sent))


@given(block=st.binary(max_size=300))
@settings(max_examples=20 * EXAMPLES, deadline=None)
def test_any_block_is_read_or_refused(block: bytes) -> None:
    blocks = Blocks()
    try:
        first = blocks.read(block)
    except ProtocolError:
        return
    assert blocks.read(block) == first


@given(flags=st.integers(0, 255), octets=st.binary(max_size=100))
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_frame_in_the_place_of_an_answer_is_no_not_found(flags: int, octets: bytes) -> None:
    async def ask() -> list[str]:
        async def script(talk: Talk) -> None:
            stream = await talk.request()
            talk.send(frame(octets[0] if octets else 0, flags | END_HEADERS | END_STREAM, stream, octets[1:]))

        async with scripted(script) as server, asking() as peer:
            return (await peer.ask(server.ip, server.port, timeout=SECONDS)).words

    (told,) = asyncio.run(ask())
    assert told != "NOT_FOUND" or says_not_found(octets)
