"""The API server behind the proxy, and the connections to it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

_LINE = 4 << 20
_POLL_SECONDS = 0.005
_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Upstream:
    """The API server, as a kubeconfig names it."""

    url: str
    ca: bytes
    token: str

    @classmethod
    def of(cls, kubeconfig: Path) -> Upstream:
        content = yaml.safe_load(kubeconfig.read_text())
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        return cls(cluster["server"], base64.b64decode(cluster["certificate-authority-data"]), user["token"])

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Ask it. When this ends, so has every connection.

        aiohttp says farewell over TLS on the connection of a request that was cancelled, and forgets it: where the
        API server is slow to answer, that outlives the event loop, and fails whatever test the garbage is found in.
        """
        sockets: list[socket.socket] = []

        def make(address: Sequence[Any]) -> socket.socket:
            family, kind, protocol, *_ = address
            sockets[:] = [each for each in sockets if each.fileno() >= 0]
            sockets.append(made := socket.socket(family, kind, protocol))
            return made

        context = ssl.create_default_context(cadata=self.ca.decode())
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=context, socket_factory=make),
            skip_auto_headers=["Content-Type"],
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=_LINE,
        ) as session:
            yield session
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while left := [each for each in sockets if each.fileno() >= 0]:
                for each in left:
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)  # its transport reads the end, and closes it
                await asyncio.sleep(_POLL_SECONDS)
