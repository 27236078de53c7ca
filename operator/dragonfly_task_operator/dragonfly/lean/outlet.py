"""How much may be sent (RFC 9113, 5.2). Requests are small: nearly always all of one may go at once."""

from __future__ import annotations

from dragonfly_task_operator.dragonfly.lean.frames import (
    FIRST_WINDOW,
    MOST_PAYLOAD,
    MOST_WINDOW,
    Flag,
    ProtocolError,
    Type,
    frame,
)


class Outlet:
    """The windows of one connection, and the ends of requests that wait for more."""

    __slots__ = ("_held", "_of_streams", "_window")

    def __init__(self) -> None:
        self._window = self._of_streams = FIRST_WINDOW
        self._held: dict[int, tuple[bytes, int]] = {}

    @property
    def is_open(self) -> bool:
        """Whether there is any sense in beginning another request."""
        return self._window > 0

    @property
    def held(self) -> list[int]:
        """Streams whose ends wait."""
        return list(self._held)

    def send(self, stream: int, body: bytes) -> bytes:
        """Give the frames of a new stream's body that may go now. The rest is held."""
        return self._allowed(stream, body, self._of_streams)

    def forget(self, stream: int) -> bool:
        """Hold nothing of a stream any more. Returns whether it was not sent to its end."""
        return self._held.pop(stream, None) is not None

    def widen(self, stream: int, more: int) -> bytes:
        """Heed a WINDOW_UPDATE. Gives what may go now. Raises ProtocolError."""
        if not more:
            raise ProtocolError("it widened a window by nothing")
        if not stream:
            self._window = _checked(self._window + more)
        elif stream in self._held:
            body, window = self._held[stream]
            self._held[stream] = body, _checked(window + more)
        return self._released() if self._held else b""

    def resize(self, size: int) -> bytes:
        """Heed an INITIAL_WINDOW_SIZE: it counts for streams that are open, too. Raises ProtocolError."""
        difference = _checked(size) - self._of_streams
        self._of_streams = size
        for stream, (body, window) in self._held.items():
            self._held[stream] = body, _checked(window + difference)
        return self._released()

    def _released(self) -> bytes:
        held, self._held = self._held, {}
        return b"".join(self._allowed(stream, body, window) for stream, (body, window) in held.items())

    def _allowed(self, stream: int, body: bytes, window: int) -> bytes:
        parts = []
        while body:
            size = min(len(body), window, self._window, MOST_PAYLOAD)
            if size <= 0:
                self._held[stream] = body, window
                break
            part, body = body[:size], body[size:]
            window -= size
            self._window -= size
            parts.append(frame(Type.DATA, 0 if body else Flag.END_STREAM, stream, part))
        return b"".join(parts)


def _checked(window: int) -> int:
    if window > MOST_WINDOW:
        raise ProtocolError(f"it widened a window to {window} bytes, more than there may be")
    return window
