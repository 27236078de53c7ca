"""The work queue over an API server that is a dict: events that are lost, late or doubled, and writes that fail."""

from __future__ import annotations

import asyncio
import copy
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from dragonfly_task_operator.api.kinds import TASK_DELETION, TASK_SEARCH, Kind
from dragonfly_task_operator.api.record import Record
from dragonfly_task_operator.engine.run import Means
from dragonfly_task_operator.kube.events import Recorder
from dragonfly_task_operator.kube.history import History
from dragonfly_task_operator.kube.objects import (
    ApiUnavailable,
    Body,
    ObjectGone,
    Objects,
    Ref,
    Snapshot,
    TooLarge,
    WriteRefused,
)
from dragonfly_task_operator.kube.paging import Press
from dragonfly_task_operator.kube.reconciler import Reconciler
from dragonfly_task_operator.kube.running import SMALLER
from dragonfly_task_operator.kube.tidying import Named
from dragonfly_task_operator.kube.watch.scopes import Scope
from dragonfly_task_operator.observability.metrics import Metrics
from tests.unit.report_store import Store
from tests.unit.world import TASK, LoopClock, World, now

pytestmark = pytest.mark.looptime

SEARCHES = Scope(TASK_SEARCH, None)


class JumpingClock(LoopClock):
    """Wall-clock time that can jump; waiting is the loop's."""

    def __init__(self) -> None:
        self.jumped = timedelta()

    def now(self) -> datetime:
        return super().now() + self.jumped


class ApiServer(Objects):
    """Objects by name, as the API server keeps them; `fail` may raise what a write is to meet."""

    def __init__(self) -> None:
        self.bodies: dict[str, dict[str, Any]] = {}
        self.versions = 0
        self.history = History()
        self.fail: Callable[[Record], None] = lambda status: None

    def put(self, name: str = "one", kind: Kind = TASK_SEARCH, **spec: Any) -> dict[str, Any]:
        before = self.bodies.get(name)
        metadata = {
            "name": name,
            "namespace": "default",
            "uid": f"uid-of-{name}",
            "resourceVersion": self._version(),
            "generation": before["metadata"]["generation"] + 1 if before else 1,
        }
        spec = {"targets": [{"taskID": TASK}], **spec}
        body = {"kind": kind.name, "metadata": metadata, "spec": spec, "status": before["status"] if before else {}}
        self.bodies[name] = body
        return copy.deepcopy(body)

    def touch(self, name: str = "one") -> dict[str, Any]:
        """Let somebody write what is none of the operator's business."""
        self.bodies[name]["metadata"]["resourceVersion"] = self._version()
        return copy.deepcopy(self.bodies[name])

    def status(self, name: str = "one") -> Record:
        return Record.of(self.bodies[name])

    def _version(self) -> str:
        self.versions += 1
        return str(self.versions)

    async def get(self, ref: Ref) -> Snapshot:
        if ref.name not in self.bodies:
            raise ObjectGone("gone")
        return Snapshot(ref, copy.deepcopy(self.bodies[ref.name]), self.history.era)

    async def write_status(self, snapshot: Snapshot, render: Callable[[Snapshot], Body]) -> Snapshot:
        status = render(snapshot)
        if (await self.get(snapshot.ref)).resource_version != snapshot.resource_version:
            return await self.write_status(await self.get(snapshot.ref), render)
        self.fail(Record(status))
        body = self.bodies[snapshot.ref.name]
        body["status"] = copy.deepcopy(dict(status))
        body["metadata"]["resourceVersion"] = self._version()
        return await self.get(snapshot.ref)

    async def delete(self, snapshot: Snapshot) -> None:
        del self.bodies[snapshot.ref.name]

    async def uids(self, kind: Kind, namespace: str | None) -> AsyncIterator[str]:
        for body in self.bodies.values():
            if body["kind"] == kind.name:
                yield body["metadata"]["uid"]


class Silent(Recorder):
    def __init__(self) -> None:
        pass

    def _record(self, *_: object) -> None:
        pass


def made(means: Means, api: ApiServer, history: History) -> Reconciler:
    press = Press(Store(), api, Named())
    return Reconciler(means=means, objects=api, recorder=Silent(), metrics=Metrics(), history=history, press=press)


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
def world() -> World:
    """One peer that takes 2 s to answer."""
    world = World(latency=2.0)
    world.peer("n1")
    return world


@pytest.fixture
def api() -> ApiServer:
    return ApiServer()


@pytest.fixture
async def reconciler(clock: JumpingClock, world: World, api: ApiServer) -> AsyncIterator[Reconciler]:
    means = replace(world.means(), clock=clock)
    reconciler = made(means, api, History())
    yield reconciler
    await reconciler.aclose(may_write=False)


def asked(world: World) -> int:
    return len(world.peer("n1").asked)


async def test_run_of_an_object_whose_deletion_nobody_told_of_is_swept_away(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    reconciler.observe(TASK_SEARCH, api.put())
    await asyncio.sleep(1)
    api.bodies.clear()

    await reconciler.sweep(SEARCHES)

    await asyncio.sleep(10)
    assert asked(world) == 0


async def test_object_that_is_there_outlives_a_sweep(reconciler: Reconciler, world: World, api: ApiServer) -> None:
    reconciler.observe(TASK_SEARCH, api.put())
    await asyncio.sleep(1)

    await reconciler.sweep(SEARCHES)

    await asyncio.sleep(10)
    assert api.status().is_finished


async def test_doubled_and_stale_events_run_nothing_again(reconciler: Reconciler, world: World, api: ApiServer) -> None:
    untouched = api.put()
    reconciler.observe(TASK_SEARCH, untouched)
    await asyncio.sleep(10)

    for body in (untouched, copy.deepcopy(api.bodies["one"]), untouched):
        reconciler.observe(TASK_SEARCH, body)

    await asyncio.sleep(10)
    assert asked(world) == 1


class Traced(dict[str, Any]):
    """An object's body, of which it can be told whether anybody keeps it."""


async def test_object_whose_run_goes_is_kept_once(reconciler: Reconciler, world: World, api: ApiServer) -> None:
    """As its last write gave it: neither as the run found it, nor as the watch shows it. Thousands may be in line."""
    found = Traced(api.put())
    reconciler.observe(TASK_SEARCH, found)
    await asyncio.sleep(1.5)
    assert api.status().reason == "Running", "no progress has been written"
    shown = Traced(copy.deepcopy(api.bodies["one"]))
    reconciler.observe(TASK_SEARCH, shown)
    await asyncio.sleep(0.1)
    kept = [weakref.ref(found), weakref.ref(shown)]

    del found, shown
    gc.collect()

    assert [each() for each in kept] == [None, None]
    await asyncio.sleep(10)
    assert (api.status().is_finished, asked(world)) == (True, 1)


async def test_edit_that_the_watch_is_late_to_tell_of_is_obeyed_when_a_write_meets_it(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    reconciler.observe(TASK_SEARCH, api.put())
    await asyncio.sleep(0.1)

    api.put(runID="two")  # and no event

    await asyncio.sleep(10)
    assert (api.status().run_id, api.status().is_finished, asked(world)) == ("two", True, 1)


async def test_result_is_written_when_the_api_server_is_back(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    def fail_for_a_minute(status: Record) -> None:
        if now() < 60:
            raise ApiUnavailable("the API server restarts")

    api.fail = fail_for_a_minute
    reconciler.observe(TASK_SEARCH, api.put())

    await asyncio.sleep(70)
    assert (api.status().reason, asked(world)) == ("NotFound", 1)


async def test_end_that_landed_without_an_answer_is_not_written_again_when_the_watch_tells_of_it_first(
    reconciler: Reconciler, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = api.write_status
    landed: list[Snapshot] = []

    async def lose_the_answer(snapshot: Snapshot, render: Callable[[Snapshot], Body]) -> Snapshot:
        written = await take(snapshot, render)
        if written.record().is_finished and not landed:
            landed.append(written)
            reconciler.observe(TASK_SEARCH, written.body)
            raise ApiUnavailable("the answer was cut")
        return written

    monkeypatch.setattr(api, "write_status", lose_the_answer)
    reconciler.observe(TASK_SEARCH, api.put())
    await asyncio.sleep(30)

    assert [each.resource_version for each in landed] == [api.bodies["one"]["metadata"]["resourceVersion"]]


async def test_object_whose_status_the_api_server_refuses_is_not_left_hanging(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    def refuse_results(status: Record) -> None:
        if status.raw.get("tasks"):
            raise WriteRefused("422")

    api.fail = refuse_results
    reconciler.observe(TASK_SEARCH, api.put())

    await asyncio.sleep(10)
    assert (api.status().reason, api.status().is_finished) == ("InternalError", True)


async def test_status_that_is_too_large_is_written_smaller(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    def has_little_room(status: Record) -> None:
        if status.raw.get("tasks"):
            raise TooLarge("etcdserver: request is too large")

    api.fail = has_little_room
    reconciler.observe(TASK_SEARCH, api.put())

    await asyncio.sleep(10)
    status = api.status()
    assert (status.reason, status.raw["peers"]["total"], status.raw["omitted"]["tasks"]) == ("NotFound", 1, 1)
    assert asked(world) == 1


async def test_object_with_no_room_for_any_status_is_left_alone_after_one_try(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    tried: list[float] = []

    def has_no_room(status: Record) -> None:
        tried.append(now())
        raise TooLarge("etcdserver: request is too large")

    api.fail = has_no_room
    reconciler.observe(TASK_DELETION, api.put(kind=TASK_DELETION))

    await asyncio.sleep(600)
    assert (len(tried), max(tried) < 1, world.peer("n1").times_asked("delete")) == (1 + len(SMALLER), True, [])


@pytest.mark.parametrize("refusal", [WriteRefused("status.conditions: Too many"), TooLarge("request is too large")])
async def test_deletion_whose_end_the_api_server_refuses_is_not_done_again(
    reconciler: Reconciler, world: World, api: ApiServer, refusal: Exception
) -> None:
    def refuse(status: Record) -> None:
        if status.reason != "Running":
            raise refusal

    world.peer("n1").caches()
    api.fail = refuse
    reconciler.observe(TASK_DELETION, api.put(kind=TASK_DELETION))
    await asyncio.sleep(60)
    once = asked(world)

    reconciler.observe(TASK_DELETION, api.touch())
    await asyncio.sleep(60)
    assert (once > 0, asked(world)) == (True, once)

    api.fail = lambda _: None
    reconciler.observe(TASK_DELETION, api.touch())
    await asyncio.sleep(60)
    assert (api.status().reason, asked(world)) == ("InternalError", once)


async def test_object_that_leaves_no_room_is_not_begun_and_says_so(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    content = [{"contentForCalculatingTaskID": "<" * 2600}] * 100  # six bytes each, where it is stored
    reconciler.observe(TASK_DELETION, api.put(kind=TASK_DELETION, targets=content))
    await asyncio.sleep(10)
    version = api.versions

    reconciler.observe(TASK_DELETION, api.touch())

    await asyncio.sleep(600)
    assert (api.status().reason, api.versions, asked(world)) == ("InvalidSpec", version + 1, 0)


async def test_object_whose_status_has_no_room_left_for_what_another_version_keeps_there_is_not_begun(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    world.peer("n1").caches()
    api.put(kind=TASK_DELETION)
    api.bodies["one"]["status"] = {"traces": ["y" * 1_520_000]}

    reconciler.observe(TASK_DELETION, api.touch())

    await asyncio.sleep(600)
    assert (api.status().reason, asked(world)) == ("InvalidSpec", 0)


async def test_finished_object_that_leaves_no_room_is_left_as_it_is(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    reconciler.observe(TASK_SEARCH, api.put())
    await asyncio.sleep(10)
    api.bodies["one"]["metadata"]["annotations"] = {"x": "y" * 1_600_000}

    reconciler.observe(TASK_SEARCH, api.touch())

    await asyncio.sleep(10)
    assert api.status().reason == "NotFound"


async def test_run_whose_spec_becomes_unreadable_stops_and_goes_on_when_it_can_be_read_again(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    world.peer("n1").downloads()
    reconciler.observe(TASK_DELETION, api.put(kind=TASK_DELETION))
    await asyncio.sleep(10)

    reconciler.observe(TASK_DELETION, api.put(kind=TASK_DELETION, pace="slow"))
    await asyncio.sleep(1)
    held, calls = api.status(), asked(world)
    await asyncio.sleep(600)
    calls_while_held = asked(world) - calls

    reconciler.observe(TASK_DELETION, api.put(kind=TASK_DELETION))
    await asyncio.sleep(1)
    assert (held.reason, held.is_finished, held.raw["peers"]["total"]) == ("OperatorTooOld", False, 1)
    assert (calls_while_held, api.status().reason, api.status().run_key) == (0, "Running", held.run_key)


async def test_finished_object_whose_new_work_cant_be_read_says_so_and_its_run_is_not_repeated(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    reconciler.observe(TASK_SEARCH, api.put())
    await asyncio.sleep(10)
    before = api.status()

    reconciler.observe(TASK_SEARCH, api.put(runID="two", pace="slow"))
    await asyncio.sleep(10)
    held = api.status()
    reconciler.observe(TASK_SEARCH, api.put())
    await asyncio.sleep(10)

    assert (held.reason, held.history, held.run_key) == ("OperatorTooOld", before.history, before.run_key)
    assert (api.status().reason, api.status().completed, asked(world)) == ("NotFound", before.completed, 1)


@pytest.mark.parametrize("spec", [{"pace": "slow"}, {"pace": "slow", "parallelism": 5}], ids=["default", "edit"])
async def test_finished_object_whose_work_is_the_same_is_not_written_to_by_an_operator_that_is_too_old(
    reconciler: Reconciler, world: World, api: ApiServer, spec: dict[str, Any]
) -> None:
    reconciler.observe(TASK_SEARCH, api.put())
    await asyncio.sleep(10)
    before = copy.deepcopy(api.bodies["one"]["status"])

    reconciler.observe(TASK_SEARCH, api.put(**spec))

    await asyncio.sleep(10)
    assert (api.bodies["one"]["status"], asked(world)) == (before, 1)


async def test_progress_is_told_whatever_others_write_meanwhile(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    reconciler.observe(TASK_SEARCH, api.put())
    for _ in range(10):
        await asyncio.sleep(0.1)
        reconciler.observe(TASK_SEARCH, api.touch())

    assert api.status().reason == "Running"


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)], ids=["forward", "backward"])
async def test_clock_that_jumps_ends_no_run_and_prolongs_none(
    reconciler: Reconciler, world: World, api: ApiServer, clock: JumpingClock, jump: timedelta
) -> None:
    world.peer("n1").downloads()
    reconciler.observe(TASK_DELETION, api.put(kind=TASK_DELETION, activeDeadlineSeconds=100))
    await asyncio.sleep(50)

    clock.jumped = jump

    await asyncio.sleep(49)
    going = not api.status().is_finished
    await asyncio.sleep(2)
    assert (going, api.status().reason) == (True, "DeadlineExceeded")


async def test_run_begun_by_an_operator_with_a_fast_clock_gets_no_more_than_its_time(
    reconciler: Reconciler, world: World, api: ApiServer, clock: JumpingClock
) -> None:
    world.peer("n1").downloads()
    clock.jumped = timedelta(days=1)
    reconciler.observe(TASK_DELETION, api.put(kind=TASK_DELETION, activeDeadlineSeconds=100))
    await asyncio.sleep(10)
    await reconciler.aclose(may_write=True)

    after = made(world.means(), api, History())
    after.observe(TASK_DELETION, copy.deepcopy(api.bodies["one"]))

    await asyncio.sleep(102)
    await after.aclose(may_write=True)
    assert api.status().reason == "DeadlineExceeded"


async def test_search_is_repeated_at_its_interval(reconciler: Reconciler, world: World, api: ApiServer) -> None:
    reconciler.observe(TASK_SEARCH, api.put(refreshIntervalSeconds=60))

    await asyncio.sleep(190)

    assert [int(at) for at in world.peer("n1").times_asked("stat")] == [2, 64, 126, 188]


async def test_search_that_is_due_in_the_second_in_which_its_last_run_began_begins_once(
    reconciler: Reconciler, api: ApiServer, clock: JumpingClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    reconciler.observe(TASK_SEARCH, api.put(refreshIntervalSeconds=600))
    await asyncio.sleep(10)
    whole_second = clock.now().replace(microsecond=0)
    assert clock.now() - whole_second < timedelta(milliseconds=500)
    status = api.bodies["one"]["status"]
    status |= {
        "startTime": whole_second.isoformat(timespec="seconds"),
        "completionTime": (whole_second - timedelta(seconds=601)).isoformat(timespec="seconds"),
    }

    reconciler.observe(TASK_SEARCH, api.touch())

    await asyncio.sleep(10)
    assert [record.message for record in caplog.records].count("run.started") == 2
    assert api.status().is_finished


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)], ids=["forward", "backward"])
async def test_clock_that_jumps_has_no_object_removed_early_or_late(
    reconciler: Reconciler, world: World, api: ApiServer, clock: JumpingClock, jump: timedelta
) -> None:
    reconciler.observe(TASK_SEARCH, api.put(ttlSecondsAfterFinished=100))
    await asyncio.sleep(50)

    clock.jumped = jump
    reconciler.observe(TASK_SEARCH, api.touch())  # has the object looked at anew

    await asyncio.sleep(45)
    kept = "one" in api.bodies
    await asyncio.sleep(20)
    assert (kept, "one" in api.bodies) == (True, False)


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)], ids=["forward", "backward"])
async def test_clock_that_jumps_has_no_search_repeated_early_or_late(
    reconciler: Reconciler, world: World, api: ApiServer, clock: JumpingClock, jump: timedelta
) -> None:
    reconciler.observe(TASK_SEARCH, api.put(refreshIntervalSeconds=60))
    await asyncio.sleep(30)

    clock.jumped = jump
    reconciler.observe(TASK_SEARCH, api.touch())

    await asyncio.sleep(40)
    assert [int(at) for at in world.peer("n1").times_asked("stat")] == [2, 64]


async def test_object_that_says_it_ended_at_the_end_of_time_has_ended_when_that_was_seen(
    reconciler: Reconciler, api: ApiServer
) -> None:
    reconciler.observe(TASK_SEARCH, api.put(ttlSecondsAfterFinished=100))
    await asyncio.sleep(SLOW)
    api.bodies["one"]["status"]["completionTime"] = "9999-12-31T23:59:59Z"
    for _ in range(2):
        assert not reconciler.is_news(TASK_SEARCH, api.touch())
        await asyncio.sleep(45)

    kept = "one" in api.bodies
    await asyncio.sleep(20)

    assert (kept, "one" in api.bodies) == (True, False)


async def test_clock_that_is_set_back_has_no_run_end_before_it_began(
    reconciler: Reconciler, world: World, api: ApiServer, clock: JumpingClock
) -> None:
    world.peer("n1").downloads()
    reconciler.observe(TASK_DELETION, api.put(kind=TASK_DELETION, activeDeadlineSeconds=60))
    await asyncio.sleep(30)

    clock.jumped = timedelta(hours=-1)

    await asyncio.sleep(40)
    status = api.bodies["one"]["status"]
    assert status["completionTime"] >= status["startTime"]
    assert status["history"][0]["completionTime"] >= status["history"][0]["startTime"]


async def test_object_is_removed_when_its_time_after_finishing_is_over(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    reconciler.observe(TASK_SEARCH, api.put(ttlSecondsAfterFinished=100))

    await asyncio.sleep(101)
    is_there = "one" in api.bodies
    await asyncio.sleep(2)

    assert (is_there, "one" in api.bodies) == (True, False)


SLOW = 10
"""Seconds within which every run here is over."""


async def test_object_at_rest_is_known_without_kopf(reconciler: Reconciler, world: World, api: ApiServer) -> None:
    reconciler.observe(TASK_SEARCH, api.put())
    await asyncio.sleep(SLOW)
    finished = copy.deepcopy(api.bodies["one"])
    after = made(world.means(), api, History())

    news = [after.is_news(TASK_SEARCH, body) for body in (finished, finished, api.touch(), api.put(runID="two"))]

    assert (news, after.known(SEARCHES)) == ([False, False, False, True], {"uid-of-one"})


async def test_object_that_is_being_deleted_is_forgotten(reconciler: Reconciler, api: ApiServer) -> None:
    reconciler.observe(TASK_SEARCH, api.put())
    await asyncio.sleep(SLOW)
    body = api.touch()
    body["metadata"]["deletionTimestamp"] = "2026-11-24T00:00:00Z"

    assert (reconciler.is_news(TASK_SEARCH, body), reconciler.known(SEARCHES)) == (False, set())


async def test_objects_are_known_by_kind_and_namespace(reconciler: Reconciler, api: ApiServer) -> None:
    reconciler.observe(TASK_SEARCH, api.put())
    reconciler.observe(TASK_DELETION, api.put("two", TASK_DELETION))
    await asyncio.sleep(SLOW)

    scopes = [(TASK_SEARCH, None), (TASK_SEARCH, "default"), (TASK_SEARCH, "other"), (TASK_DELETION, "default")]
    known = [reconciler.known(Scope(*each)) for each in scopes]

    assert known == [{"uid-of-one"}, {"uid-of-one"}, set(), {"uid-of-two"}]


async def test_object_whose_time_comes_while_the_api_server_is_down_is_seen_to_afterwards(
    reconciler: Reconciler, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconciler.observe(TASK_SEARCH, api.put(ttlSecondsAfterFinished=100))
    await asyncio.sleep(SLOW)
    get = api.get

    async def get_later(ref: Ref) -> Snapshot:
        if now() < 200:
            raise ApiUnavailable("down")
        return await get(ref)

    monkeypatch.setattr(api, "get", get_later)

    await asyncio.sleep(150)
    is_there = "one" in api.bodies
    await asyncio.sleep(60)
    assert (is_there, "one" in api.bodies) == (True, False)


def back(history: History, body: dict[str, Any], *, to: int) -> dict[str, Any]:
    """Restore an object as it was at a version."""
    history.compare("tasksearches", "1", before=2, era=history.era)
    body["metadata"]["resourceVersion"] = str(to)
    return body


@pytest.fixture
def history(api: ApiServer) -> History:
    return api.history


@pytest.fixture
async def historic(world: World, api: ApiServer, history: History) -> AsyncIterator[Reconciler]:
    reconciler = made(world.means(), api, history)
    yield reconciler
    await reconciler.aclose(may_write=False)


async def test_run_goes_on_and_ends_once_when_history_has_gone_back(
    historic: Reconciler, history: History, world: World, api: ApiServer
) -> None:
    api.versions = 1000
    pending = api.put()
    historic.observe(TASK_SEARCH, copy.deepcopy(pending))
    await asyncio.sleep(1)
    assert api.status().reason == "Running"

    api.versions = 500
    api.bodies["one"] = back(history, pending, to=500)
    historic.observe(TASK_SEARCH, copy.deepcopy(api.bodies["one"]))

    await asyncio.sleep(SLOW)
    assert (api.status().is_finished, asked(world)) == (True, 1)


async def test_run_that_ended_is_told_again_and_not_done_again_when_its_end_was_lost(
    historic: Reconciler, history: History, world: World, api: ApiServer
) -> None:
    api.versions = 1000
    pending = api.put()
    historic.observe(TASK_SEARCH, copy.deepcopy(pending))
    await asyncio.sleep(SLOW)
    ended = api.bodies["one"]["status"]

    api.versions = 500
    api.bodies["one"] = back(history, pending, to=500)
    historic.observe(TASK_SEARCH, copy.deepcopy(api.bodies["one"]))

    await asyncio.sleep(SLOW)
    assert (api.bodies["one"]["status"], asked(world)) == (ended, 1)


async def test_edit_is_obeyed_after_history_has_gone_back(
    historic: Reconciler, history: History, world: World, api: ApiServer
) -> None:
    api.versions = 1000
    historic.observe(TASK_SEARCH, api.put())
    await asyncio.sleep(SLOW)

    api.versions = 500
    historic.observe(TASK_SEARCH, back(history, api.put(runID="two"), to=501))

    await asyncio.sleep(SLOW)
    assert (api.bodies["one"]["status"]["runID"], asked(world)) == ("two", 2)
