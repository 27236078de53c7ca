"""Between the operator and the API server: watches that are cut, that expire, and that lose or repeat events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

_EXPIRED = {
    "type": "ERROR",
    "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410},
}
_END_TO_END = ("Authorization", "Accept", "Content-Type")


class TamperingProxy:
    """An HTTP proxy for one API server, in a thread of its own. Its words may be said from any thread.

    Attributes:
        url: where it listens, in plain HTTP.
        loses_deletions: watches tell of no deletion.
        repeats: watches tell of each event twice, and after each of the first version of the object again.
    """

    def __init__(self, upstream: str, ca: Path) -> None:
        self.url = ""
        self.loses_deletions = False
        self.repeats = False
        self._upstream = upstream
        self._tls = ssl.create_default_context(cafile=ca)
        self._watches: set[asyncio.Future[bytes]] = set()
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return len(self._watches)

    def cuts_watches(self) -> None:
        """End every watch in the middle, as a load balancer does."""
        self._end_watches(b"")

    def expires_watches(self) -> None:
        """Tell every watcher that its version is too old: it must list anew, and learns of no deletion in between."""
        self._end_watches(json.dumps(_EXPIRED).encode() + b"\n")

    @contextmanager
    def running(self) -> Iterator[TamperingProxy]:
        """Serve while the context lasts."""
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)))
        thread.start()
        ready.wait()
        try:
            yield self
        finally:
            self.cuts_watches()
            self._loop.call_soon_threadsafe(self._stopping.set)
            thread.join()

    def _end_watches(self, last_words: bytes) -> None:
        def end() -> None:
            for watch in self._watches:
                if not watch.done():
                    watch.set_result(last_words)

        self._loop.call_soon_threadsafe(end)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        async with aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Content-Type"]) as session:

            async def forward(request: web.Request) -> web.StreamResponse:
                headers = {name: request.headers[name] for name in _END_TO_END if name in request.headers}
                async with session.request(
                    request.method,
                    f"{self._upstream}{request.raw_path}",
                    headers=headers,
                    data=await request.read() or None,
                    ssl=self._tls,
                    timeout=aiohttp.ClientTimeout(total=None),
                ) as answer:
                    if answer.status == 200 and "watch" in request.query:
                        return await self._stream(request, answer)
                    body = await answer.read()
                    return web.Response(status=answer.status, body=body, content_type=answer.content_type)

            app = web.Application(client_max_size=16 << 20)
            app.router.add_route("*", "/{path:.*}", forward)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            ready.set()
            await self._stopping.wait()
            await runner.cleanup()

    async def _stream(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        first: dict[str, bytes] = {}
        async with self._watch() as ended:
            while True:
                line = asyncio.ensure_future(answer.content.readline())
                await asyncio.wait({line, ended}, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    line.cancel()
                    if answer.connection is not None and answer.connection.transport is not None:
                        answer.connection.transport.abort()  # a TLS farewell would outlive the loop
                    with contextlib.suppress(ConnectionError):  # the watcher may be gone
                        await response.write(ended.result())
                    return response
                if not line.result():
                    return response
                for told in self._tampered(line.result(), first):
                    await response.write(told)

    def _tampered(self, line: bytes, first: dict[str, bytes]) -> Iterator[bytes]:
        event = json.loads(line)
        if event["type"] == "DELETED" and self.loses_deletions:
            return
        yield line
        uid = event["object"]["metadata"].get("uid", "")
        stale = first.setdefault(uid, line)
        if self.repeats and event["type"] in ("ADDED", "MODIFIED"):
            yield line
            yield stale

    @asynccontextmanager
    async def _watch(self) -> AsyncIterator[asyncio.Future[bytes]]:
        ended: asyncio.Future[bytes] = self._loop.create_future()
        self._watches.add(ended)
        try:
            yield ended
        finally:
            self._watches.discard(ended)
