"""A thousand objects applied while peers come and go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.stage import Stage, task_of
from tests.simulator.control import Control

pytestmark = pytest.mark.controlplane

OBJECTS = 1000


@pytest.fixture(scope="module")
def peers() -> int:
    return 6


@contextmanager
def flapping(world: Control, peers: int) -> Iterator[None]:
    """Take one peer after another down and up again, while the context lasts."""
    over = threading.Event()

    def flap() -> None:
        number = 0
        while not over.wait(0.2):
            world.comes_back(f"n{number}")
            number = (number + 1) % peers
            world.goes_down(f"n{number}")

    thread = threading.Thread(target=flap)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        world.comes_back("all")


def test_invariants_hold_for_a_thousand_objects_while_peers_flap(stage: Stage, world: Control, peers: int) -> None:
    bodies = [
        stage.new("TaskDeletion" if number % 2 else "TaskSearch", activeDeadlineSeconds=600)
        for number in range(OBJECTS)
    ]
    for body in bodies[::10]:
        world.caches(task_of(body))

    with flapping(world, peers):
        stage.create(bodies)
        stage.finish(bodies, seconds=630)

    assert stage.violations(bodies) + stage.wrong_deletions() == []
