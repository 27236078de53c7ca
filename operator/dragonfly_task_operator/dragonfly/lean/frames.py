"""Frames of HTTP/2 (RFC 9113, 4 and 6): taken apart, and put together."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import TypeAlias

HEADER_BYTES = 9
MOST_PAYLOAD = 16384
"""Octets of one frame, as both sides have it unless one announces more. This one does not."""

MOST_SETTINGS = 64
"""In one frame; RFC 9113 knows six."""

MOST_WINDOW = (1 << 31) - 1
FIRST_WINDOW = 65535

Frame: TypeAlias = tuple[int, int, int, bytes]
"""Type, flags, stream and payload. Plain, because there is one for each answer."""


class Type(IntEnum):
    """Types of frames."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Flag(IntEnum):
    """Flags of frames; the first is ACK of a PING and SETTINGS. Taken together they are plain numbers: that is fast."""

    END_STREAM = 1
    END_HEADERS = 4
    PADDED = 8
    PRIORITY = 32


ACK = 1


class Setting(IntEnum):
    """Settings that are heeded or announced."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class ErrorCode(IntEnum):
    """What RST_STREAM and GOAWAY give as their reason."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class ProtocolError(Exception):
    """The other side broke a rule of HTTP/2, or went over a limit. The connection is of no more use."""


_NAMES = {code.value: code.name for code in ErrorCode}
_HEADER = struct.Struct(">HBBBI")
_SETTING = struct.Struct(">HI")
_NUMBER = struct.Struct(">I")
_GOAWAY = struct.Struct(">II")


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Put a frame together."""
    size = len(payload)
    return _HEADER.pack(size >> 8, size & 255, kind, flags, stream) + payload


def split(data: bytes) -> tuple[list[Frame], bytes]:
    """Take apart what has come. Returns the frames that are whole, and the rest. Raises ProtocolError."""
    found: list[Frame] = []
    at, end = 0, len(data)
    while end - at >= HEADER_BYTES:
        high, low, kind, flags, stream = _HEADER.unpack_from(data, at)
        size = high << 8 | low
        if size > MOST_PAYLOAD:
            raise ProtocolError(f"it sent a frame of {size} bytes, more than the {MOST_PAYLOAD} that are allowed")
        after = at + HEADER_BYTES + size
        if after > end:
            break
        found.append((kind, flags, stream & MOST_WINDOW, data[at + HEADER_BYTES : after]))
        at = after
    return found, data[at:] if at else data


def unpadded(kind: int, flags: int, payload: bytes) -> bytes:
    """Give what DATA or HEADERS carry, without padding and priority. Raises ProtocolError."""
    start, end = 0, len(payload)
    if flags & Flag.PADDED:
        if not payload:
            raise ProtocolError("it sent a padded frame without the length of its padding")
        start, end = 1, end - payload[0]
    if kind == Type.HEADERS and flags & Flag.PRIORITY:
        start += 5
    if start > end:
        raise ProtocolError("it sent a frame whose padding is longer than the frame")
    return payload[start:end]


def settings(values: dict[int, int]) -> bytes:
    """Put a SETTINGS frame together."""
    return frame(Type.SETTINGS, 0, 0, b"".join(_SETTING.pack(name, value) for name, value in values.items()))


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """Read SETTINGS, in their order. Raises ProtocolError."""
    if len(payload) % _SETTING.size or len(payload) > MOST_SETTINGS * _SETTING.size:
        raise ProtocolError(f"it sent SETTINGS of {len(payload)} bytes")
    return list(_SETTING.iter_unpack(payload))


def window_update(stream: int, more: int) -> bytes:
    """Let the other side send more."""
    return frame(Type.WINDOW_UPDATE, 0, stream, _NUMBER.pack(more))


def rst_stream(stream: int, code: ErrorCode) -> bytes:
    """End a stream."""
    return frame(Type.RST_STREAM, 0, stream, _NUMBER.pack(code))


def read_number(payload: bytes) -> int:
    """Read what WINDOW_UPDATE and RST_STREAM carry. Raises ProtocolError."""
    if len(payload) != _NUMBER.size:
        raise ProtocolError(f"it sent a frame of {len(payload)} bytes where 4 are due")
    return int(_NUMBER.unpack(payload)[0])


def read_goaway(payload: bytes) -> tuple[int, int, str]:
    """Read GOAWAY: the last stream that counts, the reason, and the other side's words. Raises ProtocolError."""
    if len(payload) < _GOAWAY.size:
        raise ProtocolError(f"it sent GOAWAY of {len(payload)} bytes")
    last, code = _GOAWAY.unpack_from(payload)
    return last & MOST_WINDOW, code, payload[_GOAWAY.size :].decode("utf-8", "replace")


def name_of(code: int) -> str:
    """Name a reason, as RFC 9113 does where it knows it."""
    return _NAMES.get(code, f"error {code}")
