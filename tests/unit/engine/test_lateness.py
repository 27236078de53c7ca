"""Whether this process was late itself."""

from __future__ import annotations

import asyncio
import time

import pytest

from dragonfly_task_operator.engine.lateness import LATE_SECONDS, Lateness


@pytest.mark.looptime
async def test_loop_that_comes_round_in_time_was_not_late() -> None:
    with Lateness() as lateness:
        await asyncio.sleep(0.12)

    assert not lateness.was_late


@pytest.mark.parametrize("is_last", [False, True], ids=["then it goes on", "then it ends"])
async def test_loop_that_was_held_was_late(is_last: bool) -> None:
    with Lateness() as lateness:
        await asyncio.sleep(0)
        time.sleep(LATE_SECONDS + 0.1)  # noqa: ASYNC251 - that it is held is what is tried
        if not is_last:
            await asyncio.sleep(0.06)

    assert lateness.was_late
    assert lateness.worst < 10


async def test_nothing_is_left_of_it_in_the_loop() -> None:
    with Lateness() as lateness:
        await asyncio.sleep(0)

    before = lateness.worst
    time.sleep(0.1)  # noqa: ASYNC251
    await asyncio.sleep(0.06)
    assert lateness.worst == before
