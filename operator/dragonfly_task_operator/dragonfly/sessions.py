"""Which schedulers have kept their memory since they were last asked.

Nothing that a scheduler answers tells whether it has been restarted, and one that was lists nobody until each peer
announces itself again. A connection that never broke does tell: the process at its other end is the same. So
schedulers' connections are kept and watched, for as long as peers are remembered (docs/adr/0011-peers-that-left.md).
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field

import grpc
from google.protobuf.empty_pb2 import Empty

from dragonfly_task_operator.dragonfly.channels import ChannelPool, Connection, Endpoint
from dragonfly_task_operator.dragonfly.memory import REMEMBERED, Session
from dragonfly_task_operator.dragonfly.rpc import call
from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.errors import OwnTrouble

HEALTH = "/grpc.health.v1.Health/Check"

TOUCH_SECONDS = 240.0
"""Between signs of life on a connection: a scheduler closes one that has been idle for ten minutes."""


@dataclass(slots=True)
class _Kept:
    connection: Connection[grpc.aio.Channel]
    used: float
    session: Session = field(default_factory=Session)


class Sessions:
    """The sessions with all schedulers that answered in the last 15 minutes.

    Args:
        pool: where their connections come from; to be closed later than this.
        timeout: seconds for a sign of life.
    """

    def __init__(self, pool: ChannelPool, *, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout
        self._kept: dict[Endpoint, _Kept] = {}
        self._keeping: set[asyncio.Task[None]] = set()

    def of(self, connection: Connection[grpc.aio.Channel]) -> Session:
        """Give the session of a connection that a scheduler has just answered on.

        It is the same as before only if the connection has not broken since.
        """
        kept = self._kept.get(connection.endpoint)
        if kept is None or kept.connection is not connection or connection.broken:
            kept = self._keep(connection)
        kept.used = asyncio.get_running_loop().time()
        return kept.session

    def _keep(self, connection: Connection[grpc.aio.Channel]) -> _Kept:
        loop = asyncio.get_running_loop()
        kept = _Kept(connection, loop.time())
        lent = self._pool.once_more(connection)
        if lent is None:
            # It broke with the answer, TLS files have changed, or so many are held that this one can't be: this session
            # is over already.
            return kept
        hold = ExitStack()
        hold.enter_context(lent)
        self._kept[connection.endpoint] = kept
        task = loop.create_task(self._watch(kept, hold))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)
        return kept

    async def _watch(self, kept: _Kept, hold: ExitStack) -> None:
        loop, connection = asyncio.get_running_loop(), kept.connection
        # One watch for all the time: between two, the connection could break and be made again.
        broke = loop.create_task(connection.channel.wait_for_state_change(grpc.ChannelConnectivity.READY))
        broke.add_done_callback(lambda _: setattr(connection, "broken", True))
        try:
            while not connection.broken and loop.time() - kept.used <= REMEMBERED.total_seconds():
                await asyncio.wait({broke}, timeout=TOUCH_SECONDS)
                if not connection.broken:
                    await self._touch(connection)
        finally:
            hold.close()
            if self._kept.get(connection.endpoint) is kept:
                del self._kept[connection.endpoint]

    async def aclose(self) -> None:
        """End all sessions."""
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)

    async def _touch(self, connection: Connection[grpc.aio.Channel]) -> None:
        try:
            await call(connection, HEALTH, b"", Empty(), timeout=self._timeout)
        except (RpcError, OwnTrouble):
            return  # any answer is a sign of life, and without one the connection counts as broken
