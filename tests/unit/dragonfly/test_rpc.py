"""What a failed request means: the only place that knows gRPC's status codes."""

from __future__ import annotations

import grpc
import pytest

from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.errors import PeerReason

CODES: dict[grpc.StatusCode, tuple[PeerReason, bool]] = {
    grpc.StatusCode.CANCELLED: (PeerReason.INTERNAL, True),
    grpc.StatusCode.UNKNOWN: (PeerReason.INTERNAL, True),
    grpc.StatusCode.INVALID_ARGUMENT: (PeerReason.INTERNAL, False),
    grpc.StatusCode.DEADLINE_EXCEEDED: (PeerReason.TIMEOUT, True),
    grpc.StatusCode.NOT_FOUND: (PeerReason.INTERNAL, True),
    grpc.StatusCode.ALREADY_EXISTS: (PeerReason.INTERNAL, True),
    grpc.StatusCode.PERMISSION_DENIED: (PeerReason.PERMISSION_DENIED, False),
    grpc.StatusCode.UNAUTHENTICATED: (PeerReason.PERMISSION_DENIED, False),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (PeerReason.OVERLOADED, True),
    grpc.StatusCode.FAILED_PRECONDITION: (PeerReason.INTERNAL, False),
    grpc.StatusCode.ABORTED: (PeerReason.INTERNAL, True),
    grpc.StatusCode.OUT_OF_RANGE: (PeerReason.INTERNAL, False),
    grpc.StatusCode.UNIMPLEMENTED: (PeerReason.UNIMPLEMENTED, False),
    grpc.StatusCode.INTERNAL: (PeerReason.INTERNAL, True),
    grpc.StatusCode.UNAVAILABLE: (PeerReason.UNREACHABLE, True),
    grpc.StatusCode.DATA_LOSS: (PeerReason.INTERNAL, True),
}
"""By status code: the reason in the API, and whether a retry may help."""


def test_every_status_code_is_known_here() -> None:
    assert set(CODES) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_status_code_is_said_in_the_words_of_the_api(code: grpc.StatusCode) -> None:
    error = RpcError(code, "its own words").as_peer_error()

    assert (error.reason, error.retryable, error.description) == (*CODES[code], "its own words")


def test_disagreement_about_tls_is_a_reason_of_its_own() -> None:
    error = RpcError(grpc.StatusCode.UNAVAILABLE, "its certificate has expired", is_tls=True).as_peer_error()

    assert (error.reason, error.retryable) == (PeerReason.TLS, False)


def test_silence_has_a_description_too() -> None:
    assert RpcError(grpc.StatusCode.UNKNOWN, "").as_peer_error().description == "UNKNOWN without a description"


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_every_status_but_silence_is_an_answer(code: grpc.StatusCode) -> None:
    silence = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}

    assert RpcError(code, "").is_answer is (code not in silence)
