"""One connection to one peer: what is sent on it, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import chain

from dragonfly_task_operator import own_trouble
from dragonfly_task_operator.dragonfly.lean import blocks, frames, greeting, statuses, words
from dragonfly_task_operator.dragonfly.lean.alarm import Alarm
from dragonfly_task_operator.dragonfly.lean.batch import Batch, Request
from dragonfly_task_operator.dragonfly.lean.blocks import Blocks
from dragonfly_task_operator.dragonfly.lean.frames import ErrorCode, Flag, Frame, ProtocolError, Setting, Type
from dragonfly_task_operator.dragonfly.lean.inlet import Inlet, Outcome
from dragonfly_task_operator.dragonfly.lean.outlet import Outlet
from dragonfly_task_operator.dragonfly.lean.sockets import Socket
from dragonfly_task_operator.dragonfly.lean.streams import Sent, Streams
from dragonfly_task_operator.dragonfly.lean.turn import Turn
from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.errors import OwnTrouble

MOST_STREAMS = 100
"""Requests under way at once, where the other side allows as many."""

MOST_FRAMES = 1000
"""Frames in a row that answer nothing: far more than any server needs, and far fewer than a flood."""

_MOST_WORDS = 256
_PING_BYTES = 8

_SETTINGS_ACK = frames.frame(Type.SETTINGS, frames.ACK, 0, b"")

_OF_ANSWERS = frozenset(map(int, (Type.DATA, Type.HEADERS, Type.RST_STREAM, Type.CONTINUATION)))
_OF_CONNECTIONS = frozenset(map(int, (Type.SETTINGS, Type.PING, Type.GOAWAY)))


class Link:
    """A connection, from before it is made until after its end. Used from one event loop only.

    Args:
        ip: of the peer.
        port: likewise.
        read: reads blocks of answers; shared by all links.
        may_send: tells whether this process may ask peers at this moment; asked last thing before requests leave.
        sending: the share of all links' sending in a turn of the event loop.
        reading: that of their reading.

    Attributes:
        broken: it takes no more requests: something on it was not answered, or it is going away, or gone.
        has_spoken: the other side speaks HTTP/2.
        has_answered: a request was answered on it.
    """

    __slots__ = (
        "_alarm",
        "_authority",
        "_connected",
        "_frames",
        "_goodbye",
        "_inlet",
        "_loop",
        "_may_send",
        "_most",
        "_moved",
        "_out",
        "_outlet",
        "_pending",
        "_rest",
        "_sending",
        "_settled",
        "_shrink",
        "_socket",
        "_streams",
        "_waiting",
        "broken",
        "has_answered",
        "has_spoken",
        "ip",
        "port",
    )

    def __init__(
        self, ip: str, port: int, *, read: Blocks, may_send: Callable[[], bool], sending: Turn, reading: Turn
    ) -> None:
        self.ip, self.port = ip, port
        self.broken = self.has_spoken = self.has_answered = False
        self._may_send, self._sending = may_send, sending
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._loop)
        self._socket = Socket(self, self._loop, reading=reading)
        self._inlet, self._outlet = Inlet(read), Outlet()
        self._authority = blocks.authority_of(ip, port)
        self._shrink = blocks.SHRINK
        self._connected = self._settled = self._pending = False
        self._out = [greeting.OURS]
        self._most, self._streams = 1, Streams()
        self._waiting: dict[Batch, float] = {}
        """Callers that wait for room, and since when."""
        self._rest = b""
        self._frames = 0
        self._moved = 0.0
        self._goodbye = ""

    # What callers do

    @property
    def may_be_tls(self) -> bool:
        """Whether somebody takes connections there, and has not spoken HTTP/2."""
        return self._connected and not self.has_spoken

    @property
    def has_room(self) -> bool:
        """Whether another request may be sent now: until the other side has said how many it takes, one."""
        return len(self._streams) < self._most and not self.broken and self._outlet.is_open

    @property
    def address(self) -> str:
        """Where it leads, for people."""
        return words.address(self.ip, self.port)

    def send(self, batch: Batch, request: Request) -> None:
        """Send a request, for which there is room. It leaves with others that are sent in this turn of the loop."""
        batch.under_way += 1
        due = self._loop.time() + batch.timeout
        stream = self._streams.open(batch, request, due)
        block = self._shrink + batch.head + self._authority + batch.metadata
        self._shrink = b""
        message = request[1]
        self._out.append(frames.frame(Type.HEADERS, Flag.END_HEADERS, stream, block))
        self._out.append(self._outlet.send(stream, b"\x00" + len(message).to_bytes(4, "big") + message))
        self._alarm.by(due, self._look_at_clock)
        if self._streams.following > frames.MOST_WINDOW:
            self.broken = True  # there are no more numbers
        if stream == 1:
            self._connect()
        else:
            self._flush_soon()

    async def room(self, batch: Batch) -> bool:
        """Wait until there is room, or will never be. Returns whether that came in time."""
        since = self._waiting[batch] = self._loop.time()
        self._alarm.by(since + batch.timeout, self._look_at_clock)
        try:
            while batch in self._waiting and not self.has_room and not self.broken:
                await batch.change()
            return batch in self._waiting
        finally:
            self._waiting.pop(batch, None)

    def too_late(self, timeout: float) -> RpcError:
        """Say what has been waited for in vain, for so many seconds."""
        return words.too_late(self.address, timeout, connected=self._connected, has_spoken=self.has_spoken)

    def drop(self, batch: Batch) -> None:
        """Let go of what a caller has under way: nobody waits for it any more."""
        for stream in self._streams.of(batch):
            self._forget(stream)
            self._out.append(frames.rst_stream(stream, ErrorCode.CANCEL))
        self._flush()
        self._go_on()

    def close(self) -> None:
        """Close it. Requests that are under way on it are own trouble."""
        self._end(own_trouble.stopping())

    # What becomes of the connection

    def connected(self) -> None:
        """See `sockets.Owner`."""
        self._connected = True
        self._flush()

    def ended(self, number: int) -> None:
        """See `sockets.Owner`."""
        self._fail(number, from_afar=True)

    def received(self, data: bytes) -> None:
        """See `sockets.Owner`."""
        self._moved = self._loop.time()
        data = self._rest + data if self._rest else data
        try:
            if not self.has_spoken:
                self.has_spoken = greeting.is_theirs(data)
            found, self._rest = frames.split(data)
            for each in found:
                self._take(each)
        except ProtocolError as error:
            self._end(words.given_up(self.address, error))
            return
        if refund := self._inlet.refund():
            self._out.append(refund)
        self._go_on()
        self._flush_soon()

    def _connect(self) -> None:
        try:
            if self._socket.connect(self.ip, self.port):
                self.connected()
        except OSError as error:
            self._fail(error.errno or 0, from_afar=False)

    def _flush_soon(self) -> None:
        """Send what is to be sent once those have had their turn who will add to it."""
        if not self._pending and self._out:
            self._pending = True
            self._loop.call_soon(self._flush_in_turn)

    def _flush_in_turn(self) -> None:
        if self._sending.is_over():
            self._loop.call_soon(self._flush_in_turn)
        else:
            self._flush()

    def _flush(self) -> None:
        self._pending = False
        if not self._connected:
            return
        if self._streams.has_unsent:
            # What was proved before may be over: connecting takes time, and a process can be frozen anywhere.
            if not self._may_send():
                self._withhold()
                return
            self._streams.left(but=self._outlet.held)
        data = b"".join(self._out)
        self._out.clear()
        if data and not self._socket.write(data):
            self._end(words.given_up(self.address, "it reads nothing of what is sent to it"))

    def _withhold(self) -> None:
        """Hand back what has not left: who sends it anew proves anew that it may. Answers to the rest still come."""
        self.broken = True
        self._out.clear()
        for stream in self._streams.unsent():
            batch, request, _ = self._forget(stream)
            batch.withheld.append(request)
        self._streams.left(but=[])
        self._go_on()

    def _go_on(self) -> None:
        """Let those who wait look again, and close what is of no more use."""
        if self.broken and not self._streams:
            self._close()
        if self._waiting and (self.broken or self.has_room):
            for batch in self._waiting:
                batch.wake()

    def _fail(self, number: int, *, from_afar: bool) -> None:
        own = own_trouble.of_errno(number, ip=self.ip, from_afar=from_afar)
        self._end(
            own
            or words.ended(self.address, number, self._goodbye, connected=self._connected, has_spoken=self.has_spoken)
        )

    def _end(self, failure: RpcError | OwnTrouble) -> None:
        self.broken = True
        for stream in self._streams.all():
            batch, request, sent = self._forget(stream)
            batch.failure = failure
            batch.unanswered.append((request, self._loop.time() - sent))
        self._go_on()

    def _close(self) -> None:
        self._socket.close()
        self._out.clear()
        self._alarm.off()

    def _look_at_clock(self, now: float) -> float | None:
        for stream in self._streams.late(now):
            batch, request, sent = self._forget(stream)
            self.broken = True
            self._out.append(frames.rst_stream(stream, ErrorCode.CANCEL))
            batch.tell(request, self.too_late(batch.timeout), now - sent)
        for batch in [batch for batch in self._waiting if self._gives_up(batch) <= now]:
            del self._waiting[batch]
            self.broken = True
            batch.wake()
        self._flush()
        self._go_on()
        return min(chain(self._streams.dues(), map(self._gives_up, self._waiting)), default=None)

    def _gives_up(self, batch: Batch) -> float:
        return max(self._waiting[batch], self._moved) + batch.timeout

    # What comes

    def _take(self, each: Frame) -> None:
        kind, flags, stream, payload = each
        self._frames += 1
        if self._frames > MOST_FRAMES:
            raise ProtocolError(f"it sent {MOST_FRAMES} frames in a row that answer nothing")
        if self._inlet.wants_continuation != (kind == Type.CONTINUATION):
            raise ProtocolError(f"it sent a frame of type {kind} where another is due")
        if kind in _OF_ANSWERS:
            self._take_answer(kind, flags, stream, payload)
        elif kind in _OF_CONNECTIONS:
            if stream:
                raise ProtocolError(f"it sent {Type(kind).name} on stream {stream}")
            self._take_control(kind, flags, payload)
        elif kind == Type.WINDOW_UPDATE:
            if more := self._outlet.widen(stream, frames.read_number(payload) & frames.MOST_WINDOW):
                self._out.append(more)
        elif kind == Type.PUSH_PROMISE:
            raise ProtocolError("it sent PUSH_PROMISE, which it was told not to")

    def _take_answer(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if not stream % 2 or stream >= self._streams.following:
            raise ProtocolError(f"it sent {Type(kind).name} on stream {stream}, which nobody opened")
        wanted = stream in self._streams
        outcome: Outcome | None = None
        if kind == Type.HEADERS:
            outcome = self._inlet.headers(stream, flags, payload, wanted=wanted)
        elif kind == Type.DATA:
            outcome = self._inlet.data(stream, flags, payload, wanted=wanted)
        elif kind == Type.CONTINUATION:
            outcome = self._inlet.continuation(stream, flags, payload, wanted=wanted)
        else:
            code = frames.read_number(payload)
            outcome = statuses.of_reset(code) if wanted else None
        if outcome is None:
            return
        is_held = self._outlet.forget(stream)
        if is_held or not (kind == Type.RST_STREAM or flags & Flag.END_STREAM):
            self._out.append(frames.rst_stream(stream, ErrorCode.CANCEL))
        self._frames = 0
        if isinstance(outcome, RpcError) and not outcome.is_answer:
            self.broken = True
        else:
            self.has_answered = True
        batch, request, sent = self._forget(stream)
        batch.tell(request, outcome, self._moved - sent)

    def _take_control(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == Type.PING:
            if len(payload) != _PING_BYTES:
                raise ProtocolError(f"it sent PING of {len(payload)} bytes")
            if not flags & frames.ACK:
                self._out.append(frames.frame(Type.PING, frames.ACK, 0, payload))
        elif kind == Type.GOAWAY:
            self._take_goaway(payload)
        elif not flags & frames.ACK:
            self._out.append(_SETTINGS_ACK)
            self._take_settings(frames.read_settings(payload))

    def _take_settings(self, settings: list[tuple[int, int]]) -> None:
        if not self._settled:
            self._settled, self._most = True, MOST_STREAMS
        for name, value in settings:
            if name == Setting.MAX_CONCURRENT_STREAMS:
                self._most = min(value, MOST_STREAMS)
            elif name == Setting.INITIAL_WINDOW_SIZE:
                self._out.append(self._outlet.resize(value))
            elif name == Setting.HEADER_TABLE_SIZE:
                self._shrink = blocks.SHRINK

    def _take_goaway(self, payload: bytes) -> None:
        last, code, theirs = frames.read_goaway(payload)
        self.broken = True
        if code:
            self._goodbye = f"; it said goodbye with {frames.name_of(code)}: {theirs[:_MOST_WORDS]}"
        for stream in self._streams.beyond(last):
            batch, request, _ = self._forget(stream)
            batch.elsewhere.append(request)

    def _forget(self, stream: int) -> Sent:
        """Let go of a request that is under way. The time given is when it was sent."""
        batch, request, due = self._streams.close(stream)
        self._inlet.forget(stream)
        self._outlet.forget(stream)
        batch.ends_one()
        return batch, request, due - batch.timeout
