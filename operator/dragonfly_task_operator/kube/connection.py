"""The way to the API server: which credentials, sockets that notice when the other end is gone, and limits in time.

Everything that talks to the API server, Kopf too, does it by a `Line`. A line renews credentials by itself, and knows
three ways to fail besides those of aiohttp: no answer in time, credentials that are refused, and answers that are not
the API server's. All are connection errors to aiohttp's callers, who try again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import aiohttp
from multidict import CIMultiDict

from dragonfly_task_operator import __version__
from dragonfly_task_operator.kube import answers
from dragonfly_task_operator.kube.credentials import Source
from dragonfly_task_operator.kube.keyring import Key, Keyring
from dragonfly_task_operator.kube.kubeconfig import Kubeconfig, ProxyFor
from dragonfly_task_operator.kube.pod import ServiceAccount

REQUEST_SECONDS = 15.0
"""For one request, all that delays it included; two of them fit into the 30 s in which a dead connection is noticed."""

LOOKUP_SECONDS = 10.0
"""For one look at something that a run waits for: EndpointSlices, pods, Secrets."""

CONNECT_SECONDS = 5.0

IDLE_SECONDS = 8.0
"""How long an idle connection is kept. One that a firewall has forgotten has expired by the next attempt."""

AGAIN_SECONDS = 1.0
"""Between two attempts of one request that is refused although others are let in, or whose server is busy."""

DEAD_SECONDS = 20
"""Without a sign of life from the other end's kernel, a connection is dead."""

USER_AGENT = f"dragonfly-task-operator/{__version__}"


class NoAnswer(aiohttp.ServerTimeoutError):
    """The API server has not answered in time."""


class Refused(aiohttp.ClientConnectionError):
    """The API server refuses the operator's credentials, or its certificate is refused, for as long as was waited."""


class Busy(aiohttp.ClientConnectionError):
    """The API server asks not to be asked again for longer than was to be waited.

    Args:
        status: 429 or 503.
        retry_after: seconds from now on.
    """

    def __init__(self, status: int, retry_after: float) -> None:
        super().__init__(f"it answered {status}, and to come back in {retry_after:.0f} s")
        self.retry_after = retry_after


class Answer(aiohttp.ClientResponse):
    """What was answered, perhaps by another than the API server: reading it tells.

    Attributes:
        path: what was asked for, without a query, from the API server's root.
    """

    path = ""

    async def json(self, **_: Any) -> Any:
        """Read a whole answer of the API server's. Raises ForeignAnswer, aiohttp.ClientError."""
        return answers.document(self.status, self.path, await self.read(), method=self.method)


def source_of(kubeconfig: Path | None, *, proxy_for: ProxyFor = lambda _: None) -> Source:
    """Say where credentials come from.

    Args:
        kubeconfig: a file. None: the files that KUBECONFIG names, else the pod's service account, else ~/.kube/config.
        proxy_for: gives the HTTP proxy on the way to a URL; a pod's service account leads straight to the API server.
    """
    if kubeconfig is not None:
        return Kubeconfig([kubeconfig], proxy_for=proxy_for)
    if not os.environ.get("KUBECONFIG") and ServiceAccount.is_there():
        return ServiceAccount()
    return Kubeconfig(usual_kubeconfigs(), proxy_for=proxy_for)


def usual_kubeconfigs() -> list[Path]:
    """Name the kubeconfigs that are meant where none is named: those in KUBECONFIG, else ~/.kube/config."""
    named = os.environ.get("KUBECONFIG") or "~/.kube/config"
    return [_expanded(path) for path in named.split(os.pathsep) if path]


def _expanded(path: str) -> Path:
    return Path(os.path.expanduser(path))  # Path's own raises where it is not known where home is


class Line:
    """Connections to the API server, in a pool of their own.

    Args:
        keyring: shared by all lines.
        limit: most connections, and requests that wait for an answer, at once; 0: any number.
        trace: is told of every request.
        response_class: of what is answered.
        is_patient: whether a request waits for credentials that fit; else it asks with those that are read anew, once.
    """

    def __init__(
        self,
        keyring: Keyring,
        *,
        limit: int = 100,
        trace: aiohttp.TraceConfig | None = None,
        response_class: type[Answer] = Answer,
        is_patient: bool = True,
    ) -> None:
        self._keyring, self._limit, self._trace, self._response_class = keyring, limit, trace, response_class
        self._is_patient = is_patient
        # aiohttp would make all of a request, 11 KiB, and have it wait for a connection: thousands do in a crowd.
        self._room = asyncio.Semaphore(limit) if limit else contextlib.nullcontext()
        self._session: tuple[ssl.SSLContext, aiohttp.ClientSession] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Line:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def request(self, method: str, path: str, *, seconds: float = REQUEST_SECONDS, **given: Any) -> Answer:
        """Send a request until it is answered, and give the answer with its body still to be read.

        Args:
            method: of HTTP.
            path: with its query, from the API server's root.
            seconds: for all attempts together.
            given: to `aiohttp.ClientSession.request`.

        Raises:
            NoAnswer, Refused, Busy, aiohttp.ClientError, OSError.
        """
        async with self._within(seconds):
            return await self._request(method, path, seconds, given)

    async def ask(
        self, method: str, path: str, *, seconds: float = REQUEST_SECONDS, **given: Any
    ) -> tuple[Answer, bytes]:
        """Send a request, and give its answer with the whole body, once it is sure that it is the API server's.

        Raises:
            ForeignAnswer: it is not; and as `request`.
        """
        async with self._within(seconds):
            response = await self._request(method, path, seconds, given)
            async with response:
                await response.json()
                return response, await response.read()

    async def aclose(self) -> None:
        """Close every connection."""
        self._retire()
        if self._closing:
            await asyncio.wait(self._closing)

    def _retire(self) -> None:
        if self._session is not None:
            task = asyncio.get_running_loop().create_task(self._session[1].close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            self._session = None

    @asynccontextmanager
    async def _within(self, seconds: float) -> AsyncIterator[None]:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                yield
        except TimeoutError:
            if not limit.expired():  # a limit of aiohttp's
                raise
            trouble = self._keyring.trouble()
            raise Refused(trouble) if trouble else NoAnswer(f"no answer within {seconds:.0f} s") from None

    async def _request(self, method: str, path: str, seconds: float, given: Mapping[str, Any]) -> Answer:
        clock = asyncio.get_running_loop().time
        give_up = clock() + seconds
        attempts = 0
        while True:
            async with self._room, self._keyring.key() as key:
                response = await self._attempt(key, method, path, dict(given))
            attempts += 1
            if response is None:
                trouble = self._keyring.trouble()
                if trouble is not None and attempts > 1 and not self._is_patient:
                    raise Refused(trouble)
                wait = AGAIN_SECONDS if attempts > 1 else 0.0
            else:
                asked_for = _retry_after(response)
                if asked_for is None:
                    return response
                response.close()
                if clock() + asked_for >= give_up:
                    raise Busy(response.status, asked_for)
                wait = asked_for
            await asyncio.sleep(wait)

    async def _attempt(self, key: Key, method: str, path: str, given: dict[str, Any]) -> Answer | None:
        """Ask once. Returns None where who asked, or who answered, was refused."""
        credentials = key.credentials
        headers = CIMultiDict(given.pop("headers", None) or {})
        for name in dict(credentials.headers):
            headers.popall(name, None)
        headers.extend(credentials.headers)
        if credentials.trust.server_name is not None:
            given["server_hostname"] = credentials.trust.server_name
        try:
            response = await self._session_of(key).request(
                method,
                f"{credentials.server}{path}",
                headers=headers,
                proxy=credentials.proxy,
                allow_redirects=False,  # API servers know none, and credentials are for nobody else
                **given,
            )
        except aiohttp.ClientConnectionError as error:
            if not isinstance(error, aiohttp.ClientSSLError) and not isinstance(error.__cause__, ssl.SSLError):
                self._keyring.doubt(key)
                raise
            self._keyring.refused(key, f"TLS with the API server fails ({error})")
            return None
        if response.status == HTTPStatus.UNAUTHORIZED:
            response.close()
            self._keyring.refused(key, "the API server answered 401: it does not accept the credentials")
            return None
        self._keyring.fits()
        answer = cast("Answer", response)
        answer.path = path.partition("?")[0]
        return answer

    def _session_of(self, key: Key) -> aiohttp.ClientSession:
        """Give connections with this key's TLS. Those of an earlier key are closed: their server or user is no more."""
        if self._session is None or self._session[0] is not key.tls:
            self._retire()
            connector = aiohttp.TCPConnector(
                limit=self._limit, ssl=key.tls, keepalive_timeout=IDLE_SECONDS, socket_factory=_watchful_socket
            )
            session = aiohttp.ClientSession(
                connector=connector,
                headers={"User-Agent": USER_AGENT},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                trace_configs=[self._trace] if self._trace else None,
                cookie_jar=aiohttp.DummyCookieJar(),
                response_class=self._response_class,
            )
            self._session = key.tls, session
        return self._session[1]


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Give the seconds after which a server that is busy wants to be asked again, where it says so."""
    if response.status not in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        return None
    value = response.headers.get("Retry-After", "")
    return max(float(value), AGAIN_SECONDS) if value.isdecimal() else None


def _watchful_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Make a socket that fails by itself when the other end no longer acknowledges anything."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wanted = {
        "TCP_KEEPIDLE": DEAD_SECONDS // 2,
        "TCP_KEEPINTVL": DEAD_SECONDS // 4,
        "TCP_KEEPCNT": 2,
        "TCP_USER_TIMEOUT": DEAD_SECONDS * 1000,
    }
    for name, value in wanted.items():
        if hasattr(socket, name):  # not every system has them all
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made
