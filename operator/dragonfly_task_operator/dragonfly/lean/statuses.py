"""What an answer says of a request: the HTTP status, the type of its content, and gRPC's own status.

As gRPC has it (PROTOCOL-HTTP2.md, http-grpc-status-mapping.md), but believing less: NOT_FOUND is what says that there
is nothing to delete, so it is taken only from where a gRPC server puts it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

import grpc

from dragonfly_task_operator.dragonfly.lean.frames import ErrorCode, name_of
from dragonfly_task_operator.dragonfly.rpc_error import RpcError

MOST_MESSAGE = 65536
"""Octets of a message. A peer's longest answer is a kilobyte, or so."""

PREFIX_BYTES = 5
"""Before each message: whether it is compressed, and its length."""

_CODES = {str(code.value[0]).encode(): code for code in grpc.StatusCode}

_OF_HTTP = {
    b"400": grpc.StatusCode.INTERNAL,
    b"401": grpc.StatusCode.UNAUTHENTICATED,
    b"403": grpc.StatusCode.PERMISSION_DENIED,
    b"404": grpc.StatusCode.UNIMPLEMENTED,
    b"429": grpc.StatusCode.UNAVAILABLE,
    b"502": grpc.StatusCode.UNAVAILABLE,
    b"503": grpc.StatusCode.UNAVAILABLE,
    b"504": grpc.StatusCode.UNAVAILABLE,
}
_OF_RESETS: dict[int, grpc.StatusCode] = {
    ErrorCode.REFUSED_STREAM: grpc.StatusCode.UNAVAILABLE,
    ErrorCode.CANCEL: grpc.StatusCode.CANCELLED,
    ErrorCode.ENHANCE_YOUR_CALM: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.INADEQUATE_SECURITY: grpc.StatusCode.PERMISSION_DENIED,
}
Status: TypeAlias = tuple[grpc.StatusCode, str]
"""A code and words. No error: each request gets one of its own, for they are raised."""

_GRPC = re.compile(rb"application/grpc(?:[+;].*)?", re.DOTALL)


def foreign(http: Sequence[bytes], content_types: Sequence[bytes]) -> Status | None:
    """Tell why an answer that begins so is none of a gRPC server, whatever else it says; None if it is one."""
    if len(http) != 1:
        return (grpc.StatusCode.INTERNAL, f"answered with {len(http)} HTTP statuses")
    if http[0] != b"200":
        code = _OF_HTTP.get(http[0], grpc.StatusCode.UNKNOWN)
        return (code, f"answered with HTTP status {_shown(http[0])}: it is no gRPC server that answers there")
    if len(content_types) != 1 or not _GRPC.fullmatch(content_types[0]):
        kinds = ", ".join(map(_shown, content_types)) or "nothing"
        return (grpc.StatusCode.UNKNOWN, f"answered with content of type {kinds}: no gRPC server does that")
    return None


def failure(statuses: Sequence[bytes], messages: Sequence[bytes]) -> Status | None:
    """Read the status that a request ended with; None for OK."""
    if len(statuses) != 1:
        return (grpc.StatusCode.UNKNOWN, f"ended its answer with {len(statuses) or 'no'} gRPC statuses")
    code = _CODES.get(statuses[0])
    if code is grpc.StatusCode.OK:
        return None
    details = unquote_to_bytes(b" ".join(messages)).decode("utf-8", "replace")  # takes a bare % for itself
    if code is None:
        return (grpc.StatusCode.UNKNOWN, f"ended its answer with gRPC status {_shown(statuses[0])}: {details}")
    return (code, details)


def of_reset(number: int) -> RpcError:
    """Say what became of a request whose stream was reset."""
    code = _OF_RESETS.get(number, grpc.StatusCode.INTERNAL)
    return RpcError(code, f"broke the request off ({name_of(number)})")


def message(body: bytes | bytearray) -> bytes | RpcError:
    """Take the message out of what an answer that ended with OK carried."""
    size = int.from_bytes(body[1:PREFIX_BYTES], "big")
    if len(body) < PREFIX_BYTES or len(body) - PREFIX_BYTES != size:
        return RpcError(grpc.StatusCode.INTERNAL, f"answered with {len(body)} bytes that are no one message of gRPC")
    if body[0]:
        return RpcError(grpc.StatusCode.INTERNAL, "answered with a compressed message, which it was not asked for")
    return bytes(body[PREFIX_BYTES:])


def _shown(value: bytes) -> str:
    return value[:64].decode("ascii", "replace")
