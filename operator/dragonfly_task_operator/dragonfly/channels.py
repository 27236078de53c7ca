"""gRPC channels: one per address, shared by every object, kept while in use and a little longer."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
import grpc.aio

from dragonfly_task_operator.dragonfly.tls import Credentials, RotatingCredentials
from dragonfly_task_operator.observability.metrics import Metrics

IDLE_SECONDS = 10.0
"""How long an unused channel stays open: longer than the pause between two rounds of a run, mostly."""

MAX_IDLE = 4096
"""Most channels kept open unused; each costs some 20 KB here and a connection at the peer."""

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


@dataclass(slots=True)
class Connection:
    """A channel and how many use it.

    Attributes:
        credentials: what it was opened with.
        metrics: where requests on it are counted.
        worked: whether the other side ever answered on it.
        broken: it is not to be used again.
    """

    endpoint: Endpoint
    channel: grpc.aio.Channel
    credentials: Credentials | None
    metrics: Metrics
    users: int = 0
    worked: bool = False
    broken: bool = False
    idle_since: float = 0.0


def grpc_target(ip: str, port: int) -> str:
    """Write an address so that gRPC looks nothing up: `ipv4:10.0.0.7:4000`, `ipv6:[fd00::7]:4000`."""
    return f"ipv6:[{ip}]:{port}" if ":" in ip else f"ipv4:{ip}:{port}"


class ChannelPool:
    """Channels by endpoint.

    A channel whose request failed is not used again: gRPC would answer from its memory of the failure for a while, and
    a peer that has come back would still be called unreachable. Nor is one whose TLS files have changed since: requests
    under way on it go on.
    """

    def __init__(self, *, metrics: Metrics | None = None) -> None:
        self._metrics = metrics or Metrics()  # counted all the same, for nobody
        self._connections: OrderedDict[Endpoint, Connection] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    @contextmanager
    def connection(self, endpoint: Endpoint) -> Iterator[Connection]:
        """Lend the connection to an endpoint."""
        credentials = endpoint.tls.current() if endpoint.tls else None
        connection = self._connections.get(endpoint)
        if connection is None or connection.broken or connection.credentials is not credentials:
            if connection is not None and connection.users == 0:
                self._close(connection)
            connection = Connection(endpoint, _open(endpoint, credentials), credentials, self._metrics)
            self._connections[endpoint] = connection
        connection.users += 1
        try:
            yield connection
        finally:
            connection.users -= 1
            if connection.users == 0:
                self._rest(connection)

    def _rest(self, connection: Connection) -> None:
        endpoint = connection.endpoint
        replaced = self._connections.get(endpoint) is not connection
        if connection.broken or replaced:
            if not replaced:
                del self._connections[endpoint]
            self._close(connection)
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._connections.move_to_end(endpoint)
        if self._sweeper is None:
            self._sweeper = loop.call_later(IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for long, the longest first, and come back for the rest."""
        loop = asyncio.get_running_loop()
        self._sweeper = None
        idle = [(endpoint, connection) for endpoint, connection in self._connections.items() if connection.users == 0]
        for position, (endpoint, connection) in enumerate(idle):
            left = connection.idle_since + IDLE_SECONDS - loop.time()
            if left > 0 and len(idle) - position <= MAX_IDLE:
                self._sweeper = loop.call_later(max(left, 0.5), self._sweep)
                return
            del self._connections[endpoint]
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        task = asyncio.get_running_loop().create_task(connection.channel.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Close every channel."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        connections = [connection for connection in self._connections.values() if not connection.broken]
        self._connections.clear()
        await asyncio.gather(*self._closing, *(connection.channel.close() for connection in connections))


def _open(endpoint: Endpoint, credentials: Credentials | None) -> grpc.aio.Channel:
    target = grpc_target(endpoint.ip, endpoint.port)
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=OPTIONS)
    named = ("grpc.ssl_target_name_override", endpoint.server_name)
    return grpc.aio.secure_channel(target, credentials.channel, options=[*OPTIONS, named])
