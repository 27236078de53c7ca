"""What becomes of an API server's answers on their way to Kopf, on a real connection."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dragonfly_task_operator.api.kinds import TASK_SEARCH
from dragonfly_task_operator.kube.connection import Answer
from dragonfly_task_operator.kube.watch.reading import pacing, response_class
from dragonfly_task_operator.kube.watch.scopes import Scope
from dragonfly_task_operator.kube.watch.sights import Sight, Sights

SEARCHES = Scope(TASK_SEARCH, None)


class Shown:
    """Takes note of what it is shown; what is named `rests` needs nothing."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def begin_list(self, scope: Scope) -> None:
        self.events.append("begin")

    def show_listed(self, scope: Scope, body: dict[str, Any]) -> None:
        self.events.append(body["metadata"]["name"])

    def show(self, scope: Scope, body: dict[str, Any]) -> bool:
        self.events.append(body["metadata"]["name"])
        return bool(body["metadata"]["name"] != "rests")

    def end_list(self, scope: Scope, version: str) -> None:
        self.events.append(f"end at {version}")

    def saw_version(self, scope: Scope, version: str) -> None:
        self.events.append(f"saw {version}")


@pytest.fixture
def sight() -> Sight:
    return Sights([SEARCHES]).all[0]


@pytest.fixture
def shown() -> Shown:
    return Shown()


@asynccontextmanager
async def answered(sight: Sight, shown: Shown, status: int, body: bytes, **query: str) -> AsyncIterator[Any]:
    """Ask for searches, of an API server that answers this."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get(SEARCHES.path, answer)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(response_class=response_class(sight, shown), trace_configs=[pacing(sight)]) as session,
        session.get(server.make_url(SEARCHES.path), params=query) as response,
    ):
        yield response


def item(name: str, version: str = "5", **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "a", "uid": f"uid-{name}", "resourceVersion": version}, **more}


def listing(*items: Any, kind: str = "TaskSearchList", **metadata: Any) -> bytes:
    return json.dumps({"items": items, "kind": kind, "metadata": {"resourceVersion": "9", **metadata}}).encode()


async def test_list_is_shown_and_kopf_is_given_none_of_its_objects(sight: Sight, shown: Shown) -> None:
    async with answered(sight, shown, 200, listing(item("rests"), item("works", spec={"a": 1}))) as response:
        body = await response.json()

    assert body == {"kind": "TaskSearchList", "items": [], "metadata": {"resourceVersion": "9"}}
    assert shown.events == ["begin", "rests", "works", "end at 9"]


async def test_list_is_complete_with_its_last_page(sight: Sight, shown: Shown) -> None:
    pages = [("", "next"), ("next", "")]
    for token, following in pages:
        query = {"continue": token} if token else {}
        async with answered(sight, shown, 200, listing(**{"continue": following}), **query) as response:
            await response.json()

    assert shown.events == ["begin", "end at 9"]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>502</html>",
        b"",
        b"null",
        listing(kind="PodList"),
        listing({"metadata": {}}),
        listing({"spec": {}}),
        listing("gone"),
        listing(resourceVersion=""),
        json.dumps({"items": [], "kind": "TaskSearchList"}).encode(),
        json.dumps({"kind": "Status", "status": "Failure", "code": 500}).encode(),
    ],
)
async def test_answer_that_is_no_list_is_a_lost_connection_and_forgets_nothing(
    sight: Sight, shown: Shown, body: bytes
) -> None:
    async with answered(sight, shown, 200, body) as response:
        with pytest.raises(aiohttp.ClientPayloadError, match="is no list of tasksearches"):
            await response.json()

    assert "is no list of tasksearches" in sight.trouble
    assert not [event for event in shown.events if event.startswith("end")]


def status_of(code: int, message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message}


@pytest.mark.parametrize(
    ("code", "message", "refused"),
    [
        (403, "you may not", True),
        (500, "etcdserver: no leader", False),
        (404, "the server could not find the requested resource", False),
    ],
)
async def test_refusal_is_told_in_the_api_servers_words(
    sight: Sight, shown: Shown, code: int, message: str, refused: bool
) -> None:
    body = status_of(code, message)
    async with answered(sight, shown, code, json.dumps(body).encode()) as response:
        assert await response.json() == body

    assert (sight.is_refused, sight.trouble) == (refused, f"the API server answered {code}: {message}")


async def test_refusal_of_a_proxy_is_none_of_the_api_servers(sight: Sight, shown: Shown) -> None:
    async with answered(sight, shown, 403, b'{"error": "a proxy refuses"}') as response:
        with pytest.raises(aiohttp.ClientConnectionError):
            await response.json()

    assert (sight.is_refused, "answered 403" in sight.trouble) == (False, True)


GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410}}


def bookmark(version: str) -> dict[str, Any]:
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": version}}}


@pytest.mark.parametrize(
    ("event", "becomes"),
    [
        ({"type": "ADDED", "object": item("works")}, None),
        ({"type": "DELETED", "object": item("rests")}, None),
        ({"type": "MODIFIED", "object": item("rests", "7")}, bookmark("7")),
        (bookmark("8"), bookmark("8")),
        ({"type": "ERROR", "object": {"code": 500}}, GONE),
        ({"type": "ERROR", "object": {"code": 410}}, GONE),
        ({"type": "ERROR"}, GONE),
        ({"type": "RENAMED", "object": item("works")}, GONE),
        ({"type": "ADDED", "object": {}}, GONE),
        ({"type": "ADDED", "object": None}, GONE),
        ({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": 8}}}, GONE),
        ([], GONE),
        (7, GONE),
    ],
)
async def test_kopf_is_given_events_that_it_can_bear(sight: Sight, shown: Shown, event: Any, becomes: Any) -> None:
    line = json.dumps(event).encode() + b"\n"

    async with answered(sight, shown, 200, line, watch="true") as response:
        lines = [json.loads(each) async for each in response.content.iter_chunked(1 << 20)]

    assert lines == [event if becomes is None else becomes]


@pytest.mark.parametrize("line", [b"<html>", b"[" * 100_000], ids=["a page", "nested without end"])
async def test_line_that_is_no_json_is_a_lost_connection(sight: Sight, shown: Shown, line: bytes) -> None:
    good = json.dumps({"type": "ADDED", "object": item("works")}).encode()

    async with answered(sight, shown, 200, good + b"\n" + line + b"\n" + good, watch="true") as response:
        lines = response.content.iter_chunked(1 << 20)
        assert json.loads(await anext(lines))["type"] == "ADDED"
        with pytest.raises(aiohttp.ClientPayloadError):
            await anext(lines)

    assert "no JSON" in sight.trouble


GROUPS = {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}


async def test_other_answers_are_left_alone(shown: Shown, sight: Sight) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(GROUPS)

    app = web.Application()
    app.router.add_get("/apis", answer)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(response_class=response_class(sight, shown)) as session,
        session.get(server.make_url("/apis")) as response,
    ):
        assert isinstance(response, Answer)
        response.path = "/apis"
        assert await response.json() == GROUPS
    assert shown.events == []
