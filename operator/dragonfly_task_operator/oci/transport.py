"""HTTP to registries, within bounds: who may be asked, how much is read, how long it takes, who is told a secret."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from dragonfly_task_operator import __version__
from dragonfly_task_operator.errors import ImageUnresolvable, RegistryDenied
from dragonfly_task_operator.oci.addresses import Gate, origin

MAX_BODY = 4 << 20
"""Bytes of a manifest, a config or a token answer."""
MAX_REDIRECTS = 5
TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=10)
_CHUNK = 64 << 10
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
    """What a server answered in the end. Its words never go into a message: they may hold what it was sent."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose certificates are taken.

    Attributes:
        context: certificates of the system, and those that the user gave.
        unverified_host: the one host that may show any certificate.
    """

    context: ssl.SSLContext
    unverified_host: str | None = None

    def for_(self, url: URL) -> ssl.SSLContext | bool:
        """Give what aiohttp takes as `ssl`."""
        return False if url.host == self.unverified_host else self.context


class Transport:
    """Connections for one image target."""

    def __init__(self, session: aiohttp.ClientSession, gate: Gate, trust: Trust) -> None:
        self._session = session
        self._gate = gate
        self._trust = trust

    @classmethod
    @asynccontextmanager
    async def open(cls, gate: Gate, trust: Trust) -> AsyncIterator[Transport]:
        """Make connections while the context lasts."""
        async with aiohttp.ClientSession(
            # Without the cache of names, a name is resolved, checked and connected to in one go.
            connector=aiohttp.TCPConnector(resolver=gate.resolver(), use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            # A few bytes of gzip can be made into gigabytes: nothing compressed is asked for, or opened.
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": f"dragonfly-task-operator/{__version__}"},
            timeout=TIMEOUT,
        ) as session:
            yield cls(session, gate, trust)

    async def get(self, url: URL, *, accept: str, authorization: str | None = None) -> Answer:
        """Get a URL, following redirects.

        Args:
            url: checked here, as each that it redirects to.
            accept: media types.
            authorization: sent to the origin of `url` and no other.

        Raises:
            RegistryDenied: a URL, or the address of its host, is not allowed.
            ImageUnresolvable: no answer came, or one that is over the limits.
        """
        first = url
        for _ in range(MAX_REDIRECTS + 1):
            self._gate.check(url)
            headers = {"Accept": accept}
            if authorization is not None and url.origin() == first.origin():
                headers["Authorization"] = authorization
            try:
                async with self._session.get(
                    url, headers=headers, allow_redirects=False, ssl=self._trust.for_(url)
                ) as response:
                    if response.status not in _REDIRECTS:
                        return Answer(response.status, response.headers, await _read(response, url))
                    location = response.headers.get("Location", "")
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise _mapped(error, url) from None
            try:
                url = url.join(URL(location))
            except ValueError:
                raise ImageUnresolvable(f"{origin(url)} redirects to what is no URL; is it a registry?") from None
        raise ImageUnresolvable(f"{origin(first)} redirects more than {MAX_REDIRECTS} times; is it a registry?")


async def _read(response: aiohttp.ClientResponse, url: URL) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > MAX_BODY:
            raise ImageUnresolvable(
                f"{origin(url)} sends more than {MAX_BODY >> 20} MiB where a manifest should be; correct the URL"
            )
    return bytes(body)


def _mapped(error: Exception, url: URL) -> ImageUnresolvable | RegistryDenied:
    """Say in own words why no answer came: a library's may quote what the server sent."""
    registry = origin(url)
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return ImageUnresolvable(
                f"the certificate of {registry} is not trusted"
                f" ({getattr(error.certificate_error, 'verify_message', 'it does not fit the host')}); name a Secret"
                " with its CA as ca.crt in caSecretRef"
            )
        case aiohttp.ClientConnectorSSLError():
            return ImageUnresolvable(
                f"{registry} speaks no TLS that the operator does ({getattr(error.os_error, 'reason', None)}); check"
                " its port and scheme"
            )
        case aiohttp.ClientConnectorDNSError():
            return ImageUnresolvable(
                f"the name {url.host} can't be resolved; check imageManifestURL and the cluster's DNS", retry_after=0
            )
        case aiohttp.ClientConnectorError():
            return ImageUnresolvable(
                f"{registry} can't be connected to ({error.os_error.strerror or type(error.os_error).__name__}); check"
                " that the registry runs and that the operator's NetworkPolicy lets it through",
                retry_after=0,
            )
        case TimeoutError():
            return ImageUnresolvable(
                f"{registry} did not answer within {TIMEOUT.total:.0f} s; check the registry and the operator's"
                " NetworkPolicy",
                retry_after=0,
            )
        case _:
            return ImageUnresolvable(
                f"{registry} broke off its answer or sent no HTTP ({type(error).__name__}); check the registry",
                retry_after=0,
            )
