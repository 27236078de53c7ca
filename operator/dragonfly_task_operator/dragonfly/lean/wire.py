"""Requests to one peer over links: in one go where the peer and the pace allow it, answers as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import lru_cache

import grpc

from dragonfly_task_operator.dragonfly.channels import ChannelPool, Connection, Endpoint
from dragonfly_task_operator.dragonfly.lean import blocks
from dragonfly_task_operator.dragonfly.lean.batch import Batch
from dragonfly_task_operator.dragonfly.lean.link import Link
from dragonfly_task_operator.dragonfly.rpc import tls_trouble
from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.dragonfly.wire import Answered, Ready, Request, Wire
from dragonfly_task_operator.errors import OwnKind, OwnTrouble

MOST_FRUITLESS = 2
"""Connections in a row that a peer took, and answered nothing on before it said that it is going away."""

SENT_AT_ONCE = 20
"""Requests to a peer in one turn of the event loop, in which hundreds of peers may want to send."""


class LeanWire:
    """`Wire` over links.

    Args:
        pool: where links come from.
        secured: for endpoints with TLS.
    """

    def __init__(self, pool: ChannelPool, *, secured: Wire) -> None:
        self._pool = pool
        self._secured = secured

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
        """See `Wire`."""
        if endpoint.tls is not None:
            await self._secured.ask(endpoint, method, requests, timeout=timeout, ready=ready, answered=answered)
            return
        asking = _Asking(self._pool, requests, timeout=timeout, ready=ready, answered=answered)
        await asking.ask(endpoint, *_block(method, timeout))


@lru_cache(maxsize=16)
def _block(method: str, timeout: float) -> tuple[bytes, bytes]:
    return blocks.path_of(method), blocks.metadata(timeout)


class _Asking:
    """What one caller asks of one peer, on as many connections as that takes."""

    __slots__ = ("_answered", "_is_ready", "_is_wanted", "_last", "_left", "_pool", "_ready", "_timeout")

    def __init__(
        self, pool: ChannelPool, requests: Sequence[Request], *, timeout: float, ready: Ready, answered: Answered
    ) -> None:
        self._pool = pool
        self._left = deque(requests)
        self._timeout = timeout
        self._ready = ready
        self._answered = answered
        self._is_wanted = True
        self._is_ready = False
        self._last: RpcError | None = None
        """How the last request failed that was not answered."""

    async def ask(self, endpoint: Endpoint, head: bytes, metadata: bytes) -> None:
        fruitless = 0
        while self._left and self._is_wanted:
            with await self._pool.link(endpoint) as connection:
                link = connection.channel
                batch = Batch(head, metadata, timeout=self._timeout, answered=self._tell)
                try:
                    await self._send_on(link, batch)
                    await batch.end()
                finally:
                    link.drop(batch)
                if batch.failure is not None:
                    failure = await self._explained(connection, batch.failure)
                    for request, seconds in batch.unanswered:
                        self._tell(request, failure, seconds)
                self._left.extendleft(reversed(batch.elsewhere + batch.withheld))
            if link.has_answered or batch.withheld:
                fruitless = 0
                continue
            fruitless += 1
            if self._last is None and fruitless == MOST_FRUITLESS:
                words = f"{link.address} takes connections, but says that it is going away"
                self._last = RpcError(grpc.StatusCode.UNAVAILABLE, words)
            if self._last is not None:
                self._give_up(self._last)

    async def _send_on(self, link: Link, batch: Batch) -> None:
        """Send what is left, as long as there is any sense in it."""
        sent = 0
        while self._left and self._is_wanted and not link.broken and batch.defect is None:
            if not link.has_room:
                if not await link.room(batch):
                    self._give_up(link.too_late(self._timeout))
            elif not self._is_ready:
                await self._ready()
                self._is_ready = True  # and stays so, if there is no room any more
            elif self._pool.sending.is_over():
                await asyncio.sleep(0)
            else:
                self._is_ready = False
                link.send(batch, self._left.popleft())
                sent += 1
                if sent % SENT_AT_ONCE == 0:
                    await asyncio.sleep(0)

    def _tell(self, request: Request, outcome: bytes | RpcError, seconds: float | None) -> None:
        if isinstance(outcome, RpcError) and not outcome.is_answer:
            self._last = outcome
        self._is_wanted = self._answered(request[0], outcome, seconds)

    def _give_up(self, failure: RpcError) -> None:
        """Tell of all that is left what became of others: each would wait as long, and in vain."""
        while self._left and self._is_wanted:
            self._tell(self._left.popleft(), failure, None)

    async def _explained(self, connection: Connection[Link], failure: RpcError | OwnTrouble) -> RpcError:
        """Say why a connection ended. Raises OwnTrouble."""
        if isinstance(failure, OwnTrouble):
            if failure.kind is OwnKind.FILES:
                self._pool.shed()
            raise failure
        trouble = None
        if connection.channel.may_be_tls:
            trouble = await tls_trouble(connection, timeout=self._timeout)
        return failure if trouble is None else RpcError(failure.code, trouble, is_tls=True)
