"""One unary request over gRPC, and what its failure means. The only place that knows gRPC's status codes."""

from __future__ import annotations

import re

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from dragonfly_task_operator.errors import PeerError, PeerReason

_REASONS: dict[grpc.StatusCode, tuple[PeerReason, bool]] = {
    grpc.StatusCode.UNAVAILABLE: (PeerReason.UNREACHABLE, True),
    grpc.StatusCode.DEADLINE_EXCEEDED: (PeerReason.TIMEOUT, True),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (PeerReason.OVERLOADED, True),
    grpc.StatusCode.UNIMPLEMENTED: (PeerReason.UNIMPLEMENTED, False),
    grpc.StatusCode.PERMISSION_DENIED: (PeerReason.PERMISSION_DENIED, False),
    grpc.StatusCode.UNAUTHENTICATED: (PeerReason.PERMISSION_DENIED, False),
    grpc.StatusCode.INVALID_ARGUMENT: (PeerReason.INTERNAL, False),
    grpc.StatusCode.FAILED_PRECONDITION: (PeerReason.INTERNAL, False),
    grpc.StatusCode.OUT_OF_RANGE: (PeerReason.INTERNAL, False),
}
"""By status code: the reason, and whether it may pass. What is not here is Internal and may."""

_TLS = re.compile(r"handshake|certificate|\bTLS\b|\bSSL\b|tsi_", re.IGNORECASE)

_MEMORY_OF_FAILURE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


class RpcError(Exception):
    """A request that failed.

    Attributes:
        details: the other side's words, or the transport's.
    """

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details or f"{code.name} without a description"

    @property
    def is_not_found(self) -> bool:
        """Whether the other side answered NOT_FOUND."""
        return self.code is grpc.StatusCode.NOT_FOUND

    @property
    def breaks_connection(self) -> bool:
        """Whether the connection that it went through should not be used again."""
        return self.code in _MEMORY_OF_FAILURE

    def as_peer_error(self) -> PeerError:
        """Say it in the words of the API."""
        reason, retryable = _REASONS.get(self.code, (PeerReason.INTERNAL, True))
        if reason is PeerReason.UNREACHABLE and _TLS.search(self.details):
            return PeerError(PeerReason.TLS, self.details, retryable=False)
        return PeerError(reason, self.details, retryable=retryable)


async def call(channel: grpc.aio.Channel, method: str, request: bytes, answer: Message, *, timeout: float) -> None:
    """Send a serialised request and read the answer into `answer`.

    Args:
        channel: where to.
        method: the full name, as in `/dfdaemon.v2.DfdaemonUpload/StatLocalTask`.
        request: the message, serialised.
        answer: an empty message of the type expected.
        timeout: seconds.

    Raises:
        RpcError: whatever went wrong.
    """
    try:
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        body = await ask(request, timeout=timeout)
    except grpc.aio.AioRpcError as error:
        raise RpcError(error.code(), error.details() or "") from None
    except grpc.aio.UsageError as error:
        # A channel closed under our feet: the operator is stopping.
        raise RpcError(grpc.StatusCode.UNAVAILABLE, str(error)) from None
    try:
        answer.ParseFromString(body)
    except DecodeError:
        name = answer.DESCRIPTOR.full_name
        raise RpcError(grpc.StatusCode.INTERNAL, f"answered with {len(body)} bytes that are no {name}") from None
