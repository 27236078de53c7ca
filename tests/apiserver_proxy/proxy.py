"""The proxy itself, in a thread of its own. Every word of it may be said from any thread."""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from tests.apiserver_proxy.answers import json_of, status
from tests.apiserver_proxy.rules import Answer, Cut, Delay, Freeze, Rules
from tests.apiserver_proxy.upstream import Upstream
from tests.apiserver_proxy.watches import Watches
from tests.simulator.tls.authority import Pair

_HOP_BY_HOP = {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "accept-encoding", "upgrade"}
_JSON = {"Content-Type": "application/json"}


class ApiServerProxy:
    """An HTTP proxy for one API server.

    Whoever asks through it acts as the user of `upstream`: what credentials are shown to the proxy is its own affair.

    Args:
        upstream: a kubeconfig with a token, as `ControlPlane` writes them.
        certificate: serve TLS with it; None: plain HTTP.
        folder: where certificates are kept, needed with TLS.

    Attributes:
        url: where it listens.
        watches: tampered with by `loses_deletions` and `repeats`.
    """

    def __init__(self, upstream: Path, *, certificate: Pair | None = None, folder: Path | None = None) -> None:
        self.url = ""
        self.watches = Watches()
        self._upstream = Upstream.of(upstream)
        self._rules = Rules()
        self._tokens: frozenset[str] | None = None
        self._frozen: set[asyncio.BaseTransport] = set()
        self._takes_no_word = False
        self._folder = folder
        self._tls = None if certificate is None else ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if certificate is not None:
            self._load(certificate)
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        self._runner: web.AppRunner
        self._session: aiohttp.ClientSession

    # What is done to requests

    def answers(
        self,
        pattern: str,
        code: int,
        body: object = b"",
        *,
        headers: Mapping[str, str] | None = None,
        times: float = math.inf,
        after: bool = False,
    ) -> None:
        """Answer in the API server's place: bytes as they are, all else as JSON. `after` it has done what was asked."""
        content_type = {"Content-Type": "text/html"} if isinstance(body, bytes) else _JSON
        answer = Answer(code, json_of(body), content_type | dict(headers or {}), after)
        self._rules.add(pattern, answer, times)

    def delays(self, pattern: str, seconds: float, *, times: float = math.inf) -> None:
        self._rules.add(pattern, Delay(seconds), times)

    def freezes(self, pattern: str, *, times: float = math.inf, after: bool = False) -> None:
        """Take requests and never answer them."""
        self._rules.add(pattern, Freeze(after), times)

    def cuts(self, pattern: str, *, times: float = math.inf, after: bool = False) -> None:
        """Close connections without an answer."""
        self._rules.add(pattern, Cut(after), times)

    def behaves(self) -> None:
        """Forget what was said about requests, tokens and new connections. What is frozen stays frozen."""
        self._rules.clear()
        self._tokens = None
        self._takes_no_word = False
        self.watches.loses_deletions = self.watches.repeats = False

    def requests(self, pattern: str = "") -> int:
        """How many requests have been seen so far, refused ones too."""
        return len(self._rules.seen(pattern))

    # What is done to connections

    def freezes_connections(self, *, new_ones: bool = False) -> None:
        """Let every open connection go dead without a word: nothing is read, written or closed on it any more.

        Args:
            new_ones: those that come are silent, too, until `behaves`.
        """

        def freeze() -> None:
            self._takes_no_word = new_ones
            for transport in self._transports():
                self._frozen.add(transport)
                transport.pause_reading()

        self._call(freeze)

    def closes_connections(self) -> None:
        """Close every open connection."""
        self._call(self._abort)

    # What is done to watches

    def ends_watches(self, pattern: str = "") -> None:
        """End watches early, in order: as an API server does that is shut down."""
        self._call(lambda: self.watches.end(pattern))

    def tells_watches(self, line: object, pattern: str = "") -> None:
        """Insert a line into the watches that are open: bytes as they are, all else as JSON."""
        self._call(lambda: self.watches.insert(pattern, json_of(line) + b"\n"))

    def fails_watches(self, code: int, reason: str = "", message: str = "", *, pattern: str = "") -> None:
        """Insert an ERROR event with such a Status, and end the watches as API servers do after it."""
        self.tells_watches({"type": "ERROR", "object": status(code, reason, message)}, pattern)
        self.ends_watches(pattern)

    def expires_watches(self, pattern: str = "") -> None:
        """Tell watchers that their version is too old: they must list anew, and learn of no deletion in between."""
        self.fails_watches(410, "Expired", "too old resource version", pattern=pattern)

    def open_watches(self, pattern: str = "") -> int:
        return self.watches.count(pattern)

    # Whom it lets in

    def accepts_only(self, *tokens: str) -> None:
        """Answer 401 to whoever does not show one of these bearer tokens."""
        self._tokens = frozenset(tokens)

    def shows(self, certificate: Pair) -> None:
        """Show another certificate from now on; connections that are open are closed."""
        self._load(certificate)
        self.closes_connections()

    def kubeconfig(self, path: Path, *, user: Mapping[str, Any], **cluster: Any) -> Path:
        """Write a kubeconfig that leads here; `cluster` is what goes beside `server`, keys in Python's spelling."""
        named = {name.replace("_", "-"): value for name, value in cluster.items()}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
            "clusters": [{"name": "here", "cluster": {"server": self.url} | named}],
            "users": [{"name": "me", "user": dict(user)}],
        }
        path.write_text(yaml.safe_dump(content))
        return path

    @contextmanager
    def running(self) -> Iterator[ApiServerProxy]:
        """Serve while the context lasts."""
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)))
        thread.start()
        ready.wait()
        try:
            yield self
        finally:
            self._call(self._stopping.set)
            thread.join()

    # How it serves

    def _load(self, certificate: Pair) -> None:
        assert self._tls is not None
        assert self._folder is not None
        cert, key = self._folder / "proxy.crt", self._folder / "proxy.key"
        cert.write_bytes(certificate.cert)
        key.write_bytes(certificate.key)
        self._tls.load_cert_chain(cert, key)

    def _call(self, deed: Callable[[], object]) -> None:
        """Do it in the event loop, and wait until it is done."""
        done = threading.Event()

        def call() -> None:
            deed()
            done.set()

        self._loop.call_soon_threadsafe(call)
        assert done.wait(10), "the proxy's event loop is stuck"

    def _transports(self) -> list[asyncio.Transport]:
        server = self._runner.server
        assert server is not None
        return [each.transport for each in server.connections if isinstance(each.transport, asyncio.Transport)]

    def _abort(self) -> None:
        for transport in self._transports():
            transport.abort()

    async def _abort_last(self, _app: web.Application) -> None:
        """When nobody is let in any more: operators come back at once, and a TLS farewell would outlive the loop."""
        self._abort()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=16 << 20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        app.on_shutdown.append(self._abort_last)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True, keepalive_timeout=3600
        )
        async with self._upstream.session() as self._session:
            await self._runner.setup()
            await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
            scheme = "http" if self._tls is None else "https"
            self.url = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}"
            ready.set()
            await self._stopping.wait()
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self._takes_no_word and request.transport is not None:
            self._frozen.add(request.transport)
        await self._unless_frozen(request)
        deed = self._rules.take(f"{request.method} {request.raw_path}")
        if not self._lets_in(request):
            return _in_json(status(401, "Unauthorized", "Unauthorized"), 401)
        match deed:
            case Freeze(after=False):
                await _for_ever()
            case Cut(after=False):
                return _cut(request)
            case Answer(after=False) as answer:
                return _said(answer)
            case Delay(seconds):
                await asyncio.sleep(seconds)
        return await self._forward(request, lambda told: self._afterwards(request, deed, told))

    async def _afterwards(self, request: web.Request, deed: object, told: web.StreamResponse) -> web.StreamResponse:
        match deed:
            case Freeze():
                await _for_ever()
            case Cut():
                return _cut(request)
            case Answer() as answer:
                return _said(answer)
        return told

    async def _forward(
        self, request: web.Request, afterwards: Callable[[web.StreamResponse], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        headers |= {"Authorization": f"Bearer {self._upstream.token}", "Accept-Encoding": "identity"}
        body = await request.read() or None
        try:
            async with self._session.request(
                request.method, f"{self._upstream.url}{request.raw_path}", headers=headers, data=body
            ) as answer:
                if answer.status == 200 and request.query.get("watch") in ("1", "true"):
                    return await self._stream(request, answer)
                read = await answer.read()
        except aiohttp.ClientError:
            return _cut(request)  # the API server is down, and this is no load balancer that would say so
        told = web.Response(status=answer.status, body=read, headers=_end_to_end(answer.headers))
        await self._unless_frozen(request)
        return await afterwards(told)

    async def _stream(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(headers=_JSON)
        await self._unless_frozen(request)
        await response.prepare(request)
        try:
            async with (
                self.watches.opened(f"{request.method} {request.raw_path}") as watch,
                contextlib.aclosing(self.watches.lines(watch, answer.content)) as lines,
            ):
                async for line in lines:
                    await self._unless_frozen(request)
                    with contextlib.suppress(ConnectionError):  # the watcher may be gone
                        await response.write(line)
        finally:
            if answer.connection is not None and answer.connection.transport is not None:
                answer.connection.transport.abort()  # a TLS farewell would outlive the loop
        return response

    def _lets_in(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self._tokens is None or (scheme == "Bearer" and token in self._tokens)

    async def _unless_frozen(self, request: web.Request) -> None:
        if request.transport in self._frozen:
            await _for_ever()


async def _for_ever() -> None:
    """Until the asker is gone, or the proxy."""
    await asyncio.Event().wait()


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _said(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


def _in_json(body: object, code: int) -> web.Response:
    return web.Response(status=code, body=json_of(body), headers=_JSON)


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP | {"date", "server"}}
