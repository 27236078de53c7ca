"""A Service's endpoints, for finding schedulers behind a Service of any kind."""

from __future__ import annotations

from collections.abc import Sequence

from dragonfly_task_operator.api import loose
from dragonfly_task_operator.kube.client import Client
from dragonfly_task_operator.kube.looking_up import looking_up
from dragonfly_task_operator.settings import ServiceRef

_PATH = "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"


class EndpointSlices:
    """`dragonfly.discovery.Services` by the Kubernetes API."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def endpoints(self, service: ServiceRef) -> Sequence[tuple[str, int]]:
        """List the ready endpoints of a Service: (ip, port). Raises LookupFailed."""
        with looking_up(f"service {service}"):
            selected = {"labelSelector": f"kubernetes.io/service-name={service.name}"}
            slices = await self._client.get(_PATH, selected, namespace=service.namespace)
        return [
            (address, number)
            for slice_ in loose.mappings(slices.get("items"))
            for port in loose.mappings(slice_.get("ports"))
            if (number := loose.number(port.get("port"))) is not None and service.port in (port.get("name"), number)
            for endpoint in loose.mappings(slice_.get("endpoints"))
            if loose.mapping(endpoint.get("conditions")).get("ready") is not False
            for address in loose.items(endpoint.get("addresses"))
        ]
