"""NOT_FOUND says that there is nothing to delete: it is believed from where a gRPC server puts it, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lean.asking import AT_ONCE, Asked, asking
from tests.lean.scripted import (
    DATA,
    END_STREAM,
    HEADERS,
    NOT_FOUND,
    OPENING,
    RST_STREAM,
    Headers,
    Talk,
    frame,
    goaway,
    headers,
    message,
    ok,
    scripted,
)

STATUS = [("grpc-status", "5"), ("grpc-message", "task not found")]
HTML = [("content-type", "text/html")]

Answer = Callable[[int], bytes]


async def told(answer: Answer, *, timeout: float = 5.0) -> Asked:
    """Ask a server about one task that answers so, and then closes the connection."""

    async def script(talk: Talk) -> None:
        talk.send(answer(await talk.request()))

    async with scripted(script) as server, asking() as peer:
        return await peer.ask(server.ip, server.port, timeout=timeout)


def alone(fields: Headers, *, ends: bool = True) -> Answer:
    return lambda stream: headers(stream, fields, ends=ends)


def after(opening: Headers, ending: Headers, body: bytes = b"") -> Answer:
    return lambda stream: (
        headers(stream, opening, ends=False) + (frame(DATA, 0, stream, body) if body else b"") + headers(stream, ending)
    )


@pytest.mark.parametrize(
    "answer",
    [
        alone(NOT_FOUND),
        alone([(":status", "200"), ("content-type", "application/grpc+proto"), *STATUS]),
        alone([(":status", "200"), ("content-type", "application/grpc;charset=utf-8"), *STATUS]),
        alone([*NOT_FOUND, ("date", "Wed, 25 Nov 2026 23:00:00 GMT"), ("server", "tonic")]),
        after(OPENING, STATUS),
        lambda stream: headers(stream, [(":status", "100")], ends=False) + headers(stream, NOT_FOUND),
    ],
    ids=["alone", "+proto", "with a charset", "with a date", "after headers", "after 100 Continue"],
)
async def test_status_at_the_end_of_an_answer_of_grpc_is_believed(answer: Answer) -> None:
    assert (await told(answer)).words == ["NOT_FOUND"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (alone([(":status", "404"), *HTML]), "UNIMPLEMENTED"),
        (alone([(":status", "404"), *HTML, *STATUS]), "UNIMPLEMENTED"),
        (alone([(":status", "404"), ("content-type", "application/grpc"), *STATUS]), "UNIMPLEMENTED"),
        (alone([(":status", "200"), *HTML, *STATUS]), "UNKNOWN"),
        (alone([(":status", "200"), *STATUS]), "UNKNOWN"),
        (alone([(":status", "200"), ("content-type", "application/grpc-web"), *STATUS]), "UNKNOWN"),
        (alone([(":status", "200"), ("content-type", "application/grpc"), *HTML, *STATUS]), "UNKNOWN"),
        (alone([(":status", "502"), *STATUS]), "UNAVAILABLE"),
        (alone([(":status", "200"), (":status", "404"), ("content-type", "application/grpc"), *STATUS]), "INTERNAL"),
        (alone(STATUS), "INTERNAL"),
        (alone([*OPENING, ("grpc-status", "5"), ("grpc-status", "13")]), "UNKNOWN"),
        (alone([*OPENING, ("grpc-status", "05")]), "UNKNOWN"),
        (alone([*OPENING, ("grpc-status", "5 ")]), "UNKNOWN"),
        (alone([*OPENING, ("Grpc-Status", "5")]), "UNKNOWN"),
        (alone([*OPENING, ("grpc-message", "5")]), "UNKNOWN"),
        (alone([*OPENING, ("grpc-status", "0")]), "INTERNAL"),
        (alone([*OPENING, ("grpc-status", "99")]), "UNKNOWN"),
        (after([(":status", "404"), *HTML], STATUS, b"<html>"), "UNIMPLEMENTED"),
        (after([(":status", "200"), *HTML], STATUS, b"<html>"), "UNKNOWN"),
        (after(OPENING, [(":status", "404"), *STATUS]), "INTERNAL"),
        (after(OPENING, [("grpc-status", "0")]), "INTERNAL"),
        (after(OPENING, [], message(b"")), "UNKNOWN"),
        (alone(NOT_FOUND, ends=False), "UNAVAILABLE"),
        (lambda stream: headers(stream, NOT_FOUND, ends=False) + headers(stream, OPENING, ends=False), "INTERNAL"),
        (lambda stream: frame(DATA, END_STREAM, stream, message(b"")), "INTERNAL"),
        (
            lambda stream: headers(stream, NOT_FOUND, ends=False) + frame(DATA, END_STREAM, stream, message(b"")),
            "UNKNOWN",
        ),
        (lambda stream: frame(RST_STREAM, 0, stream, bytes(4)), "INTERNAL"),
        (lambda stream: frame(RST_STREAM, 0, stream, b"\0\0\0\5"), "INTERNAL"),
        (lambda stream: frame(RST_STREAM, 0, stream, b"\0\0\0\7"), "UNAVAILABLE"),
        (lambda stream: frame(RST_STREAM, 0, stream, b"\0\0\0\x08"), "CANCELLED"),
        (lambda stream: frame(RST_STREAM, 0, stream, b"\0\0\0\x0b"), "RESOURCE_EXHAUSTED"),
        (lambda stream: goaway(stream, 5, b"not found"), "UNAVAILABLE"),
        (lambda stream: b"", "UNAVAILABLE"),
        (lambda stream: headers(stream, NOT_FOUND)[:-1], "UNAVAILABLE"),
        (lambda stream: headers(stream + 2, NOT_FOUND), "UNAVAILABLE"),
        (lambda stream: headers(stream + 1, NOT_FOUND), "UNAVAILABLE"),
        (lambda stream: frame(HEADERS, END_STREAM, stream, b"\x88"), "UNAVAILABLE"),
    ],
)
async def test_whatever_else_says_so_is_not(answer: Answer, code: str) -> None:
    assert (await told(answer)).words == [code]


async def test_silence_is_not() -> None:
    async def script(talk: Talk) -> None:
        await talk.ends()

    async with scripted(script) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port, timeout=AT_ONCE)

    assert (asked.words, asked.details) == (["DEADLINE_EXCEEDED"], f"no answer within {AT_ONCE} s")


async def test_message_that_comes_before_not_found_changes_nothing() -> None:
    assert (await told(after(OPENING, STATUS, message(b"x")))).words == ["NOT_FOUND"]


@pytest.mark.parametrize(
    "body",
    [
        b"\0\0\0\0",
        b"\0\0\0\0\5four",
        b"\0\0\0\0\3four",
        message(b"one") + message(b"two"),
        b"\1\0\0\0\4four",
        message(bytes(70_000)),
    ],
    ids=["no length", "too short", "too long", "two", "compressed", "large"],
)
async def test_what_is_no_one_message_is_internal(body: bytes) -> None:
    def answer(stream: int) -> bytes:
        parts = (body[at : at + 16384] for at in range(0, len(body), 16384))
        return (
            headers(stream, OPENING, ends=False)
            + b"".join(frame(DATA, 0, stream, part) for part in parts)
            + headers(stream, [("grpc-status", "0")])
        )

    assert (await told(answer)).words == ["INTERNAL"]


@pytest.mark.parametrize("size", [0, 1, 16384, 65536])
async def test_message_comes_as_it_was_sent(size: int) -> None:
    body = bytes(number % 251 for number in range(size))

    def answer(stream: int) -> bytes:
        whole = message(body)
        parts = (whole[at : at + 9000] for at in range(0, len(whole), 9000))
        return (
            headers(stream, OPENING, ends=False)
            + b"".join(frame(DATA, 0, stream, part) for part in parts)
            + headers(stream, [("grpc-status", "0")])
        )

    assert list((await told(answer)).answers.values()) == [body]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("100%", "100%"),
        ("%e2%82%ac", "€"),
        ("%E2%82", "\N{REPLACEMENT CHARACTER}"),
        ("a%zzb", "a%zzb"),
        ("50%25", "50%"),
        ("", "INTERNAL without a description"),
    ],
)
async def test_message_of_a_status_is_read_leniently(sent: str, read: str) -> None:
    asked = await told(alone([*OPENING, ("grpc-status", "13"), ("grpc-message", sent)]))

    assert asked.details == read


async def test_padding_and_priority_are_no_part_of_an_answer() -> None:
    def answer(stream: int) -> bytes:
        whole = headers(stream, NOT_FOUND)[9:]
        return frame(HEADERS, 1 | 4 | 8 | 32, stream, b"\3" + bytes(5) + whole + bytes(3))

    assert (await told(answer)).words == ["NOT_FOUND"]


async def test_same_words_for_another_task_are_looked_up_and_others_are_not() -> None:
    async def script(talk: Talk) -> None:
        await talk.answer_all(lambda stream: ok(stream, b"x") if stream == 5 else headers(stream, NOT_FOUND))

    async with scripted(script) as server, asking() as peer:
        asked = await peer.ask(server.ip, server.port, 4)

    assert asked.words == ["NOT_FOUND", "NOT_FOUND", "OK", "NOT_FOUND"]
