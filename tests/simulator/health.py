"""grpc.health.v1, as schedulers and dfdaemons both serve it."""

from __future__ import annotations

import grpc
from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]  # grpcio-health-checking ships no types

from tests.simulator.endpoint import Endpoint, Handler, StatusError

METHOD = "/grpc.health.v1.Health/Check"
_SERVING: bytes = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING).SerializeToString()


def health_handler(endpoint: Endpoint) -> Handler:
    """Make the handler of Check: the server as a whole serves, and no other name is known. No limit counts it."""
    return endpoint.unary("health", health_pb2.HealthCheckRequest, _check, limited=False)


async def _check(request: health_pb2.HealthCheckRequest) -> bytes:
    if request.service:
        raise StatusError(grpc.StatusCode.NOT_FOUND, "unknown service")
    return _SERVING
