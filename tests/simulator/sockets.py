"""Sockets that are no gRPC server, and what is done to a gRPC server's sockets behind its back.

Half of what goes wrong between an operator and two thousand dfdaemons goes wrong below HTTP/2. Each of these is the
real thing on a real socket, not an exception that pretends: a queue of connections that is full, a reset, another
protocol.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import stat
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

Address = tuple[str, int]
Closing = Callable[[], None]

_NOT_HTTP2 = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 12\r\nContent-Type: text/plain\r\n\r\nBad Request\n"
_TCP = (socket.AF_INET, socket.AF_INET6)
_ESTABLISHED = "01"
_TCP_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def blackhole(address: Address) -> Closing:
    """Listen with a full queue, so that the kernel drops every further SYN. Returns what ends it."""
    listener = _bound(address)
    listener.listen(0)
    waiting = []
    for _ in range(2):  # a backlog of 0 holds one connection; the second makes sure
        filler = socket.socket(listener.family)
        filler.setblocking(False)
        filler.connect_ex(address)
        waiting.append(filler)

    def close() -> None:
        for each in (*waiting, listener):
            each.close()

    return close


async def mute(address: Address) -> Closing:
    """Accept connections and say nothing."""
    return await _raw_server(address, _Mute)


async def noise(address: Address) -> Closing:
    """Answer whatever is said with an HTTP/1.1 error, and hang up."""
    return await _raw_server(address, _Noise)


async def resetting(address: Address) -> Closing:
    """Accept connections, and reset each at its first byte."""
    return await _raw_server(address, _Resetting)


def drop_connection(*, local: Address, remote: str) -> bool:
    """Cut an accepted connection of this process with TCP RST, whoever owns the socket; say whether it was found.

    `remote` is the peer as gRPC writes it ("ipv4:127.0.0.1:40001"). gRPC has no call for this, so the socket is
    looked up among the process's descriptors.
    """
    wanted = (local, _grpc_peer(remote))
    for name in os.listdir("/proc/self/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as candidate:
                if (
                    candidate.family in _TCP
                    and (_plain(candidate.getsockname()), _plain(candidate.getpeername())) == wanted
                ):
                    _reset(candidate)
                    return True
        except OSError:  # closed since the listing, or not a connected socket
            continue
    return False


def open_connections(port: int) -> Counter[str]:
    """Count the connections that are open now on this port of this machine, by local IP address."""
    counts: Counter[str] = Counter()
    suffix = f":{port:04X}"
    for table in _TCP_TABLES:
        for line in table.read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == _ESTABLISHED and local.endswith(suffix):
                counts[_address_of_proc(local[: -len(suffix)])] += 1
    return counts


def host_port(address: Address) -> str:
    """Write an address as gRPC and Dragonfly's settings take it."""
    ip, port = address
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


class _Mute(asyncio.Protocol):
    transport: asyncio.Transport
    is_made = is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.is_made = transport, True
        if self.is_over:  # the server has closed between accepting it and this
            transport.abort()

    def end(self) -> None:
        self.is_over = True
        if self.is_made:
            self.transport.abort()


class _Noise(_Mute):
    def data_received(self, data: bytes) -> None:
        self.transport.write(_NOT_HTTP2)
        self.transport.close()


class _Resetting(_Mute):
    def data_received(self, data: bytes) -> None:
        connection = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


async def _raw_server(address: Address, protocol: type[_Mute]) -> Closing:
    made: list[_Mute] = []

    def make() -> _Mute:
        made.append(protocol())
        return made[-1]

    server = await asyncio.get_running_loop().create_server(make, sock=_bound(address))

    def close() -> None:
        server.close()
        for each in made:
            each.end()

    return close


def _bound(address: Address) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    listener.bind(address)
    return listener


def _reset(connection: socket.socket) -> None:
    """Dissolve the connection: on Linux, connect() to "no family" sends RST at once, whoever else holds the socket."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.connect(connection.fileno(), bytes(16), 16) != 0:
        connection.shutdown(socket.SHUT_RDWR)


def _grpc_peer(peer: str) -> Address:
    host, _, port = unquote(peer).partition(":")[2].rpartition(":")
    return host.strip("[]"), int(port)


def _plain(address: tuple[str, int, *tuple[object, ...]]) -> Address:
    return address[0].removeprefix("::ffff:"), address[1]  # gRPC serves IPv4 on dual-stack sockets


def _address_of_proc(hexadecimal: str) -> str:
    words = struct.pack(
        f"={len(hexadecimal) // 8}I", *struct.unpack(f">{len(hexadecimal) // 8}I", bytes.fromhex(hexadecimal))
    )
    if len(words) == 4:
        return socket.inet_ntop(socket.AF_INET, words)
    return socket.inet_ntop(socket.AF_INET6, words).removeprefix("::ffff:")
