"""One run, from its spec to a verdict: deadlines, edits on the way, cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.specs import TaskDeletionSpec, TaskSearchSpec
from dragonfly_task_operator.api.status import Status
from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine import run as run_module
from dragonfly_task_operator.engine.ledger import Ledger
from dragonfly_task_operator.engine.model import Plan
from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.engine.report import Carried
from dragonfly_task_operator.engine.run import Run
from dragonfly_task_operator.engine.summary import Summary, summarise
from dragonfly_task_operator.engine.verdict import Verdict
from dragonfly_task_operator.errors import ImageUnresolvable, PeerReason
from tests.unit.world import EPOCH, OTHER_TASK, TASK, World, end_of, now

pytestmark = pytest.mark.looptime


class Unresolvable:
    async def resolve(self, targets: Sequence[Target], *, namespace: str, troubled: Troubled) -> Plan:
        raise ImageUnresolvable("the image can't be resolved")


class HeldUp:
    async def resolve(self, targets: Sequence[Target], *, namespace: str, troubled: Troubled) -> Plan:
        troubled(ImageUnresolvable("the registry answered 429", retry_after=3600))
        await asyncio.sleep(3600)
        raise AssertionError


async def started(run: Run, *, seconds: float) -> asyncio.Task[Verdict]:
    """Let a run go for so long."""
    task = asyncio.ensure_future(run.execute())
    await asyncio.sleep(seconds)
    assert not task.done()
    return task


def edited(run: Run, *, deadline: int) -> TaskDeletionSpec:
    assert isinstance(run.spec, TaskDeletionSpec)
    return run.spec.model_copy(update={"active_deadline_seconds": deadline})


async def test_target_that_cannot_be_resolved_ends_the_run_before_it_begins() -> None:
    world = World(targets=Unresolvable())

    status, verdict = await end_of(world.search())

    assert (verdict, status) == (Verdict(Reason.IMAGE_UNRESOLVABLE, "the image can't be resolved"), Status())


async def test_registry_that_holds_a_run_up_is_told_meanwhile_and_in_the_end() -> None:
    run = World(targets=HeldUp()).search()

    going = await started(run, seconds=1)
    meanwhile = run.snapshot()[1]
    verdict = await going

    assert meanwhile == Verdict(Reason.RUNNING, "trying again: the registry answered 429")
    assert verdict.reason == Reason.IMAGE_UNRESOLVABLE
    assert verdict.message.startswith("gave up after 300 s (spec.activeDeadlineSeconds): the registry answered 429")


async def test_run_that_has_not_begun_says_so() -> None:
    assert World().search().snapshot() == (Status(), Verdict(Reason.RUNNING, "resolving targets"))


async def test_deadline_keeps_what_is_known() -> None:
    world = World()
    world.peer("n1").caches()
    world.peer("n2").downloads()

    status, verdict = await end_of(world.deletion(activeDeadlineSeconds=60))

    assert (verdict.reason, now()) == (Reason.DEADLINE_EXCEEDED, 60)
    assert status.peers is not None
    assert (status.peers.deleted, status.peers.failed) == (1, 1)


async def test_deadline_ends_a_round_that_hangs() -> None:
    world = World(latency=1e6)
    world.peer("n1")

    status, verdict = await end_of(world.search(activeDeadlineSeconds=60))

    assert (verdict.reason, now(), status.progress) == (Reason.DEADLINE_EXCEEDED, 60, "0/1")


async def test_deadline_counts_from_the_start_of_the_run_in_an_operator_that_is_gone() -> None:
    world = World(latency=1e6)
    world.peer("n1")
    spec = TaskSearchSpec.model_validate({"targets": [{"taskID": TASK}], "activeDeadlineSeconds": 60})
    run = Run(spec, "default", world.means(), EPOCH - timedelta(seconds=45))

    verdict = await run.execute()

    assert (verdict.reason, now()) == (Reason.DEADLINE_EXCEEDED, 15)


async def test_run_whose_deadline_is_over_ends_at_once() -> None:
    world = World(latency=1)
    world.peer("n1")
    spec = TaskSearchSpec.model_validate({"targets": [{"taskID": TASK}]})
    run = Run(spec, "default", world.means(), EPOCH - timedelta(days=1))

    assert ((await run.execute()).reason, now()) == (Reason.DEADLINE_EXCEEDED, 0)


@pytest.mark.parametrize("deadline", [30, 600], ids=["earlier", "later"])
async def test_edited_deadline_counts_at_once(deadline: int) -> None:
    world = World()
    world.peer("n1").downloads()
    run = world.deletion(activeDeadlineSeconds=60)
    going = await started(run, seconds=20)

    run.adopt(edited(run, deadline=deadline))
    verdict = await going

    assert (verdict.reason, now()) == (Reason.DEADLINE_EXCEEDED, deadline)
    assert f"after {deadline} s" in verdict.message


async def test_deadline_edited_to_what_is_over_ends_the_run_at_once() -> None:
    world = World()
    world.peer("n1").downloads()
    run = world.deletion(activeDeadlineSeconds=60)
    going = await started(run, seconds=20)

    run.adopt(edited(run, deadline=10))

    assert ((await going).reason, now()) == (Reason.DEADLINE_EXCEEDED, 20)


async def test_edit_before_the_run_begins_counts() -> None:
    world = World()
    world.peer("n1").downloads()
    run = world.deletion(activeDeadlineSeconds=60)

    run.adopt(edited(run, deadline=10))
    await run.execute()

    assert now() == 10


async def test_cancelled_run_stops_asking_and_gives_no_verdict() -> None:
    world = World(latency=1)
    for number in range(10):
        world.peer(f"n{number}")
    going = await started(world.search(parallelism=1), seconds=2.5)

    going.cancel()
    await asyncio.wait({going})
    await asyncio.sleep(100)

    assert (going.cancelled(), sum(len(world.peer(f"n{number}").asked) for number in range(10))) == (True, 2)


async def test_snapshot_on_the_way_tells_what_is_known() -> None:
    world = World(latency=1)
    world.peer("n1").caches()
    world.peer("n2").caches()
    run = world.search(parallelism=1)
    going = await started(run, seconds=1.5)

    status, verdict = run.snapshot()
    going.cancel()

    assert (status.progress, verdict.reason) == ("1/2", Reason.RUNNING)


async def test_ledger_is_folded_once_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    folds = 0

    def counted(ledger: Ledger, *, is_complete: bool = False) -> Summary:
        nonlocal folds
        folds += 1
        return summarise(ledger, is_complete=is_complete)

    monkeypatch.setattr(run_module, "summarise", counted)
    world = World()
    world.peer("n1").caches()

    await end_of(world.search())

    assert folds == 1


async def test_run_that_came_to_its_end_has_settled_everything() -> None:
    world = World()
    world.peer("n1")
    world.peer("n2").fails("stat")

    status, _ = await end_of(world.deletion(backoffLimit=1))

    assert status.progress == "2/2"


async def test_run_that_was_out_of_time_has_not() -> None:
    world = World()
    world.peer("n1")
    world.peer("n2").fails("stat")

    status, _ = await end_of(world.deletion(activeDeadlineSeconds=5))

    assert status.progress == "1/2"


async def test_peers_cleared_before_a_restart_are_told_of() -> None:
    world = World()
    world.peer("n1")
    world.peer("n2").caches(OTHER_TASK)

    status, verdict = await end_of(world.deletion(TASK, OTHER_TASK, carried=Carried(1, {TASK: 1})))

    assert status.peers is not None
    assert status.tasks is not None
    assert (verdict.reason, status.peers.deleted, status.peers.already_absent) == (Reason.DELETED, 2, 0)
    assert {task.task_id: task.peers.deleted for task in status.tasks} == {TASK: 1, OTHER_TASK: 1}


async def test_attempts_and_the_time_of_the_last_are_told() -> None:
    world = World()
    world.peer("n1").fails("stat", PeerReason.OVERLOADED, "over 400 requests a second")

    status, _ = await end_of(world.deletion(backoffLimit=2))

    assert status.failures is not None
    (failure,) = status.failures
    assert (failure.attempts, failure.last_attempt_time) == (3, EPOCH + timedelta(seconds=1))
