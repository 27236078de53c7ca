"""Turns: who waits and who has one can be seen, whatever becomes of either."""

from __future__ import annotations

import asyncio

import pytest

from dragonfly_task_operator.engine.crowd import Crowd


@pytest.mark.looptime
async def test_waits_are_told_and_both_who_waits_and_who_is_inside_can_be_seen() -> None:
    waits: list[float] = []
    crowd = Crowd(2, waited=waits.append)

    async def work() -> None:
        async with crowd:
            await asyncio.sleep(3)

    going = [asyncio.create_task(work()) for _ in range(5)]
    await asyncio.sleep(1)
    first = (crowd.inside, crowd.waiting)
    await asyncio.gather(*going)

    assert first == (2, 3)
    assert waits == [0, 0, 3, 3, 6]
    assert (crowd.inside, crowd.waiting) == (0, 0)


@pytest.mark.looptime
async def test_one_that_is_cancelled_in_line_or_inside_leaves_no_trace() -> None:
    crowd = Crowd(1)

    async def work() -> None:
        async with crowd:
            await asyncio.sleep(3)

    going = [asyncio.create_task(work()) for _ in range(3)]
    await asyncio.sleep(1)
    for each in going[:2]:
        each.cancel()
    await asyncio.gather(*going, return_exceptions=True)

    assert (crowd.inside, crowd.waiting) == (0, 0)
    async with asyncio.timeout(1), crowd:
        assert crowd.inside == 1
