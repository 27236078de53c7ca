"""A Service's endpoints, for finding schedulers behind a Service of any kind."""

from __future__ import annotations

from collections.abc import Sequence

from kubernetes.aio.client import ApiClient, DiscoveryV1Api

from dragonfly_task_operator.kube.looking_up import looking_up
from dragonfly_task_operator.settings import ServiceRef


class EndpointSlices:
    """`dragonfly.discovery.Services` by the Kubernetes API."""

    def __init__(self, client: ApiClient) -> None:
        self._api = DiscoveryV1Api(client)

    async def endpoints(self, service: ServiceRef) -> Sequence[tuple[str, int]]:
        """List the ready endpoints of a Service: (ip, port). Raises LookupFailed."""
        with looking_up(f"service {service}"):
            slices = await self._api.list_namespaced_endpoint_slice(
                service.namespace, label_selector=f"kubernetes.io/service-name={service.name}"
            )
        return [
            (address, port.port)
            for slice_ in slices.items or ()
            for port in slice_.ports or ()
            if port.port is not None and service.port in (port.name, port.port)
            for endpoint in slice_.endpoints or ()
            if endpoint.conditions is None or endpoint.conditions.ready is not False
            for address in endpoint.addresses
        ]
