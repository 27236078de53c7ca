"""Runs one after another, in virtual time: how far they are told, and what ends them."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest

from dragonfly_task_operator.api.manifests import read_manifests
from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.model import Plan
from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.standalone.progress import Lines
from dragonfly_task_operator.standalone.runs import Finished, run_all
from tests.objects import manifest
from tests.unit.world import ByTaskID, World

pytestmark = pytest.mark.looptime

TASK = "a1" * 32


async def finished(
    world: World, *bodies: dict[str, Any], stop_after: float | None = None
) -> tuple[list[Finished], list[str]]:
    """Run manifests, and give what came of them and the lines that a log would have."""
    stop, log = asyncio.Event(), io.StringIO()
    if stop_after is not None:
        asyncio.get_running_loop().call_later(stop_after, stop.set)
    manifests = [each for body in bodies for each in read_manifests(json.dumps(body).encode(), source="f")]
    done = await run_all(manifests, world.means(), progress=Lines(log), stop=stop)
    return done, log.getvalue().splitlines()


def deletion(name: str, **spec: Any) -> dict[str, Any]:
    return manifest("TaskDeletion", name, {"taskID": TASK}, **spec)


async def test_log_has_a_line_every_five_seconds_and_one_in_the_end() -> None:
    world = World()
    world.peer("n1").downloads(TASK, until=12)

    done, lines = await finished(world, deletion("waits"))

    assert done[0].succeeded == "True"
    assert [line.rpartition(" (")[2] for line in lines[:-1]] == ["5 s)", "10 s)", "15 s)"]
    assert lines[-1].startswith("TaskDeletion waits: Deleted: deleted from 1 of 1 peer"), lines


async def test_run_that_is_stopped_tells_what_it_has_done_and_those_after_it_are_not_begun() -> None:
    world = World()
    world.peer("n1").caches(TASK)
    world.peer("n2").downloads(TASK)

    (first, second), lines = await finished(world, deletion("first"), deletion("second"), stop_after=7)

    assert (first.record.reason, first.status["peers"]["deleted"]) == ("Suspended", 1)
    assert first.record.message.startswith("interrupted after 7 s: 1 of 2 (task, peer) pairs settled")
    assert (second.record.reason, second.record.message) == ("Pending", "not begun: interrupted before")
    assert lines[-1] == "TaskDeletion second: Pending: not begun: interrupted before"


async def test_error_that_nobody_foresaw_ends_one_run_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    class Once(ByTaskID):
        broken = True

        async def resolve(self, targets: Sequence[Target], *, namespace: str, troubled: Troubled) -> Plan:
            if self.broken:
                self.broken = False
                raise ZeroDivisionError("see https://e.com/?token=hidden")
            return await super().resolve(targets, namespace=namespace, troubled=troubled)

    world = World(targets=Once())
    world.peer("n1").caches(TASK)

    (broken, sound), _ = await finished(world, deletion("broken"), deletion("sound"))

    assert (broken.succeeded, broken.record.reason) == ("False", "InternalError")
    assert ("ZeroDivisionError" in broken.record.message, "hidden" in broken.record.message) == (True, False)
    assert sound.record.reason == "Deleted"
    assert [record.exc_info is not None for record in caplog.records] == [True]


async def test_deadline_is_the_manifests() -> None:
    world = World()
    world.peer("n1").downloads(TASK)

    (done,), _ = await finished(world, deletion("late", activeDeadlineSeconds=3))

    assert done.record.reason == "DeadlineExceeded"
