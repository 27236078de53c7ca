"""What a status code of gRPC means. The only place that knows, for both transports."""

from __future__ import annotations

import grpc

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

_NO_ANSWER = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
"""After these a connection is not to be used again."""


class RpcError(Exception):
    """A request that failed.

    Attributes:
        details: the other side's words, or the transport's.
        is_tls: whether the two sides don't agree on TLS.
    """

    def __init__(self, code: grpc.StatusCode, details: str, *, is_tls: bool = False) -> None:
        super().__init__(details)
        self.code = code
        self.details = details or f"{code.name} without a description"
        self.is_tls = is_tls

    @property
    def is_not_found(self) -> bool:
        """Whether the other side answered NOT_FOUND."""
        return self.code is grpc.StatusCode.NOT_FOUND

    @property
    def is_unimplemented(self) -> bool:
        """Whether the other side does not know the request at all."""
        return self.code is grpc.StatusCode.UNIMPLEMENTED

    @property
    def is_answer(self) -> bool:
        """Whether the other side is there and answered."""
        return self.code not in _NO_ANSWER

    def as_peer_error(self) -> PeerError:
        """Say it in the words of the API."""
        reason, retryable = _REASONS.get(self.code, (PeerReason.INTERNAL, True))
        if self.is_tls:
            return PeerError(PeerReason.TLS, self.details, retryable=False)
        return PeerError(reason, self.details, retryable=retryable)
