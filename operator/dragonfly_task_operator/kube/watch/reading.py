"""What the API server sends, on its way to Kopf.

Kopf gives a watch up for good when it brings an error other than 410, an object without a uid, or no JSON at all; and
it keeps each object whole for seconds. So this stands in between, as the class of the responses of the session that
Kopf is given: whatever Kopf could not bear is made into what it can (a 410, upon which it lists anew, or a lost
connection), sights are told of everything, and objects of lists, and those that need nothing, stop here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Protocol

import aiohttp

from dragonfly_task_operator.kube.connection import Answer
from dragonfly_task_operator.kube.watch.documents import MalformedDocument, read_list
from dragonfly_task_operator.kube.watch.scopes import Scope
from dragonfly_task_operator.kube.watch.sights import Sight

PACE_SECONDS = 1.0
"""Between two requests for the same, after trouble."""

MAX_WORDS = 300

_GONE = json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": int(HTTPStatus.GONE)}}).encode()
_EVENTS = frozenset({"ADDED", "MODIFIED", "DELETED"})

Body = dict[str, Any]


class Observer(Protocol):
    """Is shown each object before Kopf is."""

    def begin_list(self, scope: Scope) -> None:
        """Take note that all objects of a scope are going to be shown."""

    def end_list(self, scope: Scope, version: str) -> None:
        """Take note that all that there are have been shown, as of this resourceVersion."""

    def show_listed(self, scope: Scope, body: Body) -> None:
        """Look at an object that a list has."""

    def show(self, scope: Scope, body: Body) -> bool:
        """Look at an object that a watch has. Returns whether it needs something, so that Kopf has to bring it."""

    def saw_version(self, scope: Scope, version: str) -> None:
        """Take note of a resourceVersion that a watch has come to."""


def response_class(sight: Sight, observer: Observer) -> type[Answer]:
    """Make the class of the responses of a session that is there for one scope."""

    class Response(_Response):
        pass

    Response.sight, Response.observer = sight, observer
    return Response


def pacing(sight: Sight) -> aiohttp.TraceConfig:
    """Make what keeps a session from asking over and over: Kopf itself does not wait between some of its tries."""
    last: dict[str, float] = {}
    trace = aiohttp.TraceConfig()

    async def on_start(_session: object, _context: object, request: aiohttp.TraceRequestStartParams) -> None:
        if not sight.is_at(request.url.path) or "continue" in request.url.query:
            return
        loop = asyncio.get_running_loop()
        key = f"{request.url.path} {request.url.query.get('watch')}"
        if not sight.is_watched:
            await asyncio.sleep(max(last.get(key, float("-inf")) + PACE_SECONDS - loop.time(), 0))
        last[key] = loop.time()

    async def on_exception(_session: object, _context: object, request: aiohttp.TraceRequestExceptionParams) -> None:
        if sight.is_at(request.url.path) and not isinstance(request.exception, asyncio.CancelledError):
            sight.failed(f"the API server can't be reached: {_words(request.exception)}")

    trace.on_request_start.append(on_start)
    trace.on_request_exception.append(on_exception)
    return trace


class _Response(Answer):
    sight: Sight
    observer: Observer

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        await super().start(connection)
        if not self._is_of_scope():
            self.sight.approached()
        elif self.status != HTTPStatus.OK:
            self.sight.failed(f"the API server answered {self.status} {self.reason}")
        elif self._is_watch():
            self.sight.opened()
            self.content = _Watch(self.content, self.sight, self.observer)  # type: ignore[assignment]
        return self

    async def json(self, **how: Any) -> Any:
        if not self._is_of_scope() or (self._is_watch() and self.status == HTTPStatus.OK):
            return await super().json(**how)
        if self.status == HTTPStatus.OK:
            return await self._list()
        answer = await super().json(**how)
        if isinstance(answer, dict) and answer.get("kind") == "Status":
            self.sight.failed(
                f"the API server answered {self.status}: {str(answer.get('message'))[:MAX_WORDS]}",
                refused=self.status == HTTPStatus.FORBIDDEN,
            )
        return answer

    def _is_of_scope(self) -> bool:
        return self.method == "GET" and self.sight.is_at(self.url.path)

    def _is_watch(self) -> bool:
        return self.url.query.get("watch") == "true"

    async def _list(self) -> Body:
        """Read a page, of which Kopf is given all but the objects."""
        rest: Body = {}
        sight = self.sight
        if "continue" not in self.url.query:
            self.observer.begin_list(sight.scope)
        try:
            async for body in read_list(self.content.readany, rest):
                sight.listing()
                self.observer.show_listed(sight.scope, _object(body))
            metadata = _metadata_of_list(rest, sight.scope)
        except MalformedDocument as error:
            why = f"the answer is no list of {sight.scope.kind.plural}: {_words(error)}"
            sight.failed(why)
            raise aiohttp.ClientPayloadError(why) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            sight.failed(f"the list broke off: {_words(error)}")
            raise
        while await self.content.readany():
            pass  # so that the connection can be used again
        sight.listing()
        if not metadata.get("continue"):
            sight.listed()
            self.observer.end_list(sight.scope, str(metadata["resourceVersion"]))
        return {**rest, "items": []}


class _Watch:
    """Stands in for the content of a watch: gives whole lines, each of which Kopf can bear."""

    def __init__(self, content: aiohttp.StreamReader, sight: Sight, observer: Observer) -> None:
        self._content, self._sight, self._observer = content, sight, observer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Give lines."""
        pending = b""
        try:
            async for data in self._content.iter_chunked(size):
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield self._heed(line) + b"\n"
            if pending.strip():
                yield self._heed(pending) + b"\n"
        except aiohttp.ClientPayloadError as error:
            self._sight.failed(f"the watch broke off: {_words(error)}")
            raise
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._sight.failed(f"the watch broke off: {_words(error)}")
            raise
        self._sight.ended()

    def _heed(self, line: bytes) -> bytes:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            raise aiohttp.ClientPayloadError("it brought what is no JSON") from None
        kind, body = (event.get("type"), event.get("object")) if isinstance(event, dict) else (None, None)
        if kind == "ERROR":
            return self._start_over(f"the watch brought an error: {_words(_status(body))}")
        if kind != "BOOKMARK" and kind not in _EVENTS:
            return self._start_over(f"the watch brought an event that is unknown: {str(kind)[:40]}")
        try:
            metadata = _metadata(body) if kind == "BOOKMARK" else _object(body)["metadata"]
        except MalformedDocument as error:
            return self._start_over(f"the watch brought {error}")
        version = str(metadata["resourceVersion"])
        self._sight.heard()
        self._observer.saw_version(self._sight.scope, version)
        if kind == "DELETED" or (kind != "BOOKMARK" and self._observer.show(self._sight.scope, _object(body))):
            return line
        # Kopf need not see it, but has to know how far the watch has come.
        return json.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}).encode()

    def _start_over(self, why: str) -> bytes:
        self._sight.failed(why)
        return _GONE


def _metadata(body: object, *more: str) -> Body:
    metadata = body.get("metadata") if isinstance(body, dict) else None
    if not isinstance(metadata, dict):
        raise MalformedDocument("an object without metadata")
    for name in ("resourceVersion", *more):
        if not isinstance(metadata.get(name), str) or not metadata[name]:
            raise MalformedDocument(f"an object without {name}")
    return metadata


def _object(body: Any) -> Body:
    _metadata(body, "name", "namespace", "uid")
    return dict(body)


def _metadata_of_list(rest: Body, scope: Scope) -> Body:
    if rest.get("kind") != f"{scope.kind.name}List":
        raise MalformedDocument(f"its kind is {str(rest.get('kind'))[:40]}")
    return _metadata(rest)


def _status(body: object) -> str:
    if not isinstance(body, dict):
        return "without a word"
    return " ".join(str(body[name]) for name in ("code", "reason", "message") if body.get(name)) or "without a word"


def _words(error: object) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, Exception):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text[:MAX_WORDS]
