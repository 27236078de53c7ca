"""What is asked for as JSON: the request that is sent, and what comes of its answer."""

from __future__ import annotations

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiException

from dragonfly_task_operator.kube.client import Client
from dragonfly_task_operator.kube.connection import USER_AGENT
from tests.apiserver_proxy import status
from tests.registry.scripted import ScriptedRegistry

PODS = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": [{"odd": None}]}


async def test_names_and_query_are_quoted_and_json_is_asked_for(server: ScriptedRegistry, client: Client) -> None:
    sent: list[web.Request] = []

    async def intercept(request: web.Request) -> web.Response:
        sent.append(request)
        return web.json_response(PODS)

    server.intercept = intercept

    query: dict[str, str | int] = {"labelSelector": "a in (b,c)&watch=1", "limit": 5, "continue": "x+/="}
    found = await client.get("/api/v1/namespaces/{namespace}/pods", query, namespace="../q?x#y")

    assert found == PODS
    assert sent[0].raw_path.partition("?")[0] == "/api/v1/namespaces/..%2Fq%3Fx%23y/pods"
    assert dict(sent[0].query) == {"labelSelector": "a in (b,c)&watch=1", "limit": "5", "continue": "x+/="}
    assert (sent[0].headers["Accept"], sent[0].headers["User-Agent"]) == ("application/json", USER_AGENT)


async def test_status_of_a_failure_is_raised_with_its_body(server: ScriptedRegistry, client: Client) -> None:
    async def intercept(_: web.Request) -> web.Response:
        return web.json_response(status(403, "Forbidden", "not you"), status=403)

    server.intercept = intercept

    with pytest.raises(ApiException) as caught:
        await client.get("/api/v1/namespaces/{namespace}/pods", namespace="team")
    assert (caught.value.status, "not you" in (caught.value.body or "")) == (403, True)
