"""The work queue over an API server that is a dict: events that are lost, late or doubled, and writes that fail."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dragonfly_task_operator.api.kinds import TASK_DELETION, TASK_SEARCH, Kind
from dragonfly_task_operator.api.status import Status
from dragonfly_task_operator.engine.model import (
    ABSENT,
    Host,
    HostListing,
    HostType,
    Identity,
    PlannedTask,
    Presence,
    TaskMetadata,
)
from dragonfly_task_operator.engine.run import Means
from dragonfly_task_operator.kube.events import Recorder
from dragonfly_task_operator.kube.objects import ApiUnavailable, ObjectGone, Objects, Ref, Snapshot, WriteRefused
from dragonfly_task_operator.kube.reconciler import Reconciler

TASK = "a1" * 32
HOST = Host("10.0.0.7-n7", "n7", "10.0.0.7", 4000, HostType.NORMAL, 1, "default")


class Clock:
    """Wall-clock time that can jump; waiting is the loop's."""

    def __init__(self) -> None:
        self.jumped = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.jumped


class World:
    """Dragonfly with one peer, that answers when it is let."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = 0
        self.abandoned = 0

    async def resolve(self, targets: Sequence[object], *, namespace: str) -> tuple[PlannedTask, ...]:
        return (PlannedTask(TASK, 0, Identity.TASK_ID, TASK),)

    async def hosts(self) -> HostListing:
        return HostListing((HOST,), (), 1)

    async def metadata(self, task: str) -> TaskMetadata | None:
        return None

    async def stat(self, host: Host, task: str) -> Presence:
        self.asked += 1
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        return ABSENT

    async def delete(self, host: Host, task: str) -> None:
        raise AssertionError("nothing is cached")


class ApiServer(Objects):
    """Objects by name, as the API server keeps them; `fail` may raise what a write is to meet."""

    def __init__(self) -> None:
        self.bodies: dict[str, dict[str, Any]] = {}
        self.versions = 0
        self.fail: Callable[[Status], None] = lambda status: None

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

    def status(self, name: str = "one") -> Status:
        return Status.model_validate(self.bodies[name]["status"])

    def _version(self) -> str:
        self.versions += 1
        return str(self.versions)

    async def get(self, ref: Ref) -> Snapshot:
        if ref.name not in self.bodies:
            raise ObjectGone("gone")
        return Snapshot(ref, copy.deepcopy(self.bodies[ref.name]))

    async def write_status(self, snapshot: Snapshot, render: Callable[[Snapshot], Status]) -> Snapshot:
        status = render(snapshot)
        if (await self.get(snapshot.ref)).resource_version != snapshot.resource_version:
            return await self.write_status(await self.get(snapshot.ref), render)
        self.fail(status)
        body = self.bodies[snapshot.ref.name]
        body["status"] = status.to_json()
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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world() -> World:
    return World()


@pytest.fixture
async def api() -> ApiServer:
    return ApiServer()


@pytest.fixture
async def reconciler(clock: Clock, world: World, api: ApiServer) -> AsyncIterator[Reconciler]:
    means = Means(targets=world, schedulers=world, peers=world, clock=clock)
    reconciler = Reconciler(means=means, objects=api, recorder=Silent())
    yield reconciler
    world.answers.set()
    await reconciler.aclose()


async def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until this holds; `what` is for the reader of a traceback."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for is plain data
            await asyncio.sleep(0.005)


async def test_run_of_an_object_whose_deletion_nobody_told_of_is_swept_away(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    world.answers.clear()
    reconciler.observe(TASK_SEARCH, api.put())
    await until(lambda: world.asked == 1, "the run")
    api.bodies.clear()

    await reconciler.sweep([])

    await until(lambda: world.abandoned == 1, "the end of the request under way")


async def test_object_that_is_there_outlives_a_sweep(reconciler: Reconciler, world: World, api: ApiServer) -> None:
    world.answers.clear()
    reconciler.observe(TASK_SEARCH, api.put())
    await until(lambda: world.asked == 1, "the run")

    await reconciler.sweep([])
    world.answers.set()

    await until(lambda: api.status().is_finished, "the end of the run")


async def test_doubled_and_stale_events_run_nothing_again(reconciler: Reconciler, world: World, api: ApiServer) -> None:
    untouched = api.put()
    reconciler.observe(TASK_SEARCH, untouched)
    await until(lambda: api.status().is_finished, "the end of the run")

    for body in (untouched, copy.deepcopy(api.bodies["one"]), untouched):
        reconciler.observe(TASK_SEARCH, body)
    reconciler.observe(TASK_SEARCH, api.put("two"))
    await until(lambda: api.status("two").is_finished, "the end of the other run")

    assert world.asked == 2


async def test_edit_that_the_watch_is_late_to_tell_of_is_obeyed_when_a_write_meets_it(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    world.answers.clear()
    reconciler.observe(TASK_SEARCH, api.put())
    await until(lambda: world.asked == 1, "the first run")
    api.put(runID="two")  # and no event

    world.answers.set()

    await until(lambda: api.status().is_finished, "the end of the second run")
    assert (api.status().run_id, world.asked) == ("two", 2)


async def test_result_is_written_when_the_api_server_is_back(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    failures = iter(range(3))

    def fail_at_first(status: Status) -> None:
        if next(failures, None) is not None:
            raise ApiUnavailable("the API server restarts")

    api.fail = fail_at_first
    reconciler.observe(TASK_SEARCH, api.put())

    await until(lambda: api.status().is_finished, "the end of the run")
    assert (api.status().reason, world.asked) == ("NotFound", 1)


async def test_object_whose_status_the_api_server_refuses_is_not_left_hanging(
    reconciler: Reconciler, world: World, api: ApiServer
) -> None:
    def refuse_results(status: Status) -> None:
        if status.tasks:
            raise WriteRefused("422")

    api.fail = refuse_results
    reconciler.observe(TASK_SEARCH, api.put())

    await until(lambda: api.status().is_finished, "the end")
    assert (api.status().reason, world.asked) == ("InternalError", 1)


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)], ids=["forward", "backward"])
async def test_clock_that_jumps_ends_no_run_and_prolongs_none(
    reconciler: Reconciler, world: World, api: ApiServer, clock: Clock, jump: timedelta
) -> None:
    world.answers.clear()
    reconciler.observe(TASK_SEARCH, api.put(activeDeadlineSeconds=1))
    await until(lambda: world.asked == 1, "the run")
    clock.jumped = jump

    await until(lambda: api.status().is_finished, "the deadline")

    assert api.status().reason == "DeadlineExceeded"


async def test_run_begun_by_an_operator_with_a_fast_clock_gets_no_more_than_its_time(
    reconciler: Reconciler, world: World, api: ApiServer, clock: Clock
) -> None:
    world.answers.clear()
    clock.jumped = timedelta(days=1)
    reconciler.observe(TASK_DELETION, api.put(kind=TASK_DELETION, activeDeadlineSeconds=1))
    await until(lambda: bool(api.status().start_time), "the first status")
    await reconciler.aclose()

    clock.jumped = timedelta()
    after = Reconciler(means=reconciler._means, objects=api, recorder=Silent())
    after.observe(TASK_DELETION, copy.deepcopy(api.bodies["one"]))

    await until(lambda: api.status().is_finished, "the deadline")
    await after.aclose()
    assert api.status().reason == "DeadlineExceeded"
