"""A run whose operator could not ask: it waits, blames nobody, and says whose trouble it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import Host, HostListing, Presence
from dragonfly_task_operator.engine.run import Run
from dragonfly_task_operator.errors import OwnKind, OwnTrouble
from tests.unit.world import World, end_of, now

pytestmark = pytest.mark.looptime


@dataclass
class ShortWorld(World):
    """A Dragonfly whose operator can't make so many of a kind of call, not counting the first few to skip."""

    short_of: dict[str, tuple[int, float]] = field(default_factory=dict)

    async def hosts(self) -> HostListing:
        self._open_a_file("hosts")
        return await super().hosts()

    async def look(self, host: Host, task: TaskID) -> Presence:
        self._open_a_file("stat")
        return await super().look(host, task)

    async def delete(self, host: Host, task: TaskID) -> None:
        self._open_a_file("delete")
        await super().delete(host, task)

    def _open_a_file(self, call: str) -> None:
        skip, times = self.short_of.get(call, (0, 0))
        self.short_of[call] = (skip - 1, times) if skip else (0, times - 1)
        if not skip and times > 0:
            raise OwnTrouble(OwnKind.FILES, "the operator has run out of files (limit 64)")


def runs(world: World) -> list[Run]:
    return [world.search(), world.deletion(unreachablePeers="Ignore"), world.deletion(dryRun=True)]


RUNS = pytest.mark.parametrize("which", [0, 1, 2], ids=["search", "deletion", "dry run"])


@RUNS
async def test_peer_that_could_not_be_asked_for_long_is_asked_in_the_end_and_not_blamed(which: int) -> None:
    world = ShortWorld(short_of={"stat": (0, 20)})
    world.peer("n1").caches()

    status, verdict = await end_of(runs(world)[which])

    assert verdict.reason is [Reason.FOUND, Reason.DELETED, Reason.DRY_RUN][which]
    assert status.failures is None


@RUNS
@pytest.mark.parametrize("call", ["stat", "hosts"])
async def test_own_trouble_that_stays_ends_a_run_at_its_deadline_as_the_operators(which: int, call: str) -> None:
    world = ShortWorld(short_of={call: (0, math.inf)})
    world.peer("n1").caches()
    run = runs(world)[which]

    status, verdict = await end_of(run)

    assert (verdict.reason, now()) == (Reason.DEADLINE_EXCEEDED, run.spec.active_deadline_seconds)
    assert "the operator has run out of files (limit 64)" in verdict.message
    assert (status.failures, [task.result for task in status.tasks or ()]) == (None, [None] if status.tasks else [])
    assert status.peers is None or (status.peers.failed, status.peers.unreachable) == (0, 0)


@pytest.mark.parametrize(
    "short", [{"delete": (0, 1)}, {"stat": (1, 5)}, {"delete": (0, 1), "stat": (1, 1)}], ids=["delete", "proof", "both"]
)
async def test_deletion_that_is_held_up_half_way_counts_as_deleted(short: dict[str, tuple[int, float]]) -> None:
    world = ShortWorld(short_of=short)
    world.peer("n1").caches()

    status, verdict = await end_of(world.deletion())

    assert (verdict.reason, world.peer("n1").holds()) == (Reason.DELETED, False)
    assert status.peers is not None
    assert (status.peers.deleted, status.peers.already_absent) == (1, 0)


@RUNS
async def test_own_trouble_when_it_is_looked_who_has_left_is_waited_out(which: int) -> None:
    listings = [1, 4, 1][which]  # before the one that is to confirm it
    world = ShortWorld(short_of={"hosts": (listings, 2)})
    world.peer("n1").caches()
    world.peer("old").fails("stat").leaves()

    _, verdict = await end_of(runs(world)[which])

    assert verdict.reason is [Reason.FOUND, Reason.DELETED, Reason.DRY_RUN][which], verdict.message
    assert "1 peer left the cluster" in verdict.message
    assert world.short_of["hosts"] == (0, -1), "the listing that was to fail is another by now"


async def test_run_says_while_it_is_held_up_that_the_operator_is() -> None:
    world = ShortWorld(short_of={"stat": (0, math.inf)})
    world.peer("n1").caches()
    run = world.deletion(activeDeadlineSeconds=5)

    await end_of(run)

    assert run.snapshot()[1].message.startswith("held up: the operator has run out of files (limit 64); 1 peer could")


async def test_own_trouble_is_counted_and_costs_a_peer_no_attempt() -> None:
    counted: list[OwnTrouble] = []
    world = ShortWorld(short_of={"stat": (0, 9)})
    world.peer("n1").fails("stat", times=1)
    run = world.deletion(backoffLimit=1)
    object.__setattr__(run.means, "count_own", counted.append)

    _, verdict = await end_of(run)

    assert verdict.reason is Reason.NOTHING_TO_DELETE
    assert [trouble.kind for trouble in counted] == [OwnKind.FILES] * 9
