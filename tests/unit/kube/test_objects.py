"""Writing statuses past an API server that says what is not so."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from dragonfly_task_operator.api.base import API_VERSION
from dragonfly_task_operator.api.kinds import TASK_SEARCH
from dragonfly_task_operator.kube.history import History
from dragonfly_task_operator.kube.objects import ApiUnavailable, Objects, Ref, Snapshot
from dragonfly_task_operator.observability.metrics import Metrics
from tests.apiserver_proxy import status
from tests.clients import client_to
from tests.registry.scripted import ScriptedRegistry

PATH = f"/apis/{API_VERSION}/namespaces/team/tasksearches/one"


async def test_object_that_is_said_to_have_changed_and_has_not_is_not_written_over_and_over() -> None:
    metadata = {"name": "one", "namespace": "team", "uid": "11", "resourceVersion": "7", "generation": 1}
    body: dict[str, Any] = {"kind": "TaskSearch", "apiVersion": API_VERSION, "metadata": metadata, "spec": {}}

    async def answer(request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.json_response(body)
        return web.json_response(status(409, "Conflict", "the object has been modified"), status=409)

    async with ScriptedRegistry(intercept=answer) as server, client_to(server.origin) as client:
        objects = Objects(client, metrics=Metrics(), history=History())
        with pytest.raises(ApiUnavailable, match="TaskSearch team/one as it is, and says that it has changed"):
            async with asyncio.timeout(10):
                await objects.write_status(Snapshot(Ref(TASK_SEARCH, "team", "one", "11"), body), lambda _: {"a": 1})

    assert [path for path, _ in server.asked] == [f"{PATH}/status", PATH]
