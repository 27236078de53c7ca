"""The credentials in use, read again when they are refused, when the server's certificate is, or when they grow old.

While they are refused, one request at a time knocks, ever more seldom, and all others wait for what comes of it: an API
server that refuses a thousand objects' requests is not asked a thousand times.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from dragonfly_task_operator.errors import SettingsError
from dragonfly_task_operator.kube.credentials import Credentials, Source
from dragonfly_task_operator.observability.logs import fields

log = logging.getLogger(__name__)

KNOCK_SECONDS = (0.0, 1.0, 2.0, 4.0)
"""Before the first knock, the second, and so on; the last holds for all after. New credentials are in use so soon."""


@dataclass(frozen=True, slots=True)
class Key:
    """Credentials, and the TLS that they ask for. The same key is the same object."""

    credentials: Credentials
    tls: ssl.SSLContext


class Keyring:
    """One process's credentials for the API server.

    Args:
        source: where they are read.
        key: as they were read first.
        clock: in seconds.
    """

    def __init__(self, source: Source, key: Key, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._key, self._clock = source, key, clock
        self._stale_at = self._from_now(key)
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._refusal: str | None = None
        self._unreadable: str | None = None
        self._knocks = 0
        self._knocked_at = 0.0
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, source: Source, *, clock: Callable[[], float] = time.monotonic) -> Self:
        """Read credentials for the first time. Raises SettingsError."""
        credentials = await source.read()
        return cls(source, Key(credentials, _tls(source, credentials)), clock=clock)

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self._key.credentials.server

    def trouble(self) -> str | None:
        """Say why the API server can't be asked, if it refuses the credentials, or its certificate is refused."""
        if self._refusal is None:
            return None
        unreadable = f"; {self._unreadable}" if self._unreadable else ""
        return f"{self._refusal}; {self._source} is read again and again{unreadable}"

    @asynccontextmanager
    async def key(self) -> AsyncIterator[Key]:
        """Give the key for one request, once it makes sense to send one: `fits` or `refused` is to be said inside."""
        if self._refusal is None:
            if self._clock() >= self._stale_at:
                await self._read_again()
            yield self._key
            return
        async with self._turn:
            knocks = self._refusal is not None
            if knocks:
                await self._knock()
                yield self._key
        if not knocks:  # whoever was before has got in: nobody need wait for this one
            yield self._key

    def fits(self) -> None:
        """Take note that a request was let in."""
        if self._refusal is not None:
            log.info("credentials.accepted", extra=fields(source=self._source))
        self._refusal = self._unreadable = None

    def refused(self, key: Key, why: str) -> None:
        """Take note that a request with this key was refused, or its server."""
        if key is not self._key:
            return  # there is another one by now
        if self._refusal is None:
            log.warning("credentials.refused", extra=fields(source=self._source, error=why))
            if self._clock() > self._knocked_at + 2 * KNOCK_SECONDS[-1]:
                self._knocks = 0
        self._refusal = why

    def doubt(self, key: Key) -> None:
        """Take note that a connection failed, which is how a server refuses a certificate: it is read again soon."""
        if key.credentials.trust.certificate is not None and self._clock() >= self._read_at + KNOCK_SECONDS[-1]:
            self._stale_at = self._clock()

    async def aclose(self) -> None:
        """Stop reading."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def _knock(self) -> None:
        """Wait until it is time, and read the credentials."""
        wait = KNOCK_SECONDS[min(self._knocks, len(KNOCK_SECONDS) - 1)]
        await asyncio.sleep(max(self._knocked_at + wait - self._clock(), 0))
        self._knocks += 1
        self._knocked_at = self._clock()
        await self._read_again()

    async def _read_again(self) -> None:
        """Read the credentials, once for all who want it, and to the end even if they can't wait for it."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read())
        await asyncio.shield(self._reading)

    async def _read(self) -> None:
        self._read_at = self._clock()
        self._stale_at = self._from_now(self._key)
        try:
            credentials = await self._source.read()
            if credentials != self._key.credentials:
                same_tls = credentials.trust == self._key.credentials.trust
                self._key = Key(credentials, self._key.tls if same_tls else _tls(self._source, credentials))
                log.info("credentials.renewed", extra=fields(source=self._source))
        except SettingsError as error:
            if self._unreadable is None:
                log.warning("credentials.unreadable", extra=fields(error=str(error)))
            self._unreadable = str(error)
        else:
            self._unreadable = None
            self._stale_at = self._from_now(Key(credentials, self._key.tls))

    def _from_now(self, key: Key) -> float:
        good_for = key.credentials.good_for
        return float("inf") if good_for is None else self._clock() + good_for


def _tls(source: Source, credentials: Credentials) -> ssl.SSLContext:
    try:
        return credentials.trust.context()
    except SettingsError as error:
        raise SettingsError(f"{source} can't be used: {error}") from None
