"""Requests for objects of this operator's kinds, one method for each thing that a person wants of them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from dragonfly_task_operator.api.base import API_VERSION, GROUP
from dragonfly_task_operator.api.kinds import TASK_REPORT, Resource
from dragonfly_task_operator.api.record import Record
from dragonfly_task_operator.client import watching
from dragonfly_task_operator.client.errors import Foreign, NoSuchObject, NotTaken, Unreachable
from dragonfly_task_operator.client.refusals import mapped, missing, refusal
from dragonfly_task_operator.client.rows import Everyone, from_pages, from_status
from dragonfly_task_operator.engine.fanout import fan_out
from dragonfly_task_operator.kube.connection import Answer, Line

ASK_SECONDS = 10.0
"""For one request."""

PAGES_AT_ONCE = 4
"""TaskReports that are read at once: each may have 900 KiB."""

_LISTED_AT_ONCE = 100
"""Objects in one answer: each may have 64 KiB of status, and more of spec."""
_LISTINGS = 3
"""Attempts at a list that takes so long that the API server forgets its beginning."""
_SUCCESS = range(200, 300)
MAX_NAME = 253
_NAME = re.compile("[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
Body = Mapping[str, Any]


class Client:
    """Asks the API server with a person's rights. Objects are JSON, as the API server has them.

    Any request may raise CannotAsk: Unreachable, Denied, KindsMissing.

    Args:
        line: to the API server.
        server: its URL.
        namespace: the one that is meant where none is named.
    """

    def __init__(self, line: Line, *, server: str, namespace: str) -> None:
        self._line = line
        self.server, self.namespace = server, namespace

    async def list(self, kind: Resource, namespace: str | None, *, field_selector: str = "") -> Sequence[Body]:
        """List the objects of a kind; namespace None: of all namespaces."""
        items, _ = await self.listing(kind, namespace, field_selector=field_selector)
        return items

    async def listing(
        self, kind: Resource, namespace: str | None, *, field_selector: str = ""
    ) -> tuple[Sequence[Body], str]:
        """List the objects of a kind, and tell the resourceVersion from which to watch what becomes of them."""
        for _ in range(_LISTINGS):
            items: list[Body] = []
            query: dict[str, str] = {"limit": str(_LISTED_AT_ONCE)} | (
                {"fieldSelector": field_selector} if field_selector else {}
            )
            while True:
                status, page = await self._ask(kind, "GET", _path(kind, namespace), query)
                if status == HTTPStatus.GONE:
                    break
                if status not in _SUCCESS:
                    raise refusal(status, page, verb="list", kind=kind, namespace=namespace, name=None)
                named = {"apiVersion": API_VERSION, "kind": kind.name}  # a list says it once for all
                items += ({**named, **item} for item in page["items"])
                if not page["metadata"].get("continue"):
                    return items, str(page["metadata"]["resourceVersion"])
                query["continue"] = str(page["metadata"]["continue"])
        raise Unreachable(f"the API server {self.server} takes too long to list {kind.plural}; try again")

    async def get(self, kind: Resource, namespace: str, name: str) -> Body:
        """Read an object. Raises NoSuchObject."""
        return await self._object(kind, namespace, name, verb="get", method="GET")

    async def create(self, kind: Resource, namespace: str, body: Body, *, dry_run: bool = False) -> Body:
        """Make an object; with `dry_run`, have the API server check it and make none.

        Raises:
            AlreadyThere: there is one of its name.
            NotTaken: the API server does not accept it.
        """
        query = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        name = str(body["metadata"].get("name") or body["metadata"].get("generateName"))
        status, made = await self._ask(kind, "POST", _path(kind, namespace), query, body)
        if status not in _SUCCESS:
            raise refusal(status, made, verb="create", kind=kind, namespace=namespace, name=name)
        return made

    async def patch(
        self, kind: Resource, namespace: str, name: str, patch: Body, *, resource_version: str | None = None
    ) -> Body:
        """Change an object by a merge patch.

        Args:
            kind: of the object.
            namespace: of the object.
            name: of the object.
            patch: as in `{"spec": {"suspend": True}}`.
            resource_version: change it only if it is still at this one.

        Raises:
            NoSuchObject, NotTaken.
            Changed: it is no more at `resource_version`.
        """
        if resource_version is not None:
            patch = {**patch, "metadata": {**patch.get("metadata", {}), "resourceVersion": resource_version}}
        return await self._object(kind, namespace, name, verb="patch", method="PATCH", body=patch)

    async def delete(self, kind: Resource, namespace: str, name: str, *, uid: str | None = None) -> None:
        """Delete an object: with a uid, that one only, and no later one of its name. Raises NoSuchObject, Changed."""
        preconditions = {"preconditions": {"uid": uid}} if uid else {}
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background", **preconditions}
        await self._object(kind, namespace, name, verb="delete", method="DELETE", body=options)

    def watch(self, kind: Resource, namespace: str | None, *, name: str | None = None) -> AsyncIterator[watching.Event]:
        """Watch objects for ever: first each that is there, then what becomes of them, whatever happens on the way.

        Args:
            kind: of the objects.
            namespace: None: all.
            name: of the only one that is meant.

        Returns:
            an iterator of events: `Seen`, `Gone`, `Listed` once all that are there have been given, `Trouble` while the
            API server can't be asked, and `Recovered` when it can be again. It raises Denied, KindsMissing.
        """
        return watching.watch(self, kind, namespace, name=name)

    async def reports(self, run: Body) -> Everyone:
        """Tell of every peer that has something to tell, by the TaskReports of a run, or its status where it has none.

        Args:
            run: a TaskSearch or TaskDeletion, as it was read.
        """
        record = Record.of(run)
        if not record.reports or not record.is_finished:
            return from_status(run)
        pages: dict[str, Body | None] = {}

        async def read(name: str) -> None:
            try:
                pages[name] = await self.get(TASK_REPORT, str(run["metadata"]["namespace"]), name)
            except NoSuchObject:
                pages[name] = None

        await fan_out(record.reports, read, at_once=PAGES_AT_ONCE)
        return from_pages(run, [pages[name] for name in record.reports])

    async def open_watch(
        self, kind: Resource, namespace: str | None, *, since: str, name: str | None, seconds: int
    ) -> Answer:
        """Begin to watch from a resourceVersion, for so many seconds; the answer is to be read and closed.

        Raises Forgotten.
        """
        query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": str(seconds)}
        query |= {"allowWatchBookmarks": "true"} | ({"fieldSelector": f"metadata.name={name}"} if name else {})
        path = _path(kind, namespace)
        async with self._asking(kind):
            response = await self._line.request("GET", f"{path}?{urlencode(query)}", seconds=ASK_SECONDS)
            if response.status == HTTPStatus.OK:
                return response
            async with response:
                answer = await response.json()
        raise refusal(response.status, answer, verb="watch", kind=kind, namespace=namespace, name=None)

    async def _object(
        self, kind: Resource, namespace: str, name: str, *, verb: str, method: str, body: Body | None = None
    ) -> Body:
        status, answer = await self._ask(kind, method, _path(kind, namespace, name), {}, body)
        if status not in _SUCCESS:
            raise refusal(status, answer, verb=verb, kind=kind, namespace=namespace, name=name)
        return answer

    async def _ask(
        self, kind: Resource, method: str, path: str, query: Mapping[str, str], body: Body | None = None
    ) -> tuple[int, Body]:
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        async with self._asking(kind):
            response, content = await self._line.ask(
                method,
                f"{path}?{urlencode(query)}" if query else path,
                seconds=ASK_SECONDS,
                headers={"Content-Type": content_type, "Accept": "application/json"},
                data=None if body is None else json.dumps(body),
            )
        return response.status, json.loads(content)

    @asynccontextmanager
    async def _asking(self, kind: Resource) -> AsyncIterator[None]:
        """Ask inside of the block, for objects of a kind. Raises Unreachable, KindsMissing."""
        try:
            with mapped(self.server):
                yield
        except Foreign:
            # Of a group that it does not know, an API server says nothing but "404 page not found".
            if await self._knows_group():
                raise
            raise missing(kind, "nor its group") from None

    async def _knows_group(self) -> bool:
        with mapped(self.server):
            response, content = await self._line.ask("GET", "/apis", seconds=ASK_SECONDS)
        groups = json.loads(content).get("groups") or ()
        return response.status != HTTPStatus.OK or any(group.get("name") == GROUP for group in groups)


def _path(kind: Resource, namespace: str | None, name: str | None = None) -> str:
    """Give the path of an object or a list. Raises NotTaken of a name that no object can have."""
    path = f"/apis/{API_VERSION}"
    if namespace is not None:
        path += f"/namespaces/{_checked('namespace', namespace)}"
    path += f"/{kind.plural}"
    return path if name is None else f"{path}/{_checked(kind.name, name)}"


def _checked(what: str, name: str) -> str:
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise NotTaken(f"no {what} can be named {name!r}: a name has lower-case letters, digits, - and . only")
    return name
