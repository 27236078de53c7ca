"""A watch of a person's, through all that can happen to one, on a scripted API server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from dragonfly_task_operator.api.kinds import TASK_SEARCH
from dragonfly_task_operator.client import watching
from dragonfly_task_operator.client.client import Client
from dragonfly_task_operator.client.errors import Denied, KindsMissing
from dragonfly_task_operator.client.watching import Gone, Listed, Recovered, Seen, Trouble
from tests.apiserver_proxy import HTML, status
from tests.clients import line_to
from tests.registry.scripted import ScriptedRegistry

SECONDS = 20.0


def body(name: str, version: int) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "team", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"apiVersion": "tasks.d7y.io/v1alpha1", "kind": "TaskSearch", "metadata": metadata}


def event(type_: str, object_: object) -> bytes:
    return json.dumps({"type": type_, "object": object_}).encode() + b"\n"


class ApiServer(ScriptedRegistry):
    """Answers lists and watches by two scripts, each of which goes on from request to request."""

    lists: list[Any]
    watches: list[Any]
    since: list[str]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch") != "true":
            found = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
            if isinstance(found, web.Response):
                return found
            version, bodies = found
            return web.json_response(
                {
                    "kind": "TaskSearchList",
                    "apiVersion": "tasks.d7y.io/v1alpha1",
                    "metadata": {"resourceVersion": str(version)},
                    "items": bodies,
                }
            )
        self.since.append(request.query["resourceVersion"])
        if not self.watches:
            await asyncio.Event().wait()
        found = self.watches.pop(0)
        if isinstance(found, web.Response):
            return found
        response = web.StreamResponse()
        await response.prepare(request)
        for part in found:
            await response.write(part)
        return response


@asynccontextmanager
async def serving(lists: list[Any], watches: list[Any]) -> AsyncIterator[tuple[Client, ApiServer]]:
    async with ApiServer() as server:
        server.lists, server.watches, server.since = lists, watches, []
        server.intercept = server.answer
        async with line_to(server.origin) as line:
            yield Client(line, server=server.origin, namespace="team"), server


async def events(client: Client, count: int) -> list[Any]:
    found: list[Any] = []
    async with asyncio.timeout(SECONDS):
        async for each in client.watch(TASK_SEARCH, "team"):
            found.append(each)
            if len(found) == count:
                return found
    raise AssertionError(found)


async def test_objects_that_are_there_are_given_and_then_what_becomes_of_them() -> None:
    one, two, changed = body("one", 1), body("two", 6), body("one", 7)
    watch = [
        event("ADDED", two) + event("MODIFIED", changed)[:20],
        event("MODIFIED", changed)[20:],
        event("DELETED", two),
    ]
    async with serving([(5, [one])], [watch]) as (client, _):
        found = await events(client, 5)

    assert found == [Seen(one), Listed(), Seen(two), Seen(changed), Gone("team", "two", "uid-two")]


async def test_watch_that_ends_goes_on_from_where_it_was() -> None:
    bookmark = {"kind": "TaskSearch", "metadata": {"resourceVersion": "20"}}
    async with serving([(5, [])], [[event("ADDED", body("one", 9))], [event("BOOKMARK", bookmark)]]) as (
        client,
        server,
    ):
        server.watches.append([event("ADDED", body("two", 21))])
        found = await events(client, 3)

    assert found == [Listed(), Seen(body("one", 9)), Seen(body("two", 21))]
    assert server.since == ["5", "9", "20"]


@pytest.mark.parametrize("how", ["in the watch", "as the answer"])
async def test_what_is_forgotten_is_listed_anew_and_only_differences_are_given(how: str) -> None:
    gone = status(410, "Expired", "too old resource version")
    watch: Any = [event("ERROR", gone)] if how == "in the watch" else web.json_response(gone, status=410)
    before, after = (5, [body("one", 1), body("two", 2), body("three", 3)]), (9, [body("one", 1), body("two", 8)])
    async with serving([before, after], [watch]) as (client, _):
        found = await events(client, 7)

    assert found[3:] == [Listed(), Gone("team", "three", "uid-three"), Seen(body("two", 8)), Listed()]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (web.json_response(status(503, "ServiceUnavailable", "starting"), status=503), "answered 503: starting"),
        (
            web.Response(text=HTML.decode(), content_type="text/html"),
            "brought what",
        ),
        ([event("ERROR", status(500, "InternalError", "etcd is ill"))], "ended with 500: etcd is ill"),
        ([b"{no json\n"], "none of an API server's"),
        ([event("ADDED", {"metadata": {}})], "what is no object"),
    ],
    ids=["busy", "foreign", "error", "no json", "no object"],
)
async def test_trouble_is_told_and_the_watch_goes_on(monkeypatch: pytest.MonkeyPatch, answer: Any, words: str) -> None:
    monkeypatch.setattr(watching, "PAUSE_SECONDS", 0.01)
    async with serving([(5, [])], [answer, [event("ADDED", body("one", 9))]]) as (client, server):
        listed, trouble, recovered, seen = await events(client, 4)

    assert (listed, recovered, seen) == (Listed(), Recovered(), Seen(body("one", 9)))
    assert isinstance(trouble, Trouble)
    assert words in trouble.message
    assert server.since == ["5", "5"]


async def test_watch_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(watching, "PAUSE_SECONDS", 0.01)

    async with serving([(5, [])], []) as (client, server):

        async def silent(request: web.Request) -> web.StreamResponse:
            if request.query.get("watch") != "true":
                return await server.answer(request)
            response = web.StreamResponse()
            await response.prepare(request)
            await asyncio.Event().wait()
            return response

        server.intercept = silent
        _, trouble = await events(client, 2)

    assert isinstance(trouble, Trouble)
    assert "the watch of tasksearches broke off: TimeoutError" in trouble.message


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (status(403, "Forbidden", 'User "jane" cannot list resource "tasksearches"'), Denied),
        (status(404, "NotFound", "the server could not find the requested resource"), KindsMissing),
    ],
)
async def test_what_waiting_does_not_help_against_ends_the_watch(answer: dict[str, Any], kind: type[Exception]) -> None:
    async with serving([web.json_response(answer, status=answer["code"])], []) as (client, _):
        with pytest.raises(kind):
            await events(client, 1)


@pytest.mark.parametrize("is_for_good", [False, True])
async def test_refusal_of_an_api_server_that_starts_is_waited_out_and_not_one_for_good(
    monkeypatch: pytest.MonkeyPatch, *, is_for_good: bool
) -> None:
    monkeypatch.setattr(watching, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(watching, "STARTING_SECONDS", 0.0 if is_for_good else SECONDS)
    refusal = status(403, "Forbidden", 'User "jane" cannot watch resource "tasksearches"')
    watches: list[Any] = [[], web.json_response(refusal, status=403), [event("ADDED", body("one", 9))]]
    async with serving([(5, [])], watches) as (client, _):
        if is_for_good:
            with pytest.raises(Denied):
                await events(client, 3)
        else:
            _, trouble, recovered, seen = await events(client, 4)
            assert isinstance(trouble, Trouble)
            assert recovered == Recovered()
            assert seen == Seen(body("one", 9))
