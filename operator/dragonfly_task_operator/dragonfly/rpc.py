"""One unary request over gRPC, and what its failure means."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from dragonfly_task_operator import own_trouble
from dragonfly_task_operator.dragonfly import tls
from dragonfly_task_operator.dragonfly.channels import Connection
from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.errors import OwnKind, OwnTrouble

_TLS = re.compile(r"CERTIFICATE_VERIFY_FAILED|Verification Check failed|WRONG_VERSION_NUMBER")
"""What gRPC says where it does say that TLS is the trouble."""

_ON_THE_WAY = {grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.CONNECTING}

_NEVER_CONNECTED = re.compile(r"refused|No route|unreachable|timed out", re.IGNORECASE)
"""What gRPC says where the trouble is below TLS."""


async def call(
    connection: Connection[grpc.aio.Channel], method: str, request: bytes, answer: Message, *, timeout: float
) -> None:
    """Send a serialised request and read the answer into `answer`.

    Args:
        connection: where to. It is marked broken where it should not be used again.
        method: the full name, as in `/dfdaemon.v2.DfdaemonUpload/StatLocalTask`.
        request: the message, serialised.
        answer: an empty message of the type expected.
        timeout: seconds.

    Raises:
        RpcError: whatever went wrong at the other side, or on the way there.
        OwnTrouble: nobody was asked.
    """
    (await ask(connection, method, request, timeout=timeout)).read_into(answer)


@dataclass(frozen=True, slots=True)
class Unread:
    """An answer that has come after so many seconds. It is counted when it is read: that tells whether it is one."""

    connection: Connection[grpc.aio.Channel]
    name: str
    body: bytes
    seconds: float

    def read_into(self, answer: Message) -> None:
        """Read it into an empty message of the type expected. Raises RpcError: it is none of that type."""
        try:
            parse(self.body, answer)
        except RpcError as error:
            self.connection.metrics.rpc_ended(self.name, error.code.name, self.seconds)
            raise
        self.connection.metrics.rpc_ended(self.name, grpc.StatusCode.OK.name, self.seconds)


async def ask(connection: Connection[grpc.aio.Channel], method: str, request: bytes, *, timeout: float) -> Unread:
    """Send a serialised request and give what was answered. Args and errors are those of `call`."""
    name = method.rpartition("/")[2]
    clock = asyncio.get_running_loop().time
    began = clock()
    try:
        body = await exchange(connection, method, request, timeout=timeout)
    except RpcError as error:
        connection.metrics.rpc_ended(name, error.code.name, clock() - began)
        raise
    return Unread(connection, name, body, clock() - began)


async def connected(connection: Connection[grpc.aio.Channel], *, timeout: float) -> float:
    """Wait until a request would leave at once, or fail at once. Gives the seconds that are left of `timeout`.

    gRPC connects when something is sent, and by then what was to be proved just before may hold no more.

    Raises:
        OwnTrouble: the channel was closed under our feet.
    """
    if connection.worked:
        return timeout
    clock = asyncio.get_running_loop().time
    began = clock()
    try:
        async with asyncio.timeout(timeout):
            while (state := connection.channel.get_state(try_to_connect=True)) in _ON_THE_WAY:
                await connection.channel.wait_for_state_change(state)
    except TimeoutError:
        return 0  # gRPC says what has been in vain
    except grpc.aio.UsageError:
        raise own_trouble.stopping() from None
    return max(timeout - (clock() - began), 0)


async def exchange(connection: Connection[grpc.aio.Channel], method: str, request: bytes, *, timeout: float) -> bytes:
    """Send a serialised request and give the answer as it came. Args and errors are those of `call`; nobody counts."""
    try:
        unary: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = connection.channel.unary_unary(method)
        body = await unary(request, timeout=timeout)
    except grpc.aio.AioRpcError as error:
        raise await _failure(connection, error.code(), error.details() or "", timeout=timeout) from None
    except grpc.aio.UsageError:
        raise own_trouble.stopping() from None  # a channel closed under our feet
    connection.worked = True
    return body


def parse(body: bytes, answer: Message) -> None:
    """Read an answer into an empty message of the type expected. Raises RpcError: it is none of that type."""
    try:
        answer.ParseFromString(body)
    except DecodeError:
        name = answer.DESCRIPTOR.full_name
        raise RpcError(grpc.StatusCode.INTERNAL, f"answered with {len(body)} bytes that are no {name}") from None


async def _failure(
    connection: Connection[grpc.aio.Channel], code: grpc.StatusCode, details: str, *, timeout: float
) -> RpcError | OwnTrouble:
    failure = RpcError(code, details)
    if failure.is_answer:
        connection.worked = True
        return failure
    connection.broken = True
    end = connection.endpoint
    # A server can send the same code with any words. Only where gRPC could not connect are they of this side's making.
    if connection.channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
        own = own_trouble.of_words(details, ip=end.ip)
        if own is not None:
            if own.kind is OwnKind.FILES:
                connection.pool.shed()
            return own
    if code is grpc.StatusCode.UNAVAILABLE and not connection.worked and not _NEVER_CONNECTED.search(details):
        trouble = await tls_trouble(connection, timeout=timeout)
        if trouble or _TLS.search(details):
            return RpcError(code, trouble or details, is_tls=True)
    return failure


async def tls_trouble(connection: Connection[Any], *, timeout: float) -> str | None:
    """Look into a connection that never worked. Args but the first, returns and errors are those of `tls.trouble`."""
    end = connection.endpoint
    async with connection.pool.probing:
        return await tls.trouble(end.ip, end.port, tls=end.tls, name=end.server_name, timeout=timeout)
