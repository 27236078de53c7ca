"""Servers with names and certificates, and the operator's reader before them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import trustme

from dragonfly_task_operator.engine.model import Image
from dragonfly_task_operator.oci import retrying
from dragonfly_task_operator.oci.proxies import Proxies
from tests.registry.image import multi_platform
from tests.registry.reading import Reader
from tests.registry.scripted import NAME, ScriptedRegistry

REGISTRY = "registry.example.com"


@dataclass
class Stage:
    """Names lead to servers here, whatever the port; waiting takes no time.

    Attributes:
        secrets: of the object's namespace, by name; `ca` has the authority of the servers.
    """

    authority: trustme.CA
    secrets: dict[str, Mapping[str, bytes]]
    servers: dict[str, ScriptedRegistry] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Stage]:
        """Set it up while the context lasts, with a registry that holds an image as 1.0."""
        authority = trustme.CA()
        async with AsyncExitStack() as stack:
            stage = cls(authority, {"ca": {"ca.crt": authority.cert_pem.bytes()}}, _stack=stack)
            loop = asyncio.get_running_loop()
            stack.enter_context(mock.patch.object(loop, "getaddrinfo", stage._getaddrinfo))
            stack.enter_context(mock.patch.object(retrying, "sleep", mock.AsyncMock()))
            (await stage.server(REGISTRY)).holds(multi_platform())
            yield stage

    async def server(
        self, name: str, *, certificate: trustme.LeafCert | None = None, plain: bool = False
    ) -> ScriptedRegistry:
        """Start a server; with `plain`, one that speaks no TLS."""
        tls = None
        if not plain:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            (certificate or self.authority.issue_cert(name)).configure_cert(tls)
        server = await self._stack.enter_async_context(ScriptedRegistry(tls=tls))
        self.servers[name] = server
        return server

    @property
    def registry(self) -> ScriptedRegistry:
        """The one at `REGISTRY`."""
        return self.servers[REGISTRY]

    def url(self, reference: str = "1.0", *, host: str = REGISTRY, name: str = NAME) -> str:
        """Give the URL of a manifest."""
        return f"https://{host}/v2/{name}/manifests/{reference}"

    async def read(
        self,
        url: str | None = None,
        *,
        secret: Mapping[str, bytes] | None = None,
        allow: tuple[str, ...] | None = None,
        proxies: Mapping[str, str] | None = None,
        seconds_left: float | None = None,
        **target: Any,
    ) -> Image:
        """Read an image as the operator does, with a pull Secret and the servers' authority."""
        if secret is not None:
            self.secrets["regcred"] = secret
            target["pullSecretRef"] = {"name": "regcred"}
        reader = Reader(
            allow=tuple(self.servers) if allow is None else allow,
            secrets=self.secrets,
            proxies=Proxies.from_environment(proxies or {}),
            seconds_left=seconds_left,
        )
        return await reader(url or self.url(), **({"caSecretRef": {"name": "ca"}} | target))

    def without_ports(self, text: str) -> str:
        """Take out the ports that servers have happened to get."""
        for server in self.servers.values():
            text = text.replace(f":{server.port}", "")
        return text

    async def _getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        server = self.servers.get(host.rstrip("."))
        if server is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (server.address, server.port))]
