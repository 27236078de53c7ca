"""How requests get to one peer, and what it answers back. What an answer means is the business of `peers.py`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

import grpc.aio

from dragonfly_task_operator.dragonfly.channels import ChannelPool, Connection, Endpoint
from dragonfly_task_operator.dragonfly.rpc import connected, exchange
from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.engine.fanout import TASKS_AT_ONCE, fan_out
from dragonfly_task_operator.engine.identity import TaskID

MAX_IN_FLIGHT = 512
"""Requests; grpcio keeps 22 KB for each while it is under way."""

Request: TypeAlias = tuple[TaskID, bytes]
"""What it is about, and the message, serialised."""

Answered: TypeAlias = Callable[[TaskID, bytes | RpcError, float | None], bool]
"""Told of each request that was sent, once: the message that came back, or what came instead; and how many seconds
after it was sent, None where it was given up before that.

Gives whether to send more. Where it does not, what is under way is still waited for, and may change that.
"""

Ready: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when one more request may be sent. Mostly at once, without giving way to others."""


class Wire(Protocol):
    """Sends requests to peers. Knows of connections, files and bytes; not of tasks, of who is listed, or of pace."""

    async def ask(
        self,
        endpoint: Endpoint,
        method: str,
        requests: Sequence[Request],
        *,
        timeout: float,
        ready: Ready,
        answered: Answered,
    ) -> None:
        """Send requests to one peer, as many under way as the transport has at most.

        Args:
            endpoint: where to.
            method: the full name, as in `/dfdaemon.v2.DfdaemonUpload/StatLocalTask`.
            requests: those not sent in the end, because `answered` did not want it, are told to nobody.
            timeout: seconds for each, from when it is sent; the first has to connect in them as well.
            ready: to be awaited last thing before each is sent.
            answered: told what became of each, as soon as that is known.

        Raises:
            OwnTrouble: this process could not ask. What was not told is not known.
        """
        ...


class GrpcWire:
    """`Wire` over grpcio's channels, `TASKS_AT_ONCE` under way.

    A connection that breaks on the way is replaced for what is left.

    Args:
        pool: the channels.
        in_flight: most requests under way at once, to all peers together.
    """

    def __init__(self, pool: ChannelPool, *, in_flight: int = MAX_IN_FLIGHT) -> None:
        self._pool = pool
        self._in_flight = asyncio.Semaphore(in_flight)

    async def ask(
        self,
        endpoint: Endpoint,
        method: str,
        requests: Sequence[Request],
        *,
        timeout: float,
        ready: Ready,
        answered: Answered,
    ) -> None:
        """See `Wire`. Besides, an RpcError says that TLS is the trouble where it is."""
        left = deque(requests)
        is_wanted = True
        loop = asyncio.get_running_loop()

        async def send_on(connection: Connection[grpc.aio.Channel]) -> None:
            nonlocal is_wanted
            while left and is_wanted and not connection.broken:
                task, request = left.popleft()
                async with self._in_flight:
                    seconds = await connected(connection, timeout=timeout)
                    await ready()
                    if connection.broken:
                        left.appendleft((task, request))
                        return
                    began = loop.time() - (timeout - seconds)
                    # Not kept in a variable: an error holds its call, and that would outlive the next one.
                    is_wanted = answered(task, await _sent(connection, method, request, seconds), loop.time() - began)

        while left and is_wanted:
            with await self._pool.connection(endpoint) as connection:
                at_once = min(TASKS_AT_ONCE, len(left))
                await fan_out([connection] * at_once, send_on, at_once=at_once)


async def _sent(
    connection: Connection[grpc.aio.Channel], method: str, request: bytes, timeout: float
) -> bytes | RpcError:
    """Send a request and give what came of it. Raises OwnTrouble."""
    try:
        return await exchange(connection, method, request, timeout=timeout)
    except RpcError as error:
        # Its traceback holds this frame, which holds it: the call, and the connection of a channel that has been
        # closed, would stay until garbage is collected.
        return error.with_traceback(None)
