"""Header blocks: those of requests, and those of answers, which are looked up where they are known already.

This side announces a header table of size 0, so a block means the same whenever and on whichever connection it comes:
the NOT_FOUND of one task is the same block from every peer. The other side's table is not used at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from hpack import Decoder, HPACKError

from dragonfly_task_operator.dragonfly.lean import statuses, words
from dragonfly_task_operator.dragonfly.lean.frames import ProtocolError
from dragonfly_task_operator.dragonfly.lean.statuses import Status

MOST_BLOCK = 8192
"""Octets of one block, as it is sent."""

MOST_LIST = 16384
"""Octets of the headers in a block, as RFC 9113 counts them."""

MOST_KNOWN = 2048
MOST_KNOWN_BLOCK = 512
"""Blocks that are remembered, and octets of each: 2 MB at most."""

_GRACE_SECONDS = 1.0

SHRINK = b"\x20"
"""Dynamic table size update to 0 (RFC 7541, 6.3): due in the first block after the other side shrank its own."""

_POST, _HTTP = b"\x83", b"\x86"
"""`:method: POST` and `:scheme: http` of the static table."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a block of an answer says.

    Attributes:
        opens: it has an HTTP status, as the first block of an answer has and no other.
        is_informational: that status is 1xx, and the answer is still to come.
        foreign: why what begins so is no answer of a gRPC server; None if it is one.
        failure: the status that it ends a request with; None for OK.
    """

    opens: bool
    is_informational: bool
    foreign: Status | None
    failure: Status | None


class Blocks:
    """Reads blocks of answers, each once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}
        self._decoder = Decoder(max_header_list_size=MOST_LIST)
        self._decoder.header_table_size = self._decoder.max_allowed_table_size = 0

    def read(self, block: bytes) -> Head:
        """Say what a block means. Raises ProtocolError."""
        head = self._known.get(block)
        if head is None:
            head = self._decoded(block)
            if len(block) <= MOST_KNOWN_BLOCK:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[block] = head
        return head

    def _decoded(self, block: bytes) -> Head:
        try:
            headers = self._decoder.decode(block, raw=True)
        except (HPACKError, IndexError) as error:
            raise ProtocolError(f"it sent headers that can't be read: {error}") from None
        return _head([(bytes(name), bytes(value)) for name, value in headers])


def _head(headers: list[tuple[bytes, bytes]]) -> Head:
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value)
    http = found.get(b":status", [])
    return Head(
        opens=bool(http),
        is_informational=len(http) == 1 and http[0].startswith(b"1"),
        foreign=statuses.foreign(http, found.get(b"content-type", [])),
        failure=statuses.failure(found.get(b"grpc-status", []), found.get(b"grpc-message", [])),
    )


def path_of(method: str) -> bytes:
    """Begin a request's block. What follows is `authority_of` the peer, and `metadata`."""
    return _POST + _HTTP + _literal(_PATH, method.encode())


def authority_of(ip: str, port: int) -> bytes:
    """Write the part of a request's block that says whom it is for."""
    return _literal(_AUTHORITY, words.address(ip, port).encode())


def metadata(timeout: float) -> bytes:
    """End a request's block, for one that is waited for so many seconds.

    A server that is cut off may so stop by itself, but not before: what it says then would not look like silence.
    """
    return _FIXED + _literal(
        _number(0, 0, 4) + _text(b"grpc-timeout"), f"{round((timeout + _GRACE_SECONDS) * 1000)}m".encode()
    )


def _literal(name: bytes, value: bytes) -> bytes:
    """Write a header that no table keeps (RFC 7541, 6.2.2)."""
    return name + _text(value)


def _text(value: bytes) -> bytes:
    return _number(0, len(value), 7) + value


def _number(first: int, value: int, bits: int) -> bytes:
    """Write an integer (RFC 7541, 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    written = bytearray([first | most])
    value -= most
    while value >= 128:  # noqa: PLR2004 - seven bits to an octet
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)


_AUTHORITY, _PATH, _CONTENT_TYPE, _USER_AGENT = (_number(0, index, 4) for index in (1, 4, 31, 58))
"""Names in the static table."""

_FIXED = (
    _literal(_number(0, 0, 4) + _text(b"te"), b"trailers")
    + _literal(_CONTENT_TYPE, b"application/grpc")
    + _literal(_USER_AGENT, b"dragonfly-task-operator")
)
