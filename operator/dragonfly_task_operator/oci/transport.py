"""HTTP to registries, within bounds: who may be asked, how much is read, how long it takes, who is told a secret."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from dragonfly_task_operator import __version__, own_trouble
from dragonfly_task_operator.errors import ImageUnresolvable, RegistryDenied, RunError
from dragonfly_task_operator.observability.metrics import Metrics
from dragonfly_task_operator.oci.addresses import Gate, origin
from dragonfly_task_operator.oci.connecting import refused_by_proxy, told
from dragonfly_task_operator.oci.locations import canonical_host, follow, is_same_server
from dragonfly_task_operator.oci.proxies import Proxies

MAX_BODY = 4 << 20
"""Bytes of a manifest, a config or a token answer."""
MAX_REDIRECTS = 5
TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=10)
NO_ANSWER = "none"
"""The outcome of a request that was not answered."""
_CHUNK = 64 << 10
_TOLD_APART = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS}
)
_CLASSES = range(1, 6)
_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered in the end. Its words never go into a message: they may hold what it was sent.

    Attributes:
        url: who answered: where redirects led to.
    """

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    url: URL


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose certificates are taken.

    Attributes:
        context: certificates of the system, and those that the user gave.
        unverified_host: the one host that may show any certificate, as `canonical_host` gives it.
    """

    context: ssl.SSLContext
    unverified_host: str | None = None

    def for_(self, url: URL) -> ssl.SSLContext | bool:
        """Give what aiohttp takes as `ssl`."""
        return False if canonical_host(url) == self.unverified_host else self.context


class Transport:
    """Connections for one image target. Made by `open`."""

    def __init__(
        self,
        gate: Gate,
        trust: Trust,
        proxies: Proxies,
        metrics: Metrics,
        *,
        direct: aiohttp.ClientSession,
        proxied: aiohttp.ClientSession,
    ) -> None:
        self._gate = gate
        self._trust = trust
        self._proxies = proxies
        self._metrics = metrics
        self._direct = direct
        self._proxied = proxied

    @classmethod
    @asynccontextmanager
    async def open(cls, gate: Gate, trust: Trust, proxies: Proxies, metrics: Metrics) -> AsyncIterator[Transport]:
        """Make connections while the context lasts."""
        async with AsyncExitStack() as stack:
            direct = await stack.enter_async_context(_session(gate, to_proxies=False))
            proxied = await stack.enter_async_context(_session(gate, to_proxies=True))
            yield cls(gate, trust, proxies, metrics, direct=direct, proxied=proxied)

    async def get(self, url: URL, *, accept: str, authorization: str | None = None) -> Answer:
        """Get a URL, following redirects.

        Args:
            url: checked here, as each that it redirects to.
            accept: media types.
            authorization: sent to the server of `url` and no other.

        Raises:
            RegistryDenied: a URL, or the address of its host, is not allowed.
            ImageUnresolvable: no answer came, or one that is over the limits.
            OwnTrouble: it was not asked.
        """
        first = url
        self._gate.check(url)
        for _ in range(MAX_REDIRECTS + 1):
            headers = {"Accept": accept}
            if authorization is not None and is_same_server(url, first):
                headers["Authorization"] = authorization
            answer = await self._ask("GET", url, headers)
            if answer.status not in _REDIRECTS:
                return answer
            url = self._next(answer)
        raise ImageUnresolvable(f"{origin(first)} redirects more than {MAX_REDIRECTS} times; is it a registry?")

    async def post(self, url: URL, form: Mapping[str, str]) -> Answer:
        """Post a form, which no redirect takes anywhere else. Raises as `get` does."""
        self._gate.check(url)
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        return await self._ask("POST", url, headers, urlencode(form, errors="surrogateescape").encode())

    def _next(self, answer: Answer) -> URL:
        """Give where an answer redirects to, if that may be contacted."""
        here = origin(answer.url)
        try:
            url = follow(answer.url, answer.headers.get("Location", ""))
        except ValueError:
            raise ImageUnresolvable(
                f"{here} redirects to what is no URL, or to a host that can't be; is it a registry?"
            ) from None
        try:
            self._gate.check(url)
        except RegistryDenied as error:
            if answer.url.scheme == "https" and url.scheme == "http":
                raise RegistryDenied(
                    f"{here} redirects from https to plain http, to {origin(url)}, which the operator does not follow:"
                    " a registry behind a proxy that ends TLS must be told its own URL; correct it there"
                ) from None
            raise RegistryDenied(f"{here} redirects to where the operator may not go: {error}") from None
        return url

    async def _ask(self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        proxy = self._proxies.for_(url)
        session = self._direct if proxy is None else self._proxied
        if proxy is not None:
            self._gate.check_proxy(proxy)
        clock = asyncio.get_running_loop().time
        began, outcome = clock(), ""
        try:
            async with session.request(
                method, url, headers=headers, data=body, allow_redirects=False, ssl=self._trust.for_(url), proxy=proxy
            ) as response:
                outcome = outcome_of(response.status)
                if response.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                    raise refused_by_proxy(response.status, url, proxy)
                return Answer(response.status, response.headers, await _read(response, url), url)
        except RunError:
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            own_trouble.raise_if_own(error)
            outcome = outcome or NO_ANSWER
            raise told(error, url, proxy, timeout=TIMEOUT) from None
        finally:
            if outcome:  # neither given up here nor this process's own trouble
                self._metrics.registry_request_ended(outcome, clock() - began)


def outcome_of(status: int) -> str:
    """Give an HTTP status as metrics have it: `401`, `403`, `404` or `429`, and of the rest the class, as `5xx`."""
    if status in _TOLD_APART:
        return str(int(status))
    return f"{status // 100}xx" if status // 100 in _CLASSES else "other"


def _session(gate: Gate, *, to_proxies: bool) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # Without the cache of names, a name is resolved, checked and connected to in one go.
        connector=aiohttp.TCPConnector(resolver=gate.resolver(of_proxies=to_proxies), use_dns_cache=False),
        cookie_jar=aiohttp.DummyCookieJar(),
        # A few bytes of gzip can be made into gigabytes: nothing compressed is asked for, or opened.
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": f"dragonfly-task-operator/{__version__}"},
        timeout=TIMEOUT,
    )


async def _read(response: aiohttp.ClientResponse, url: URL) -> bytes:
    if response.status == HTTPStatus.OK and response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ImageUnresolvable(
            f"{origin(url)} answers with a compressed body, which it was not asked for; a proxy before it may do that:"
            " switch it off there for manifests"
        )
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > MAX_BODY:
            raise ImageUnresolvable(
                f"{origin(url)} sends more than {MAX_BODY >> 20} MiB where a manifest should be; correct the URL"
            )
    return bytes(body)
