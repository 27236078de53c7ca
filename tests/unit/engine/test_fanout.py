"""Asking many at once, within bounds."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from dragonfly_task_operator.engine.fanout import STARTED_AT_ONCE, fan_out
from tests.unit.world import now

pytestmark = pytest.mark.looptime


class Defect(Exception):
    """An error that nobody expects."""


async def test_everything_is_visited_once_in_order() -> None:
    visited: list[int] = []

    async def visit(item: int) -> None:
        visited.append(item)

    await fan_out(range(100), visit, at_once=7)

    assert visited == list(range(100))


async def test_nothing_to_visit_is_no_trouble() -> None:
    async def visit(item: int) -> None:
        raise Defect

    await fan_out((), visit, at_once=7)

    assert now() == 0


@pytest.mark.parametrize(
    ("items", "at_once", "seconds"), [(10, 1, 10), (10, 4, 3), (10, 10, 1), (10, 99, 1), (1, 5, 1)]
)
async def test_as_many_go_at_once_as_may(items: int, at_once: int, seconds: int) -> None:
    in_flight = most = 0

    async def visit(item: int) -> None:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        await asyncio.sleep(1)
        in_flight -= 1

    await fan_out(range(items), visit, at_once=at_once)

    assert (most, now()) == (min(items, at_once), seconds)


async def test_others_have_their_turn_while_many_visits_begin() -> None:
    begun: list[int] = []

    async def visit(item: int) -> None:
        begun.append(item)
        await asyncio.sleep(1)

    async def watch() -> list[int]:
        seen = []
        while len(begun) < 256:
            seen.append(len(begun))
            await asyncio.sleep(0)
        return [after - before for before, after in itertools.pairwise(seen)]

    watching = asyncio.create_task(watch())
    await fan_out(range(256), visit, at_once=256)

    assert max(await watching) == STARTED_AT_ONCE


async def test_an_error_cancels_the_others_and_is_raised_as_itself() -> None:
    cancelled: list[int] = []

    async def visit(item: int) -> None:
        try:
            await asyncio.sleep(1 if item == 2 else 100)
        except asyncio.CancelledError:
            cancelled.append(item)
            raise
        raise Defect

    with pytest.raises(Defect):
        await fan_out(range(5), visit, at_once=4)

    assert (sorted(cancelled), now()) == ([0, 1, 3], 1)


async def test_one_defect_met_by_several_is_raised_once() -> None:
    async def visit(item: int) -> None:
        await asyncio.sleep(1)
        raise Defect

    with pytest.raises(Defect):
        await fan_out(range(5), visit, at_once=5)


async def test_cancelling_cancels_every_visit() -> None:
    cancelled: list[int] = []

    async def visit(item: int) -> None:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await fan_out(range(5), visit, at_once=3)

    assert sorted(cancelled) == [0, 1, 2]
