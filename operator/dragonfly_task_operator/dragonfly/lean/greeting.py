"""How a connection begins: what this side says first, and what the other side must."""

from __future__ import annotations

from dragonfly_task_operator.dragonfly.lean import frames
from dragonfly_task_operator.dragonfly.lean.blocks import MOST_LIST
from dragonfly_task_operator.dragonfly.lean.frames import ProtocolError, Setting, Type
from dragonfly_task_operator.dragonfly.lean.inlet import WINDOW

OURS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frames.settings(
    {
        Setting.HEADER_TABLE_SIZE: 0,
        Setting.ENABLE_PUSH: 0,
        Setting.INITIAL_WINDOW_SIZE: WINDOW,
        Setting.MAX_HEADER_LIST_SIZE: MOST_LIST,
    }
)

_FLAGS_AT = 4
"""Where the flags of a frame are; its type is just before."""

_MOST_SHOWN = 24


def is_theirs(data: bytes) -> bool:
    """Tell whether the other side has begun as it must, with SETTINGS; not yet, where that can't be told yet.

    Raises ProtocolError: it has begun in another way.
    """
    if len(data) <= _FLAGS_AT:
        return False
    if data[_FLAGS_AT - 1] != Type.SETTINGS or data[_FLAGS_AT] & frames.ACK:
        raise ProtocolError(f"it does not speak HTTP/2, but began with {data[:_MOST_SHOWN]!r}")
    return True
