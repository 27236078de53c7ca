"""Trying again what may pass."""

from __future__ import annotations

import random
from asyncio import sleep
from collections.abc import Awaitable, Callable
from typing import TypeVar

from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.engine.rounds import backoff, own_backoff
from dragonfly_task_operator.errors import ImageUnresolvable, OwnTrouble

T = TypeVar("T")

RETRIES = 5
"""With the pauses between them, 8 to 16 seconds: a registry that restarts is back by then. The run's deadline ends
longer waits, which only a registry's own Retry-After asks for."""


async def persistently(attempt: Callable[[], Awaitable[T]], *, troubled: Troubled) -> T:
    """Make a request again while its failure says that this may help. Own trouble does not count as an attempt.

    Raises as the attempt does in the end; at once where the next one may only be made when nobody waits any more.
    """
    round_ = waits = 0
    while True:
        try:
            result = await attempt()
        except OwnTrouble as trouble:
            troubled(trouble)
            await sleep(own_backoff(waits, random.random))
            waits += 1
        except ImageUnresolvable as trouble:
            if trouble.retry_after is None or round_ == RETRIES:
                raise
            left = troubled(trouble)
            if left is not None and trouble.retry_after > left:
                raise ImageUnresolvable(
                    f"{trouble}. That is after this run's deadline: raise activeDeadlineSeconds, or run it again then"
                    " with a new runID"
                ) from None
            await sleep(max(trouble.retry_after, backoff(round_, random.random)))
            round_ += 1
        else:
            troubled(None)
            return result
