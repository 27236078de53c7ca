"""Connections: one per address, shared by every object, kept while in use and a little longer.

Of both transports, for they share the files that there are.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import grpc
import grpc.aio

from dragonfly_task_operator.dragonfly.lean.blocks import Blocks
from dragonfly_task_operator.dragonfly.lean.link import Link
from dragonfly_task_operator.dragonfly.lean.turn import Turn
from dragonfly_task_operator.dragonfly.tls import Credentials, RotatingCredentials
from dragonfly_task_operator.observability.metrics import Metrics

IDLE_SECONDS = 10.0
"""How long an unused channel stays open: longer than the pause between two rounds of a run, mostly."""

MAX_IDLE = 2048
"""Most connections kept open unused; each costs some 33 KB here with grpcio, and a connection at the peer."""

MAX_OPEN = 8192
"""Most connections open at once where nobody says how many files there are."""

PROBES = 128
"""Most looks at once into what is wrong with a connection, likewise."""

OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.enable_channelz", 0),  # nobody asks for its traces, and they take a tenth of a channel's memory
    ("grpc.enable_retries", 0),  # the engine retries, and counts
    ("grpc.enable_http_proxy", 0),  # peers are never behind the proxy of the operator's environment
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),  # a discarded channel takes its broken connection with it
    ("grpc.max_receive_message_length", 64 << 20),  # 10,000 hosts are some 5 MB
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a scheduler or a peer listens, and how it is spoken to.

    Attributes:
        tls: None for plaintext.
        name: what its certificate must be issued for, unless the settings name another; a DNS name or an IP address.
    """

    ip: str
    port: int
    tls: RotatingCredentials | None
    name: str

    @property
    def server_name(self) -> str:
        """What its certificate must be issued for."""
        return (self.tls.files.server_name if self.tls else None) or self.name


C = TypeVar("C")

_Key: TypeAlias = tuple[Endpoint, bool]
"""Where a connection leads, and whether it is a link: one kind does not stand in for the other."""


@dataclass(slots=True)
class Connection(Generic[C]):
    """A channel of grpcio, or a link, and how many use it.

    Attributes:
        credentials: what it was opened with.
        pool: whose it is.
        metrics: where requests on it are counted.
        worked: whether the other side ever answered on it.
        broken: it is not to be used again.
    """

    endpoint: Endpoint
    channel: C
    credentials: Credentials | None
    pool: ChannelPool
    metrics: Metrics
    users: int = 0
    worked: bool = False
    broken: bool = False
    idle_since: float = 0.0

    @property
    def key(self) -> _Key:
        """What the pool knows it by."""
        return self.endpoint, isinstance(self.channel, Link)

    @property
    def is_over(self) -> bool:
        """Whether nothing is to be sent on it any more. A link that ended while nobody used it has told nobody."""
        return self.broken or (isinstance(self.channel, Link) and self.channel.broken)


def grpc_target(ip: str, port: int) -> str:
    """Write an address so that gRPC looks nothing up: `ipv4:10.0.0.7:4000`, `ipv6:[fd00::7]:4000`."""
    return f"ipv6:[{ip}]:{port}" if ":" in ip else f"ipv4:{ip}:{port}"


class ChannelPool:
    """Connections by endpoint.

    One whose request failed is not used again: gRPC would answer from its memory of the failure for a while, and
    a peer that has come back would still be called unreachable. Nor is one whose TLS files have changed since: requests
    under way on it go on.

    Args:
        metrics: where requests are counted.
        limit: most open at once, in use or kept; who needs one more waits in line until one has been closed.
        probes: most looks at once into what is wrong with a connection; each takes a file of its own.
        idle: most kept that nobody uses.
        may_send: tells whether this process may ask peers at this moment (`engine.ports.Mandate`).
    """

    def __init__(
        self,
        *,
        metrics: Metrics | None = None,
        limit: int = MAX_OPEN,
        probes: int = PROBES,
        idle: int = MAX_IDLE,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self._metrics = metrics or Metrics()  # counted all the same, for nobody
        self._limit, self._most_idle = limit, idle
        self._open = self._held = 0
        self._connections: dict[_Key, Connection[Any]] = {}
        self._idle: OrderedDict[_Key, Connection[Any]] = OrderedDict()
        """Those of `_connections` that nobody uses, the longest idle first."""
        self._opening: dict[_Key, asyncio.Future[None]] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closing: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._blocks, self._may_send = Blocks(), may_send
        self.sending, self._reading = Turn(), Turn()
        self.probing = asyncio.Semaphore(probes)

    def census(self) -> dict[str, int]:
        """Count the connections: those in use, those kept, and how many there may be."""
        idle = len(self._idle)
        return {"used": max(self._open - idle, 0), "idle": idle, "limit": self._limit}

    async def connection(self, endpoint: Endpoint) -> AbstractContextManager[Connection[grpc.aio.Channel]]:
        """Lend the channel to an endpoint, once it may be open. To be entered at once."""
        key = (endpoint, False)
        return self._lent(self._usable(key) or await self._opened(key))

    async def link(self, endpoint: Endpoint) -> AbstractContextManager[Connection[Link]]:
        """Lend the link to a plaintext endpoint, likewise."""
        key = (endpoint, True)
        return self._lent(self._usable(key) or await self._opened(key))

    def once_more(self, connection: Connection[C]) -> AbstractContextManager[Connection[C]] | None:
        """Lend a connection that is lent already for as long as it lasts; None where it is no longer to be used.

        Nor where more than a quarter of all are held for long: none might be left for peers.
        """
        if self._held >= self._limit // 4 or self._usable(connection.key) is not connection:
            return None
        return self._held_long(connection)

    @contextmanager
    def _held_long(self, connection: Connection[C]) -> Iterator[Connection[C]]:
        self._held += 1
        try:
            with self._lent(connection):
                yield connection
        finally:
            self._held -= 1

    @contextmanager
    def _lent(self, connection: Connection[C]) -> Iterator[Connection[C]]:
        self._idle.pop(connection.key, None)
        connection.users += 1
        try:
            yield connection
        finally:
            connection.users -= 1
            if connection.users == 0:
                self._rest(connection)

    def _usable(self, key: _Key) -> Connection[Any] | None:
        connection = self._connections.get(key)
        if connection is None:
            return None
        tls = key[0].tls
        if connection.is_over or connection.credentials is not (tls.current() if tls else None):
            if self._idle.pop(key, None) is not None:
                del self._connections[key]
                self._close(connection)
            return None
        return connection

    async def _opened(self, key: _Key) -> Connection[Any]:
        """Open a connection, or wait for it where somebody else does already."""
        while (connection := self._usable(key)) is None:
            opening = self._opening.get(key)
            if opening is not None:
                await asyncio.wait({opening})
                continue
            self._opening[key] = opening = asyncio.get_running_loop().create_future()
            endpoint, is_link = key
            try:
                credentials = endpoint.tls.current() if endpoint.tls else None
                await self._room()
                channel = self._link(endpoint) if is_link else _open(endpoint, credentials)
                self._connections[key] = Connection(endpoint, channel, credentials, self, self._metrics)
            finally:
                del self._opening[key]
                opening.set_result(None)
        return connection

    def _link(self, endpoint: Endpoint) -> Link:
        return Link(
            endpoint.ip,
            endpoint.port,
            read=self._blocks,
            may_send=self._may_send,
            sending=self.sending,
            reading=self._reading,
        )

    async def _room(self) -> None:
        """Wait until one more connection may be open, and count it."""
        if self._open < self._limit and not self._waiting:
            self._open += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._close_idle(1)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._make_room()
            raise

    def _make_room(self) -> None:
        """Let the next in line open a connection in the place of one that is closed."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._open -= 1

    def _rest(self, connection: Connection[Any]) -> None:
        key = connection.key
        replaced = self._connections.get(key) is not connection
        if connection.is_over or replaced or self._waiting:
            if not replaced:
                del self._connections[key]
            self._close(connection)
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle[key] = connection
        if len(self._idle) > self._most_idle:
            self._close_idle(1)
        if self._sweeper is None:
            self._sweeper = loop.call_later(IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for long, the longest first, and come back for the rest."""
        loop = asyncio.get_running_loop()
        self._sweeper = None
        while self._idle:
            left = next(iter(self._idle.values())).idle_since + IDLE_SECONDS - loop.time()
            if left > 0:
                self._sweeper = loop.call_later(max(left, 0.5), self._sweep)
                return
            self._close_idle(1)

    def shed(self) -> None:
        """Close all that nobody uses: the process has run out of files."""
        self._close_idle(len(self._idle))

    def _close_idle(self, number: int) -> None:
        """Close some that nobody uses, the longest idle first."""
        for _ in range(min(number, len(self._idle))):
            key, connection = self._idle.popitem(last=False)
            del self._connections[key]
            self._close(connection)

    def _close(self, connection: Connection[Any]) -> None:
        if isinstance(connection.channel, Link):
            connection.channel.close()
            self._make_room()
            return
        task = asyncio.get_running_loop().create_task(connection.channel.close())
        self._closing.add(task)
        task.add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        self._make_room()

    async def aclose(self) -> None:
        """Close every connection."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        channels = [connection.channel for connection in self._connections.values() if not connection.broken]
        self._connections.clear()
        self._idle.clear()
        for link in (channel for channel in channels if isinstance(channel, Link)):
            link.close()
        await asyncio.gather(*self._closing, *(each.close() for each in channels if not isinstance(each, Link)))


def _open(endpoint: Endpoint, credentials: Credentials | None) -> grpc.aio.Channel:
    target = grpc_target(endpoint.ip, endpoint.port)
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=OPTIONS)
    named = ("grpc.ssl_target_name_override", endpoint.server_name)
    return grpc.aio.secure_channel(target, credentials.channel, options=[*OPTIONS, named])
