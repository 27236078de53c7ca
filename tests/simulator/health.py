"""grpc.health.v1, as schedulers and dfdaemons both serve it.

Its messages are written by those of protobuf's own that are the same on the wire: the demo runs on what the operator
needs, and grpcio-health-checking is no part of that.
"""

from __future__ import annotations

import grpc
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from tests.simulator.endpoint import Endpoint, Handler, StatusError

METHOD = "/grpc.health.v1.Health/Check"
_SERVING: bytes = Int32Value(value=1).SerializeToString()
"""A HealthCheckResponse whose status is SERVING."""


def health_handler(endpoint: Endpoint) -> Handler:
    """Make the handler of Check: the server as a whole serves, and no other name is known. No limit counts it."""
    return endpoint.unary("health", StringValue, _check, limited=False)


async def _check(service: StringValue) -> bytes:
    if service.value:
        raise StatusError(grpc.StatusCode.NOT_FOUND, "unknown service")
    return _SERVING
