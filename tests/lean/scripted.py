"""A server that does on its connections what a test says, octet by octet: what no library for servers would do."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1

Headers = Sequence[tuple[str, str]]
OPENING: Headers = [(":status", "200"), ("content-type", "application/grpc")]
NOT_FOUND: Headers = [*OPENING, ("grpc-status", "5"), ("grpc-message", "task not found")]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def settings(*values: tuple[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *value) for value in values))


def block(headers: Headers) -> bytes:
    """Encode headers as a server does that keeps no table."""
    encoder = hpack.Encoder()
    encoder.header_table_size = 0
    return encoder.encode(headers)


def headers(stream: int, fields: Headers, *, ends: bool = True) -> bytes:
    return frame(HEADERS, END_HEADERS | (END_STREAM if ends else 0), stream, block(fields))


def not_found(stream: int) -> bytes:
    return headers(stream, NOT_FOUND)


def message(body: bytes) -> bytes:
    return b"\0" + len(body).to_bytes(4, "big") + body


def ok(stream: int, body: bytes) -> bytes:
    return (
        headers(stream, OPENING, ends=False)
        + frame(DATA, 0, stream, message(body))
        + headers(stream, [("grpc-status", "0")])
    )


def goaway(last: int, code: int = 0, words: bytes = b"") -> bytes:
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + words)


@dataclass
class Talk:
    """One connection, from the server's side.

    Attributes:
        number: of the connection, from 0.
        seen: every frame that came: type, flags, stream, payload.
    """

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: list[tuple[int, int, int, bytes]] = field(default_factory=list)

    def send(self, *octets: bytes) -> None:
        self.writer.write(b"".join(octets))

    async def read(self) -> tuple[int, int, int, bytes]:
        """Read one frame."""
        head = await self.reader.readexactly(9)
        payload = await self.reader.readexactly(int.from_bytes(head[:3], "big"))
        each = (head[3], head[4], int.from_bytes(head[5:], "big"), payload)
        self.seen.append(each)
        return each

    async def until(self, kind: int, flag: int = 0) -> tuple[int, int, int, bytes]:
        """Read on to a frame of a kind, with a flag."""
        while True:
            each = await self.read()
            if each[0] == kind and each[1] & flag == flag:
                return each

    async def request(self) -> int:
        """Read on to the end of a request. Returns its stream."""
        return (await self.until(DATA, END_STREAM))[2]

    async def answer_all(self, answer: Callable[[int], bytes] = not_found) -> None:
        """Answer every request from now on."""
        while True:
            self.send(answer(await self.request()))

    async def ends(self) -> None:
        """Read on to the end of the connection."""
        while True:
            await self.read()


Script = Callable[[Talk], Awaitable[None]]


@dataclass
class Scripted:
    """A server and its connections."""

    ip: str
    port: int
    talks: list[Talk]


@asynccontextmanager
async def scripted(script: Script, *, greets: bool = True, ip: str = "127.0.0.1") -> AsyncIterator[Scripted]:
    """Serve. What a script raises, but the end of its connection, fails the test.

    Args:
        script: what each connection does; it is closed after that.
        greets: whether the preface is read and SETTINGS are sent before it.
        ip: where to listen.
    """
    talks: list[Talk] = []
    failures: list[Exception] = []
    tasks: set[asyncio.Task[None] | None] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        each = Talk(len(talks), reader, writer)
        talks.append(each)
        try:
            if greets:
                assert await reader.readexactly(len(PREFACE)) == PREFACE
                each.send(settings())
            await script(each)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except Exception as error:  # noqa: BLE001 - raised where the test is
            failures.append(error)
        finally:
            writer.close()

    server = await asyncio.start_server(talk, ip, 0)
    try:
        yield Scripted(ip, server.sockets[0].getsockname()[1], talks)
    finally:
        server.close()
        for task in tasks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
    if failures:
        raise failures[0]
