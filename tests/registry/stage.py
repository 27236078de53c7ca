"""Registries in the open and behind a proxy, for an operator in a process of its own."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import trustme
from aiohttp import web

from tests.registry.connecting import ConnectProxy
from tests.registry.login import BASIC
from tests.registry.scripted import Intercept, ScriptedRegistry
from tests.registry.threaded import Servers

PROXIED, HUB = "registry.example.com", "registry-1.docker.io"
EXPIRED, MISNAMED = "expired.example.com", "misnamed.example.com"
"""Only the proxy knows where these are."""


class Stage:
    """Registries in the open and behind a proxy: one that is as it should be, and one with an old certificate."""

    def __init__(self, servers: Servers) -> None:
        self.authority = trustme.CA()
        self.registry = servers.enter(ScriptedRegistry())
        self.storage = servers.enter(ScriptedRegistry(address="127.0.0.2"))
        self.behind_proxy = servers.enter(ScriptedRegistry(tls=self._certificate(PROXIED, HUB)))
        long_ago = datetime(2024, 2, 29, tzinfo=UTC)
        expired = servers.enter(ScriptedRegistry(tls=self._certificate(EXPIRED, not_after=long_ago)))
        leads_to = {**dict.fromkeys((PROXIED, HUB, MISNAMED), self.behind_proxy.port), EXPIRED: expired.port}
        self.proxy = servers.enter(ConnectProxy(leads_to))

    @property
    def ca(self) -> bytes:
        """The authority of all that is behind the proxy, as ca.crt."""
        return self.authority.cert_pem.bytes()

    def _certificate(self, *names: str, not_after: datetime | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(*names, not_after=not_after).configure_cert(context)
        return context


def locked(*challenges: str) -> Intercept:
    """Let in whoever shows `BASIC`, and challenge all others."""

    async def intercept(request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == BASIC:
            return None
        response = web.Response(status=401)
        for challenge in challenges:
            response.headers.add("WWW-Authenticate", challenge)
        return response

    return intercept
