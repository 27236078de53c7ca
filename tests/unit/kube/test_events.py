"""Events that the API server takes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from dragonfly_task_operator.api.kinds import TASK_SEARCH
from dragonfly_task_operator.kube.events import Recorder
from dragonfly_task_operator.kube.objects import Ref
from tests.clients import client_to
from tests.registry.scripted import ScriptedRegistry

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@pytest.mark.parametrize("name", ["one", "a" * 253, "a" * 199 + "-b", "a" * 199 + ".b", "a" * 198 + "--b"])
async def test_event_of_an_object_of_any_name_has_a_name_that_it_may_have(name: str) -> None:
    written: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        written.append(await request.json())
        return web.json_response({"kind": "Event", "apiVersion": "v1"} | written[-1], status=201)

    async with ScriptedRegistry(intercept=take) as server, client_to(server.origin) as client:
        recorder = Recorder(client)
        recorder.started(Ref(TASK_SEARCH, "team", name, "11"), "began a run", datetime.now(UTC))
        await recorder.aclose()

    (event,) = written
    assert SUBDOMAIN.fullmatch(event["metadata"]["name"])
    assert len(event["metadata"]["name"]) <= 253
