"""Peers that left the cluster: asked, told, and not held against a run; never taken for gone by mistake."""

from __future__ import annotations

import math

import pytest

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.status import Status
from dragonfly_task_operator.engine.model import HostListing
from dragonfly_task_operator.errors import NoSchedulerReachable, PeerReason
from tests.unit.world import OTHER_TASK, TASK, World, end_of

pytestmark = pytest.mark.looptime

SILENCES = [PeerReason.UNREACHABLE, PeerReason.TIMEOUT]


def counts(status: Status) -> dict[str, int]:
    assert status.peers is not None
    return status.peers.to_json()


@pytest.mark.parametrize("silence", SILENCES)
async def test_deletion_succeeds_beside_a_peer_that_left_and_says_so(silence: PeerReason) -> None:
    world = World()
    world.peer("n0").caches()
    world.peer("n1")
    world.peer("old").caches().fails("stat", silence).leaves()

    status, verdict = await end_of(world.deletion(TASK))

    assert verdict.reason is Reason.DELETED
    assert verdict.message == (
        "deleted from 1 of 2 peers; all 2 of them, asked again, no longer have it; 1 peer left the cluster"
    )
    assert counts(status) == {
        "total": 2,
        "caching": 1,
        "deleted": 1,
        "alreadyAbsent": 1,
        "failed": 0,
        "unreachable": 0,
        "gone": 1,
    }
    assert (status.failures, status.failure_summary, status.progress) == (None, None, "2/2")


async def test_search_is_whole_beside_peers_that_left_and_says_so() -> None:
    world = World()
    world.peer("n0").caches()
    for name in ("old0", "old1"):
        world.peer(name).fails("stat").leaves()

    status, verdict = await end_of(world.search(TASK))

    assert (verdict.reason, verdict.message) == (Reason.FOUND, "cached on 1 of 1 peer; 2 peers left the cluster")
    assert (status.failures, status.progress) == (None, "1/1")
    assert status.tasks is not None
    assert (status.tasks[0].peers.total, status.tasks[0].peers.gone) == (1, 2)


async def test_peer_that_left_is_asked_three_times_and_not_for_all_retries() -> None:
    world = World()
    world.peer("n0")
    world.peer("old").fails("stat").leaves()

    await end_of(world.deletion(TASK))

    assert len(world.peer("old").times_asked("stat")) == 3


async def test_peer_that_answers_has_not_left_whatever_speaks_for_it() -> None:
    world = World()
    world.peer("n0")
    world.peer("old").caches().leaves()

    status, verdict = await end_of(world.deletion(TASK))

    assert (verdict.reason, world.peer("old").holds(), counts(status)["deleted"]) == (Reason.DELETED, False, 1)
    assert "left the cluster" not in verdict.message


async def test_peer_that_refuses_has_not_left() -> None:
    world = World()
    world.peer("n0")
    world.peer("old").fails("stat", PeerReason.INTERNAL, "disk").leaves()

    _, verdict = await end_of(world.deletion(TASK, backoffLimit=0))

    assert (verdict.reason, "left" in verdict.message) == (Reason.PEERS_FAILED, False)


async def test_peer_that_may_be_there_fails_the_deletion_beside_one_that_left() -> None:
    world = World()
    world.peer("n0")
    world.peer("old").fails("stat").leaves()
    world.peer("n1").fails("stat")

    status, verdict = await end_of(world.deletion(TASK, backoffLimit=0))

    assert verdict.reason is Reason.PEERS_FAILED
    assert "1 peer left the cluster" in verdict.message
    assert status.failures is not None
    assert ([each.hostname for each in status.failures], counts(status)["unreachable"]) == (["n1"], 1)


async def test_nobody_has_left_when_everybody_would_have() -> None:
    world = World()
    world.peer("old").fails("stat").leaves()

    _, verdict = await end_of(world.deletion(TASK, backoffLimit=0))

    assert verdict.reason is Reason.PEERS_FAILED


async def test_peer_that_had_the_task_and_left_before_it_was_deleted_is_not_said_to_be_cleared() -> None:
    world = World()
    world.peer("n0")
    world.peer("old").caches().fails("delete").fails("stat", skip=1).leaves(at=0)

    status, verdict = await end_of(world.deletion(TASK))

    assert verdict.message == "none of 1 peers asked had it; 1 peer left the cluster"
    assert (counts(status)["deleted"], counts(status)["caching"], counts(status)["gone"]) == (0, 0, 1)


async def test_peer_that_answered_for_one_task_and_then_left_counts_for_that_one() -> None:
    world = World()
    world.peer("n0")
    world.peer("old").caches(OTHER_TASK).fails("stat", skip=1).leaves()

    status, verdict = await end_of(world.deletion(TASK, OTHER_TASK))

    assert (verdict.reason, "1 peer left the cluster" in verdict.message) == (Reason.NOTHING_TO_DELETE, True)
    assert (status.progress, counts(status)["total"]) == ("3/3", 2)


async def test_peer_that_came_back_while_the_run_ended_is_asked_after_all() -> None:
    class ComesBack(World):
        async def hosts(self) -> HostListing:
            if len(back.times_asked("stat")) == 3:
                back.leaves_at = math.inf
            return await super().hosts()

    world = ComesBack()
    world.peer("n0")
    back = world.peer("n1").caches().fails("stat", times=3).leaves()

    status, verdict = await end_of(world.deletion(TASK))

    assert (verdict.reason, back.holds(), counts(status)["deleted"]) == (Reason.DELETED, False, 1)
    assert "left the cluster" not in verdict.message


async def test_peer_that_appears_while_it_is_confirmed_that_another_left_is_asked() -> None:
    world = World()
    world.peer("n0")
    world.peer("old").fails("stat").leaves()
    new = world.peer("new", appears_at=1.5).caches()

    _, verdict = await end_of(world.search(TASK))

    assert (verdict.message, new.times_asked("stat")) == (
        "cached on 1 of 2 peers; 1 peer left the cluster",
        [1.5],
    )


async def test_nobody_has_left_when_no_scheduler_answers_in_the_end() -> None:
    world = World()
    world.peer("n0")
    world.peer("old").fails("stat").leaves()
    world.schedulers_fail(NoSchedulerReachable("no scheduler answered"), since=1.2)

    _, verdict = await end_of(world.search(TASK))

    assert (verdict.reason, "left the cluster" in verdict.message) == (Reason.PARTIAL_RESULTS, False)
