"""A registry on a loopback socket, as good or as hostile as a test wants it. It notes what it is asked."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web
from multidict import CIMultiDict

from tests.registry.image import Content, Image

Intercept = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
NAME = "library/app"


@dataclass
class ScriptedRegistry:
    """Serves what it holds; `intercept` may answer in its stead."""

    tls: ssl.SSLContext | None = None
    address: str = "127.0.0.1"
    intercept: Intercept | None = None
    content: dict[str, Content] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """(path, Authorization) of each request."""
    port: int = 0
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.address, 0, ssl_context=self.tls)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, request.headers.get("Authorization")))
        answer = None if self.intercept is None else await self.intercept(request)
        return answer or self.serve(request)

    def serve(self, request: web.Request) -> web.StreamResponse:
        found = self.content.get(request.path)
        if found is None:
            return web.Response(status=404)
        return web.Response(body=found.body, headers={"Content-Type": found.media_type})

    @property
    def host(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def url(self, reference: str = "1.0", *, name: str = NAME) -> str:
        return f"{self.origin}/v2/{name}/manifests/{reference}"

    def holds(self, image: Image | Content, tag: str = "1.0", *, name: str = NAME) -> None:
        root = image.root if isinstance(image, Image) else image
        self.content[f"/v2/{name}/manifests/{tag}"] = root
        manifests, blobs = ((*image.manifests, root), image.blobs) if isinstance(image, Image) else ((root,), ())
        for each in manifests:
            self.content[f"/v2/{name}/manifests/{each.digest}"] = each
        for each in blobs:
            self.content[f"/v2/{name}/blobs/{each.digest}"] = each

    def redirects(self, location: str) -> None:
        """Send whoever comes elsewhere."""

        async def intercept(request: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": location})

        self.intercept = intercept

    def asks_for_a_token(self, realm: str) -> None:
        """Want the token of `gives_tokens`, to be had from there."""

        async def intercept(request: web.Request) -> web.Response | None:
            if request.headers.get("Authorization") == "Bearer t0ken":
                return None
            return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'})

        self.intercept = intercept

    def answers(self, status: int, body: bytes = b"", **headers: str | Sequence[str]) -> None:
        """Answer everybody so. A header may have several lines; `_` stands for `-` in its name."""

        async def intercept(request: web.Request) -> web.Response:
            return web.Response(status=status, body=body, headers=_headers(headers))

        self.intercept = intercept

    def challenges(self, *challenges: str) -> None:
        """Want a login whoever comes, in these ways."""
        self.answers(401, WWW_Authenticate=challenges)

    def gives_tokens(self) -> None:
        """Be a token server, for everybody."""

        async def intercept(request: web.Request) -> web.Response:
            return web.json_response({"access_token": "t0ken"})

        self.intercept = intercept


def _headers(named: Mapping[str, str | Sequence[str]]) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict()
    for name, values in named.items():
        for value in (values,) if isinstance(values, str) else values:
            headers.add(name.replace("_", "-"), value)
    return headers
