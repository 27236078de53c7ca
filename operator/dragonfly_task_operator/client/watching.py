"""Watching objects as long as somebody looks: it goes on from where it was, and lists anew where that is forgotten."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

import aiohttp

from dragonfly_task_operator.api.kinds import Resource
from dragonfly_task_operator.client.errors import CannotAsk, Denied, Forgotten, KindsMissing, Unreachable
from dragonfly_task_operator.kube.connection import Answer

WATCH_SECONDS = 60
"""After which the API server ends a watch, and another goes on from there."""
SILENT_SECONDS = WATCH_SECONDS + 10.0
"""Without a word, not even that it ends, for a watch to be given up."""
PAUSE_SECONDS = 1.0
"""Before it is tried again what failed."""
STARTING_SECONDS = 15.0
"""An API server that starts does not know for seconds who may do what, and which kinds there are."""

_BOOKMARK, _ERROR, _DELETED = "BOOKMARK", "ERROR", "DELETED"


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as it is now."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gone:
    """An object is no more."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Listed:
    """All objects that there are have been given."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """The API server can't be asked just now, as the message says for a person; it is tried again and again."""

    message: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """The API server can be asked again; what has changed meanwhile comes next."""


Event = Seen | Gone | Listed | Trouble | Recovered


@dataclass(slots=True)
class _Known:
    """What has been told of an object."""

    namespace: str
    name: str
    version: str


class Lists(Protocol):
    """What a watch needs of a client: see `Client`."""

    async def listing(
        self, kind: Resource, namespace: str | None, *, field_selector: str = ""
    ) -> tuple[Sequence[Mapping[str, Any]], str]:
        """List the objects of a kind, and tell from where to watch."""
        ...

    async def open_watch(
        self, kind: Resource, namespace: str | None, *, since: str, name: str | None, seconds: int
    ) -> Answer:
        """Begin to watch from there."""
        ...


async def watch(client: Lists, kind: Resource, namespace: str | None, *, name: str | None) -> AsyncIterator[Event]:
    """See `Client.watch`."""
    known: dict[str, _Known] = {}
    patience = _Patience(asyncio.get_running_loop().time)
    since: str | None = None
    while True:
        try:
            if since is None:
                selector = f"metadata.name={name}" if name else ""
                items, since = await client.listing(kind, namespace, field_selector=selector)
                for event in (*_differences(known, items), Listed()):
                    yield event
            async with await client.open_watch(
                kind, namespace, since=since, name=name, seconds=WATCH_SECONDS
            ) as response:
                if patience.ends():
                    yield Recovered()
                async for line in _lines(response, kind):
                    since = str(line["object"]["metadata"]["resourceVersion"])
                    if line["type"] != _BOOKMARK:
                        yield _heard(known, line["type"], line["object"])
        except Forgotten:
            since = None
        except (Unreachable, Denied, KindsMissing) as error:
            patience.bears(error)
            yield Trouble(str(error))
            await asyncio.sleep(PAUSE_SECONDS)


class _Patience:
    """How much trouble is borne: an API server that has let us in before may refuse us while it starts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._is_let_in = self._is_troubled = False
        self._give_up: float | None = None

    def ends(self) -> bool:
        """Note that we are let in, and tell whether there was trouble before."""
        was_troubled = self._is_troubled
        self._is_let_in, self._is_troubled, self._give_up = True, False, None
        return was_troubled

    def bears(self, error: CannotAsk) -> None:
        """Note what went wrong. Raises it if waiting does not help."""
        self._is_troubled = True
        if isinstance(error, Unreachable):
            return
        if self._give_up is None:
            self._give_up = self._clock() + STARTING_SECONDS
        if not self._is_let_in or self._clock() >= self._give_up:
            raise error


async def _lines(response: aiohttp.ClientResponse, kind: Resource) -> AsyncIterator[Mapping[str, Any]]:
    """Give what one watch brings. Raises Forgotten, Unreachable."""
    pending = b""
    while True:
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                data = await response.content.readany()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = str(error) or type(error).__name__
            raise Unreachable(f"the watch of {kind.plural} broke off: {why}") from None
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            if line.strip():
                yield _event(line, kind)
        if not data:
            return


def _event(line: bytes, kind: Resource) -> Mapping[str, Any]:
    try:
        event = json.loads(line)
        type_, metadata = event["type"], event["object"].get("metadata", {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Unreachable(
            f"the watch of {kind.plural} brought what is none of an API server's: {line[:80]!r}"
        ) from None
    if type_ == _ERROR:
        code = event["object"].get("code")
        if code == HTTPStatus.GONE:
            raise Forgotten(str(event["object"].get("message")))
        raise Unreachable(f"the watch of {kind.plural} was ended with {code}: {event['object'].get('message')}")
    if not metadata.get("resourceVersion") or (type_ != _BOOKMARK and not metadata.get("uid")):
        raise Unreachable(f"the watch of {kind.plural} brought what is no object: {line[:80]!r}")
    return dict(event)


def _heard(known: dict[str, _Known], type_: str, body: Mapping[str, Any]) -> Event:
    if type_ != _DELETED:
        _note(known, body)
        return Seen(body)
    metadata = body["metadata"]
    known.pop(str(metadata["uid"]), None)
    return Gone(str(metadata["namespace"]), str(metadata["name"]), str(metadata["uid"]))


def _differences(known: dict[str, _Known], items: Any) -> list[Event]:
    """Tell what a list shows that has not been told, and forget what it does not show."""
    events: list[Event] = []
    there = {str(body["metadata"]["uid"]) for body in items}
    for uid in known.keys() - there:
        gone = known.pop(uid)
        events.append(Gone(gone.namespace, gone.name, uid))
    for body in items:
        before = known.get(str(body["metadata"]["uid"]))
        if before is None or before.version != body["metadata"]["resourceVersion"]:
            events.append(Seen(body))
        _note(known, body)
    return events


def _note(known: dict[str, _Known], body: Mapping[str, Any]) -> None:
    metadata = body["metadata"]
    known[str(metadata["uid"])] = _Known(
        str(metadata["namespace"]), str(metadata["name"]), str(metadata["resourceVersion"])
    )
