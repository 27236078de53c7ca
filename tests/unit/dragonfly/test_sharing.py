"""One request for all who ask at a time, and none that is older than the question."""

from __future__ import annotations

import asyncio

import pytest

from dragonfly_task_operator.dragonfly.sharing import Shared
from tests.unit.world import now

pytestmark = pytest.mark.looptime


class Source:
    """Takes a second for an answer, which tells when it was asked."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.fails = False

    async def __call__(self) -> float:
        asked = now()
        self.asked.append(asked)
        await asyncio.sleep(1)
        if self.fails:
            raise OSError("down")
        return asked


async def after(seconds: float, shared: Shared[float]) -> float:
    await asyncio.sleep(seconds)
    return await shared.answer()


async def test_all_who_ask_together_share_one_request() -> None:
    source = Source()
    shared = Shared(source)

    assert await asyncio.gather(*(shared.answer() for _ in range(1000))) == [0] * 1000
    assert source.asked == [0]


async def test_who_asks_while_a_request_is_under_way_shares_the_next() -> None:
    source = Source()
    shared = Shared(source)

    answers = await asyncio.gather(*(after(late, shared) for late in (0, 0.1, 0.5, 0.9, 1.5)))

    assert answers == [0, 1, 1, 1, 2]


async def test_nobody_gets_an_answer_that_was_asked_for_before_him() -> None:
    shared = Shared(Source())
    asked = [number * 0.37 for number in range(20)]

    answers = await asyncio.gather(*(after(late, shared) for late in asked))

    assert all(answer >= late for late, answer in zip(asked, answers, strict=True))


async def test_error_reaches_all_who_wait_and_the_next_request_is_another() -> None:
    source = Source()
    source.fails = True
    shared = Shared(source)

    failures = await asyncio.gather(*(shared.answer() for _ in range(3)), return_exceptions=True)
    source.fails = False

    assert [str(each) for each in failures] == ["down"] * 3
    assert await shared.answer() == 1


async def test_who_stops_waiting_stops_nobody_else() -> None:
    shared = Shared(Source())
    impatient = asyncio.ensure_future(shared.answer())
    patient = asyncio.ensure_future(shared.answer())
    await asyncio.sleep(0.5)
    impatient.cancel()

    assert await patient == 0
    assert now() == 1


async def test_error_that_nobody_waits_for_any_more_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    source = Source()
    source.fails = True
    shared = Shared(source)
    impatient = asyncio.ensure_future(shared.answer())
    await asyncio.sleep(0.5)
    impatient.cancel()
    await asyncio.sleep(1)
    del shared

    assert caplog.records == []


async def test_closing_cancels_what_is_under_way() -> None:
    shared = Shared(Source())
    waiting = [asyncio.ensure_future(after(late, shared)) for late in (0, 0.1)]
    await asyncio.sleep(0.5)

    await shared.aclose()
    await asyncio.wait(waiting)

    assert all(each.cancelled() for each in waiting)
    assert now() == 0.5
