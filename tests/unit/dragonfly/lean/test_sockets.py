"""What a connection tells of its end, also where the event loop tells nothing."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from dataclasses import dataclass, field
from typing import cast

import pytest

from dragonfly_task_operator.dragonfly.lean.sockets import Socket
from dragonfly_task_operator.dragonfly.lean.turn import Turn
from tests.lean.asking import until


@dataclass
class Owner:
    data: bytes = b""
    ends: list[int] = field(default_factory=list)
    is_connected: bool = False

    def connected(self) -> None:
        self.is_connected = True

    def received(self, data: bytes) -> None:
        self.data += data

    def ended(self, number: int) -> None:
        self.ends.append(number)


class Deaf:
    """The event loop, but that it never tells that something can be read."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.call_soon = self._loop.call_soon
        self.add_writer, self.remove_writer = self._loop.add_writer, self._loop.remove_writer

    def add_reader(self, number: int, _: object) -> None:
        assert number > 0

    def remove_reader(self, number: int) -> None:
        assert number > 0


@pytest.mark.parametrize("said", [b"", b"the last words"], ids=["nothing said before", "something said before"])
async def test_reset_that_sending_has_told_of_is_the_end(said: bytes) -> None:
    owner = Owner()
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = Socket(owner, cast("asyncio.AbstractEventLoop", Deaf()), reading=Turn())
        is_there = connection.connect(*server.getsockname())
        theirs, _ = server.accept()
        await until(lambda: is_there or owner.is_connected, "the connection")
        theirs.sendall(said)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()

        assert connection.write(b"x")

        await until(lambda: bool(owner.ends), "the end")
    assert owner.ends[0] in {0, errno.ECONNRESET}
    assert len(owner.ends) == 1
