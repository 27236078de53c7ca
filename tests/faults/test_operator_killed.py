"""The operator killed with -9 at every status write of a run, and anywhere, and started again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

import pytest

from tests.faults.stage import Stage, task_of
from tests.objects import succeeded, wait_for
from tests.simulator.control import Control

pytestmark = pytest.mark.controlplane

PEERS = 50


@pytest.fixture(scope="module")
def peers() -> int:
    return PEERS


@pytest.fixture
def slow_world(world: Control) -> Iterator[Control]:
    """Runs with a parallelism of 4 take some three seconds, so several writes."""
    world.conditions(latency=0.05)
    world.forget_calls()
    yield world
    world.conditions(latency=0.0)


@pytest.mark.parametrize("nth", range(1, 6))
def test_run_that_is_cut_off_after_a_write_is_finished_by_the_next_operator(
    stage: Stage, slow_world: Control, nth: int
) -> None:
    body = stage.new("TaskDeletion", parallelism=4, activeDeadlineSeconds=60)
    slow_world.caches(task_of(body))

    with stage.writes(body) as writes:
        for _ in zip(range(nth), writes, strict=False):
            pass
        stage.kill_operator()
    stage.start_operator()
    stage.finish([body], seconds=60)

    assert stage.violations([body]) + stage.wrong_deletions() == []
    status = stage.objects.status("TaskDeletion", body["metadata"]["name"])
    assert succeeded(status)[0] == "True"


def has_asked(world: Control, deletions: int) -> bool:
    return len(world.delete_requests()) >= deletions


def test_runs_that_are_cut_off_anywhere_are_finished_in_the_end(stage: Stage, slow_world: Control) -> None:
    bodies = [
        *(stage.new("TaskDeletion", parallelism=4, activeDeadlineSeconds=120) for _ in range(6)),
        *(stage.new("TaskSearch", parallelism=4, activeDeadlineSeconds=120) for _ in range(2)),
    ]
    for body in bodies:
        slow_world.caches(task_of(body))
    chosen = random.Random(5)  # the same points every time, as far as time allows
    points = sorted(chosen.sample(range(1, 6 * PEERS), 3))

    stage.create(bodies)
    for point in points:
        wait_for(partial(has_asked, slow_world, point), f"{point} deletions", seconds=60)
        stage.kill_operator()
        stage.start_operator()
    stage.finish(bodies, seconds=90)

    assert stage.violations(bodies) + stage.wrong_deletions() == []
    truths = [succeeded(stage.objects.status("TaskDeletion", body["metadata"]["name"]))[0] for body in bodies[:6]]
    assert truths == ["True"] * 6


def test_operator_that_starts_again_touches_no_finished_object(stage: Stage, world: Control) -> None:
    finished = [stage.new("TaskDeletion"), stage.new("TaskSearch")]
    stage.create(finished)
    stage.finish(finished, seconds=30)
    before = {name: body["metadata"]["resourceVersion"] for name, body in stage.bodies().items()}
    stage.kill_operator()
    world.forget_calls()

    stage.start_operator()
    late = stage.new("TaskSearch")
    stage.create([late])
    stage.finish([late], seconds=30)

    after = {name: body["metadata"]["resourceVersion"] for name, body in stage.bodies().items()}
    assert {name: version for name, version in after.items() if name in before} == before
    assert world.calls()["peers"] == {"stat": PEERS}
