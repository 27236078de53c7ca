"""Which endpoints of a Service are ready, by EndpointSlices as the API server, or an odd version of it, gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from dragonfly_task_operator.errors import LookupFailed
from dragonfly_task_operator.kube.client import Client
from dragonfly_task_operator.kube.services import EndpointSlices
from dragonfly_task_operator.settings import ServiceRef
from tests.apiserver_proxy import status
from tests.registry.scripted import ScriptedRegistry

GRPC = {"name": "grpc", "port": 8002, "protocol": "TCP"}

Answers = Callable[..., list[web.Request]]


@pytest.fixture
def slices(client: Client) -> EndpointSlices:
    return EndpointSlices(client)


@pytest.fixture
def answers(server: ScriptedRegistry) -> Answers:
    def answering(*items: dict[str, Any]) -> list[web.Request]:
        asked: list[web.Request] = []
        listing = {"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "items": items}

        async def intercept(request: web.Request) -> web.Response:
            asked.append(request)
            return web.json_response(listing | {"metadata": {"resourceVersion": "7"}})

        server.intercept = intercept
        return asked

    return answering


def service(port: str | int) -> ServiceRef:
    return ServiceRef(namespace="dragonfly", name="scheduler", port=port)


def ready(*addresses: str, **conditions: bool | None) -> dict[str, Any]:
    return {"addresses": addresses, "conditions": conditions}


@pytest.mark.parametrize("port", ["grpc", 8002])
async def test_port_is_found_by_name_and_by_number(slices: EndpointSlices, answers: Answers, port: str | int) -> None:
    asked = answers({"ports": [{"name": "http", "port": 80}, GRPC], "endpoints": [ready("10.0.0.1", ready=True)]})

    assert await slices.endpoints(service(port)) == [("10.0.0.1", 8002)]
    assert asked[0].path == "/apis/discovery.k8s.io/v1/namespaces/dragonfly/endpointslices"
    assert asked[0].query["labelSelector"] == "kubernetes.io/service-name=scheduler"


async def test_endpoint_is_left_out_only_where_it_says_that_it_is_not_ready(
    slices: EndpointSlices, answers: Answers
) -> None:
    unknown = [{"addresses": ["10.0.0.3"]}, {"addresses": ["10.0.0.4"], "conditions": None}]
    endpoints = [ready("10.0.0.1", ready=False), ready("10.0.0.2", ready=None), *unknown]
    answers({"ports": [GRPC], "endpoints": endpoints})

    assert [ip for ip, _ in await slices.endpoints(service("grpc"))] == ["10.0.0.2", "10.0.0.3", "10.0.0.4"]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"ports": None, "endpoints": [ready("10.0.0.1")]},
        {"ports": [{"name": "grpc"}], "endpoints": [ready("10.0.0.1")]},
        {"ports": [GRPC], "endpoints": None},
        {"ports": [GRPC], "endpoints": [{"addresses": None}, None]},
    ],
)
async def test_slice_that_lacks_something_names_nobody_and_hides_no_other(
    slices: EndpointSlices, answers: Answers, odd: dict[str, Any]
) -> None:
    answers(odd, {"ports": [GRPC], "endpoints": [ready("10.0.0.9")]})

    assert await slices.endpoints(service("grpc")) == [("10.0.0.9", 8002)]


async def test_right_that_is_missing_is_told_in_the_api_servers_words(
    server: ScriptedRegistry, slices: EndpointSlices
) -> None:
    async def intercept(_: web.Request) -> web.Response:
        return web.json_response(status(403, "Forbidden", "endpointslices is forbidden"), status=403)

    server.intercept = intercept

    words = "service dragonfly/scheduler:grpc: the API server answered 403: endpointslices is forbidden"
    with pytest.raises(LookupFailed, match=words):
        await slices.endpoints(service("grpc"))
