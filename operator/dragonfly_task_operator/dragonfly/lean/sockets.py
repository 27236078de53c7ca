"""A TCP connection on the event loop's own callbacks.

Half as dear as a transport of asyncio, which takes a task and several turns of the loop to connect, and an errno stays
an errno: what this process is short of is told from what a peer does (own_trouble.py).
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Protocol

from dragonfly_task_operator.dragonfly.lean.turn import Turn

READ_BYTES = 2048
"""At once: some twenty answers. What is left comes with the next turn of the loop, after others' and timers."""

_OTHERS = frozenset({errno.EPIPE, errno.ECONNRESET})
"""The other side closed it: reading tells, after all that it sent before."""

MOST_UNSENT = 65536
"""Octets that the other side may leave unread, besides what the system keeps."""


class Owner(Protocol):
    """Who uses a connection. All of it happens in the event loop; nothing comes after `ended`."""

    def connected(self) -> None:
        """Hear that it is there."""
        ...

    def received(self, data: bytes) -> None:
        """Hear what the other side sent."""
        ...

    def ended(self, number: int) -> None:
        """Hear that it is over: why as an errno, or 0 if the other side closed it."""
        ...


class Socket:
    """One connection.

    Args:
        owner: hears what becomes of it.
        loop: where that happens.
        reading: the share of all sockets' reading.
    """

    __slots__ = ("_loop", "_owner", "_reading", "_socket", "_unsent", "_unwritable")

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop, *, reading: Turn) -> None:
        self._reading = reading
        self._owner: Owner | None = owner
        self._loop = loop
        self._socket: socket.socket | None = None
        self._unsent = b""
        self._unwritable = False

    def connect(self, ip: str, port: int) -> bool:
        """Connect to an IP address. Returns whether it is there already; the owner does not hear of that, then.

        Raises OSError for what the system refuses at once, before anything has left.
        """
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.connect((ip, port))
        except BlockingIOError:
            self._socket = made
            # By number: asyncio would look up the names of both ends, each time, for an error that nobody sees.
            self._loop.add_writer(made.fileno(), self._connected)
            return False
        except OSError:
            made.close()
            raise
        self._socket = made
        self._loop.add_reader(made.fileno(), self._has_come)
        return True

    def write(self, data: bytes) -> bool:
        """Send. Returns whether that may go on: not if the other side leaves too much unread."""
        if self._socket is None or self._unwritable:
            return True  # the end will be read
        if not self._unsent:
            try:
                data = data[self._socket.send(data) :]
            except (BlockingIOError, InterruptedError):
                pass
            except OSError as error:
                self._unwritable = True
                if error.errno in _OTHERS:
                    self._loop.call_soon(self._read_out)
                else:
                    self._loop.call_soon(self._end, error.errno or errno.EIO)
                return True
            if data:
                self._loop.add_writer(self._socket.fileno(), self._writable)
        self._unsent += data
        return len(self._unsent) <= MOST_UNSENT

    def close(self) -> None:
        """Close it. The owner hears of nothing any more, and is let go of: they would keep each other."""
        self._owner = None
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _connected(self) -> None:
        if self._socket is None or self._owner is None:
            return
        self._loop.remove_writer(self._socket.fileno())
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._end(number)
            return
        self._loop.add_reader(self._socket.fileno(), self._has_come)
        self._owner.connected()

    def _has_come(self) -> None:
        if not self._reading.is_over():  # the next one tells again
            self._readable()

    def _readable(self) -> bool:
        """Read once. Returns whether there was anything; not where there is nothing now, or it has ended."""
        if self._socket is None or self._owner is None:
            return False
        try:
            data = self._socket.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            self._end(error.errno or errno.EIO)
            return False
        if not data:
            self._end(0)
            return False
        self._owner.received(data)
        return True

    def _read_out(self) -> None:
        """Read what came before the other side closed it, and the end, without waiting to be told that they are there.

        The error of a write is told once, and libuv's loop tells nothing of the socket after it.
        """
        if self._readable():
            self._loop.call_soon(self._read_out)
        else:
            self._end(errno.ECONNRESET)  # unless reading has told: there is nothing to wait for any more

    def _writable(self) -> None:
        if self._socket is None:
            return
        unsent, self._unsent = self._unsent, b""
        self._loop.remove_writer(self._socket.fileno())
        self.write(unsent)

    def _end(self, number: int) -> None:
        owner = self._owner
        if self._socket is not None and owner is not None:
            self.close()
            owner.ended(number)
