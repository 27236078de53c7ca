"""The supervisor over Kopfs that die, hang and see nothing; the loop's time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cached_property

import pytest

from dragonfly_task_operator.api.kinds import TASK_DELETION, TASK_SEARCH
from dragonfly_task_operator.errors import WatchLost
from dragonfly_task_operator.kube.watch.scopes import Scope
from dragonfly_task_operator.kube.watch.sights import WATCH_SECONDS, Sight, Sights
from dragonfly_task_operator.kube.watch.supervising import RESTART_SECONDS, Supervisor
from dragonfly_task_operator.observability.metrics import Metrics

pytestmark = pytest.mark.looptime

Bring = Callable[[Scope], Awaitable[None]]

SEARCHES, DELETIONS = Scope(TASK_SEARCH, None), Scope(TASK_DELETION, None)


class Kopfs:
    """What the Kopf of each scope does, each time that it is started."""

    def __init__(self) -> None:
        self.starts: dict[Scope, list[float]] = {SEARCHES: [], DELETIONS: []}
        self.does: dict[Scope, Callable[[Sight], Awaitable[None]]] = {SEARCHES: watches, DELETIONS: watches}

    @cached_property
    def sights(self) -> Sights:
        """Made by the test itself: the loop's time is another one while fixtures are made."""
        return Sights([SEARCHES, DELETIONS], clock=lambda: asyncio.get_running_loop().time())

    async def bring(self, scope: Scope) -> None:
        self.starts[scope].append(asyncio.get_running_loop().time())
        await self.does[scope](next(sight for sight in self.sights.all if sight.scope == scope))

    def supervisor(self, must_start_over: Callable[[], int] = lambda: 0) -> Supervisor:
        return Supervisor(self.sights, bring=self.bring, metrics=Metrics(), must_start_over=must_start_over)


async def watches(sight: Sight) -> None:
    while True:
        sight.listing()
        sight.opened()
        await asyncio.sleep(WATCH_SECONDS)
        sight.ended()


async def dies(sight: Sight) -> None:
    await asyncio.sleep(0.01)
    raise RuntimeError("no leader")


async def hangs(sight: Sight) -> None:
    await asyncio.Event().wait()


async def refused(sight: Sight) -> None:
    sight.failed("the API server answered 403: you may not", refused=True)
    raise RuntimeError("403")


async def ends(sight: Sight) -> None:
    return


async def approaches(sight: Sight) -> None:
    """Is answered what it asks before its list, and takes long from one answer to the next: the loop is busy."""
    for _ in range(6):
        await asyncio.sleep(RESTART_SECONDS - 2)
        sight.approached()
    await watches(sight)


@pytest.fixture
async def kopfs() -> Kopfs:
    return Kopfs()


async def outcome(supervisor: Supervisor, seconds: float) -> str:
    """How the supervisor has ended, and when; that it goes on, if so."""
    loop = asyncio.get_running_loop()
    began, task = loop.time(), loop.create_task(supervisor.run())
    await asyncio.wait({task}, timeout=seconds)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        return "goes on"
    assert isinstance(task.exception(), WatchLost), task.exception()
    return f"{task.exception()} after {loop.time() - began:.0f} s"


async def test_all_that_is_watched_is_left_alone(kopfs: Kopfs) -> None:
    assert await outcome(kopfs.supervisor(), 3600) == "goes on"
    assert (kopfs.starts[SEARCHES], kopfs.starts[DELETIONS]) == ([0], [0])


@pytest.mark.parametrize("trouble", [dies, hangs, ends])
async def test_kopf_that_does_not_watch_is_started_over_until_a_minute_is_over(
    kopfs: Kopfs, trouble: Callable[[Sight], Awaitable[None]]
) -> None:
    kopfs.does[SEARCHES] = trouble

    ended = await outcome(kopfs.supervisor(), 300)

    assert "tasksearches could not be watched for 60 s" in ended
    assert "after 60 s" in ended
    assert len(kopfs.starts[SEARCHES]) >= 5
    assert kopfs.starts[DELETIONS] == [0]


@pytest.mark.parametrize("trouble", [dies, hangs, ends, refused])
async def test_trouble_that_passes_is_over_within_seconds(
    kopfs: Kopfs, trouble: Callable[[Sight], Awaitable[None]]
) -> None:
    kopfs.does[SEARCHES] = trouble
    supervising = asyncio.create_task(kopfs.supervisor().run())
    await asyncio.sleep(50)

    kopfs.does[SEARCHES] = watches
    await asyncio.sleep(14)

    assert kopfs.sights.complaints() is None
    supervising.cancel()


async def test_what_is_refused_ends_nothing_as_long_as_another_is_watched(kopfs: Kopfs) -> None:
    kopfs.does[SEARCHES] = refused

    assert await outcome(kopfs.supervisor(), 3600) == "goes on"
    assert kopfs.sights.complaints() == ("tasksearches: not watched yet: the API server answered 403: you may not")
    gaps = [later - sooner for sooner, later in zip(kopfs.starts[SEARCHES], kopfs.starts[SEARCHES][1:], strict=False)]
    assert (min(gaps) > 4, max(gaps) < 6) == (True, True)


async def test_operator_that_may_watch_nothing_ends(kopfs: Kopfs) -> None:
    kopfs.does = {SEARCHES: refused, DELETIONS: refused}

    assert "you may not" in await outcome(kopfs.supervisor(), 300)


async def test_long_list_is_waited_for(kopfs: Kopfs) -> None:
    async def lists_for_minutes(sight: Sight) -> None:
        for _ in range(300):
            sight.listing()
            await asyncio.sleep(1)
        await watches(sight)

    kopfs.does[SEARCHES] = lists_for_minutes

    assert await outcome(kopfs.supervisor(), 600) == "goes on"
    assert kopfs.starts[SEARCHES] == [0]


async def test_slow_way_to_the_list_is_waited_for(kopfs: Kopfs) -> None:
    kopfs.does[SEARCHES] = approaches

    assert await outcome(kopfs.supervisor(), 600) == "goes on"
    assert kopfs.starts[SEARCHES] == [0]


async def test_way_to_the_list_that_leads_nowhere_ends_it_after_a_minute(kopfs: Kopfs) -> None:
    async def approaches_for_ever(sight: Sight) -> None:
        while True:
            sight.approached()
            await asyncio.sleep(1)

    kopfs.does[SEARCHES] = approaches_for_ever

    assert "after 60 s" in await outcome(kopfs.supervisor(), 300)


async def test_list_that_hangs_is_started_over(kopfs: Kopfs) -> None:
    async def lists_and_hangs(sight: Sight) -> None:
        sight.listing()
        await asyncio.Event().wait()

    kopfs.does[SEARCHES] = lists_and_hangs
    supervising = asyncio.create_task(kopfs.supervisor().run())

    await asyncio.sleep(25)

    assert len(kopfs.starts[SEARCHES]) == 2
    supervising.cancel()


async def test_lists_that_end_in_no_watch_do_not_keep_it_alive(kopfs: Kopfs) -> None:
    async def lists_and_dies(sight: Sight) -> None:
        while True:
            sight.listing()
            await asyncio.sleep(0.1)
            sight.listed()
            await asyncio.sleep(1)
            sight.opened()
            sight.failed("ERROR")

    kopfs.does[SEARCHES] = lists_and_dies

    assert "could not be watched" in await outcome(kopfs.supervisor(), 80)


async def test_time_in_which_the_process_did_not_run_is_not_counted() -> None:
    clock = [0.0]
    sights = Sights([SEARCHES], clock=lambda: clock[0])

    async def bring(scope: Scope) -> None:
        await watches(sights.all[0])

    supervising = asyncio.create_task(Supervisor(sights, bring=bring, metrics=Metrics()).run())
    await asyncio.sleep(1)

    clock[0] += 3600  # the process was frozen
    await asyncio.sleep(10)

    assert not supervising.done()
    supervising.cancel()


async def test_all_is_listed_anew_when_history_has_gone_back(kopfs: Kopfs) -> None:
    era = 0
    supervising = asyncio.create_task(kopfs.supervisor(lambda: era).run())
    await asyncio.sleep(100)

    era = 1
    await asyncio.sleep(2)

    assert [len(starts) for starts in kopfs.starts.values()] == [2, 2]
    supervising.cancel()


async def test_same_trouble_is_not_logged_each_time(kopfs: Kopfs, caplog: pytest.LogCaptureFixture) -> None:
    kopfs.does[SEARCHES] = refused

    await outcome(kopfs.supervisor(), 600)

    assert 5 <= [record.message for record in caplog.records].count("watch.refused") <= 11
