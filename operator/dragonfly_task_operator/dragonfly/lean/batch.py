"""Requests that one caller has under way on one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.errors import OwnTrouble

Request: TypeAlias = tuple[TaskID, bytes]
"""What it is about, and the message, serialised."""

Told: TypeAlias = Callable[[Request, bytes | RpcError, float], None]
"""Told of a request what came back, or what came instead, and how many seconds after it was sent."""


class Batch:
    """What a caller has sent, and what became of it.

    Args:
        head: the beginning of each request's header block: see `blocks`.
        metadata: its end.
        timeout: seconds for each request.
        answered: told of each request that was answered or waited for too long.

    Attributes:
        under_way: how many are.
        unanswered: those that the end of the connection left without an answer, and for how many seconds they waited.
        elsewhere: those that the other side has certainly not begun with: they may be sent on another connection.
        withheld: those that have not left, because this process had lost the right to ask by then: to be sent anew.
        failure: why the connection ended; None while it has not.
        defect: what `answered` raised.
    """

    __slots__ = (
        "_waiting",
        "answered",
        "defect",
        "elsewhere",
        "failure",
        "head",
        "metadata",
        "timeout",
        "unanswered",
        "under_way",
        "withheld",
    )

    def __init__(self, head: bytes, metadata: bytes, *, timeout: float, answered: Told) -> None:
        self.head = head
        self.metadata = metadata
        self.timeout = timeout
        self.answered = answered
        self.under_way = 0
        self.unanswered: list[tuple[Request, float]] = []
        self.elsewhere: list[Request] = []
        self.withheld: list[Request] = []
        self.failure: RpcError | OwnTrouble | None = None
        self.defect: Exception | None = None
        self._waiting: asyncio.Future[None] | None = None

    async def end(self) -> None:
        """Wait until nothing is under way. Raises what `answered` raised."""
        while self.under_way and self.defect is None:
            await self.change()
        if self.defect is not None:
            raise self.defect

    def change(self) -> asyncio.Future[None]:
        """Give what is done when its caller should look again."""
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def wake(self) -> None:
        """Have its caller look again."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def ends_one(self) -> None:
        """Count one less that is under way."""
        self.under_way -= 1
        if not self.under_way:
            self.wake()

    def tell(self, request: Request, outcome: bytes | RpcError, seconds: float) -> None:
        """Hand on what became of a request. What its caller makes wrong of it is its caller's to hear of."""
        try:
            self.answered(request, outcome, seconds)
        except Exception as error:  # noqa: BLE001 - raised where the caller waits
            self.defect = error
            self.wake()
