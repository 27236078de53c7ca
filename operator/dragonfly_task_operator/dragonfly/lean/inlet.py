"""Answers, put together from frames: each a first block of headers, a message, and a last block; or one block alone."""

from __future__ import annotations

from typing import TypeAlias

import grpc

from dragonfly_task_operator.dragonfly.lean import frames, statuses
from dragonfly_task_operator.dragonfly.lean.blocks import MOST_BLOCK, Blocks, Head
from dragonfly_task_operator.dragonfly.lean.frames import Flag, ProtocolError, Type
from dragonfly_task_operator.dragonfly.rpc_error import RpcError

Outcome: TypeAlias = bytes | RpcError
"""A message, or what came instead."""

WINDOW = 2 * statuses.MOST_MESSAGE
"""Octets of one answer that may come. One that is longer than a message may be is broken off before they have."""

_REFUND = frames.FIRST_WINDOW // 2
"""Octets after which the other side is told that all of the connection's window is there again."""


MOST_INFORMATIONAL = 4
"""Blocks of headers that begin no answer yet: no server of gRPC sends any, and reading some takes milliseconds."""


class Inlet:
    """What has come on one connection.

    Args:
        read: reads blocks.
    """

    __slots__ = ("_begun", "_block", "_informational", "_octets", "_read")

    def __init__(self, read: Blocks) -> None:
        self._read = read
        self._begun: dict[int, bytearray] = {}
        """What has come of messages whose answers have begun."""
        self._block: tuple[int, int, bytearray] | None = None
        """The headers that CONTINUATION is due for: stream, flags, and what has come."""
        self._octets = self._informational = 0

    @property
    def wants_continuation(self) -> bool:
        """Whether no other frame may come now."""
        return self._block is not None

    def forget(self, stream: int) -> None:
        """Hold nothing of a stream any more."""
        self._begun.pop(stream, None)

    def headers(self, stream: int, flags: int, payload: bytes, *, wanted: bool) -> Outcome | None:
        """Take HEADERS, of a stream that somebody waits for or not. Returns what an answer that is whole says.

        Raises ProtocolError.
        """
        block = frames.unpadded(Type.HEADERS, flags, payload)
        if flags & Flag.END_HEADERS:
            return self._whole(stream, flags, block) if wanted else None
        self._block = stream, flags, bytearray(_bounded(block))
        return None

    def continuation(self, stream: int, flags: int, payload: bytes, *, wanted: bool) -> Outcome | None:
        """Take CONTINUATION, likewise."""
        if self._block is None or self._block[0] != stream:
            raise ProtocolError("it sent CONTINUATION that goes on with nothing")
        _, first_flags, block = self._block
        block += payload
        _bounded(block)
        if not flags & Flag.END_HEADERS:
            return None
        self._block = None
        return self._whole(stream, first_flags, bytes(block)) if wanted else None

    def data(self, stream: int, flags: int, payload: bytes, *, wanted: bool) -> Outcome | None:
        """Take DATA, likewise."""
        self._octets += len(payload)
        part = frames.unpadded(Type.DATA, flags, payload)
        if not wanted:
            return None
        begun = self._begun.get(stream)
        if begun is None:
            return RpcError(grpc.StatusCode.INTERNAL, "answered with a message before any headers")
        begun += part
        if len(begun) > statuses.MOST_MESSAGE + statuses.PREFIX_BYTES:
            return RpcError(
                grpc.StatusCode.INTERNAL, f"answered with more than the {statuses.MOST_MESSAGE} bytes that are read"
            )
        if flags & Flag.END_STREAM:
            return RpcError(grpc.StatusCode.UNKNOWN, "ended its answer without a gRPC status")
        return None

    def refund(self) -> bytes:
        """Give the frame that lets the other side send on, where it is due."""
        if self._octets < _REFUND:
            return b""
        octets, self._octets = self._octets, 0
        return frames.window_update(0, octets)

    def _whole(self, stream: int, flags: int, block: bytes) -> Outcome | None:
        head = self._read.read(bytes(_bounded(block)))
        begun = self._begun.get(stream)
        if flags & Flag.END_STREAM:
            return _ended(head, begun)
        if begun is not None:
            return RpcError(grpc.StatusCode.INTERNAL, "answered with headers where a message or an end is due")
        if head.is_informational:
            self._informational += 1
            if self._informational > MOST_INFORMATIONAL:
                raise ProtocolError(f"it sent more than {MOST_INFORMATIONAL} informational answers in a row")
            return None
        self._informational = 0
        self._begun[stream] = bytearray()
        return RpcError(*head.foreign) if head.foreign else None  # a page for people would follow


def _ended(head: Head, body: bytearray | None) -> Outcome:
    """Say what an answer means that ends with this block, and has a message before it, or is this block alone."""
    if body is None:
        return RpcError(*(head.foreign or head.failure or (grpc.StatusCode.INTERNAL, "answered OK without a message")))
    if head.opens:
        return RpcError(grpc.StatusCode.INTERNAL, "ended its answer with headers that begin one")
    return RpcError(*head.failure) if head.failure else statuses.message(body)


def _bounded(block: bytes | bytearray) -> bytes | bytearray:
    if len(block) > MOST_BLOCK:
        raise ProtocolError(f"it sent headers of {len(block)} bytes, more than the {MOST_BLOCK} that are read")
    return block
