"""A little HTTP proxy on loopback: it makes tunnels (CONNECT), passes plain requests on, and notes what it is asked."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

_BUFFER = 64 << 10


@dataclass
class ConnectProxy:
    """`leads_to`: the port on loopback that is behind a name here. `answers`: to everybody, in place of a tunnel.

    `asked` has the first line of each request, `wants` a name and a password.
    """

    leads_to: Mapping[str, int] = field(default_factory=dict)
    answers: int | None = None
    wants: tuple[str, str] | None = None
    asked: list[str] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            first, *headers = head.decode("latin-1").split("\r\n")
            self.asked.append(first)
            status = self._status(headers)
            if status is not None:
                writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
                return
            method, target, _ = first.split(" ")
            host = target if method == "CONNECT" else target.split("/")[2]
            name = host.rpartition(":")[0] if ":" in host else host
            behind = await asyncio.open_connection("127.0.0.1", self.leads_to[name])
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                behind[1].write(head.replace(target.encode(), b"/" + target.split("/", 3)[3].encode(), 1))
            await self._join((reader, writer), behind)

    def _status(self, headers: list[str]) -> int | None:
        if self.wants is not None:
            expected = base64.b64encode(":".join(self.wants).encode()).decode()
            if f"Proxy-Authorization: Basic {expected}" not in headers:
                return 407
        return self.answers

    async def _join(
        self,
        one: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        other: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError), contextlib.closing(writer):
                while data := await reader.read(_BUFFER):
                    writer.write(data)
                    await writer.drain()

        await asyncio.gather(copy(one[0], other[1]), copy(other[0], one[1]))
