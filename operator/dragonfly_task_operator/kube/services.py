"""A Service's endpoints, for finding schedulers behind a Service of any kind."""

from __future__ import annotations

from collections.abc import Sequence

import aiohttp
from kubernetes.aio.client import ApiClient, ApiException, DiscoveryV1Api

from dragonfly_task_operator.errors import LookupFailed
from dragonfly_task_operator.settings import ServiceRef


class EndpointSlices:
    """`dragonfly.discovery.Services` by the Kubernetes API."""

    def __init__(self, client: ApiClient) -> None:
        self._api = DiscoveryV1Api(client)

    async def endpoints(self, service: ServiceRef) -> Sequence[tuple[str, int]]:
        """List the ready endpoints of a Service: (ip, port). Raises LookupFailed."""
        try:
            slices = await self._api.list_namespaced_endpoint_slice(
                service.namespace, label_selector=f"kubernetes.io/service-name={service.name}"
            )
        except ApiException as error:
            raise LookupFailed(f"service {service}: the API server answered {error.status} {error.reason}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise LookupFailed(f"service {service}: {type(error).__name__}: {error}") from None
        return [
            (address, port.port)
            for slice_ in slices.items
            for port in slice_.ports or ()
            if port.port is not None and service.port in (port.name, port.port)
            for endpoint in slice_.endpoints or ()
            if endpoint.conditions is None or endpoint.conditions.ready is not False
            for address in endpoint.addresses
        ]
