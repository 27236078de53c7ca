"""Wall clocks that are set an hour forward or back while a run goes on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.clocks import SteadyClock
from dragonfly_task_operator.engine.run import Run
from tests.unit.world import EPOCH, World, end_of, now

HOUR = timedelta(hours=1)


class JumpingClock:
    """Goes with the loop until it is set."""

    def __init__(self) -> None:
        self.by = timedelta()

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=asyncio.get_running_loop().time()) + self.by


def run_with(world: World, clock: JumpingClock, *, started: datetime | None = None, **spec: Any) -> Run:
    run = world.deletion(**spec)
    run.means = replace(run.means, clock=clock)
    run.started = started or clock.now()
    return run


@pytest.mark.looptime
@pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["forward", "back"])
async def test_clock_that_is_set_changes_neither_the_deadline_nor_the_duration(by: timedelta) -> None:
    world, clock = World(), JumpingClock()
    world.peer("n1").downloads()
    run = run_with(world, clock, activeDeadlineSeconds=100)
    asyncio.get_running_loop().call_later(10, setattr, clock, "by", by)

    _, verdict = await end_of(run)

    assert (verdict.reason, now(), run.elapsed()) == (Reason.DEADLINE_EXCEEDED, 100, 100)


@pytest.mark.looptime
@pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["forward", "back"])
async def test_new_deadline_counts_from_the_start_after_a_jump_too(by: timedelta) -> None:
    world, clock = World(), JumpingClock()
    world.peer("n1").downloads()
    run = run_with(world, clock, activeDeadlineSeconds=100)

    def edit() -> None:
        clock.by = by
        run.adopt(run.spec.model_copy(update={"active_deadline_seconds": 50}))

    asyncio.get_running_loop().call_later(10, edit)
    await end_of(run)

    assert now() == 50


@pytest.mark.looptime
async def test_run_that_a_clock_ahead_began_has_its_whole_time_and_no_more() -> None:
    world, clock = World(), JumpingClock()
    world.peer("n1").downloads()
    run = run_with(world, clock, started=clock.now() + HOUR, activeDeadlineSeconds=100)

    await end_of(run)

    assert (now(), run.elapsed()) == (100, 100)


@pytest.mark.looptime
async def test_steady_clock_goes_on_whatever_the_wall_clock_is_set_to() -> None:
    clock = JumpingClock()
    steady = SteadyClock(clock, passed=asyncio.get_running_loop().time)
    clock.by = -HOUR
    await asyncio.sleep(60)

    assert steady.now() == EPOCH + timedelta(seconds=60)
