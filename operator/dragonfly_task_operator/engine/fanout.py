"""Asking many peers at once, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

TASKS_AT_ONCE = 4
"""Most requests in flight to one peer from one object: enough to hide its latency.

With more, most would wait in line for one of the operator's requests in flight, and each such wait costs time.
"""


STARTED_AT_ONCE = 16
"""Visits that begin in one turn of the event loop. Hundreds compute for long, and probes wait meanwhile."""


async def fan_out(items: Sequence[T], visit: Callable[[T], Awaitable[None]], *, at_once: int) -> None:
    """Visit every item, at most `at_once` at a time, in order of the sequence.

    Returns when all have been visited. An exception from a visit cancels the others and is raised.
    """
    if not items:
        return
    remaining = iter(items)

    async def work() -> None:
        for item in remaining:
            await visit(item)

    if len(items) == 1:
        await visit(items[0])
        return
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(1, min(at_once, len(items)) + 1):
                group.create_task(work())
                if number % STARTED_AT_ONCE == 0:
                    await asyncio.sleep(0)
    except BaseExceptionGroup as failures:
        # One defect is one defect, however many workers met it.
        raise failures.exceptions[0] from None
