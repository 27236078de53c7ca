"""Deleting from every peer: retries, sweeps, downloads that are waited for, peers that come and go."""

from __future__ import annotations

import pytest

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.status import Failure, Status
from dragonfly_task_operator.errors import NoSchedulerReachable, PeerReason
from tests.unit.world import OTHER_TASK, TASK, World, end_of, now

pytestmark = pytest.mark.looptime


def failure_of(status: Status) -> Failure:
    assert status.failures is not None
    (failure,) = status.failures
    return failure


def counts(status: Status) -> tuple[int, int | None, int | None, int, int]:
    """Give (total, deleted, already absent, failed, unreachable)."""
    assert status.peers is not None
    peers = status.peers
    return peers.total, peers.deleted, peers.already_absent, peers.failed, peers.unreachable


async def test_every_copy_is_deleted() -> None:
    world = World()
    world.peer("n1").caches(TASK).caches(OTHER_TASK)
    world.peer("n2").caches(OTHER_TASK)
    world.peer("n3")

    status, verdict = await end_of(world.deletion(TASK, OTHER_TASK))

    assert (verdict.reason, counts(status)) == (Reason.DELETED, (3, 2, 1, 0, 0))
    assert not any(world.peer(name).holds(task) for name in ("n1", "n2") for task in (TASK, OTHER_TASK))


async def test_nothing_cached_needs_one_round() -> None:
    world = World()
    world.peer("n1")

    status, verdict = await end_of(world.deletion())

    assert (verdict.reason, counts(status)) == (Reason.NOTHING_TO_DELETE, (1, 0, 1, 0, 0))
    assert [call for _, call, _ in world.peer("n1").asked] == ["stat"]


# Retries


async def test_failure_that_passes_is_made_good() -> None:
    world = World()
    world.peer("n1").caches().fails("delete", PeerReason.OVERLOADED, times=3)

    status, verdict = await end_of(world.deletion())

    assert (verdict.reason, status.failures, now()) == (Reason.DELETED, None, 0.5 + 1 + 2)


@pytest.mark.parametrize(("limit", "attempts", "seconds"), [(0, 1, 0), (1, 2, 0.5), (3, 4, 3.5), (6, 7, 31.5)])
async def test_backoff_limit_is_the_number_of_retries(limit: int, attempts: int, seconds: float) -> None:
    world = World()
    world.peer("n1").fails("stat")

    status, verdict = await end_of(world.deletion(backoffLimit=limit))

    assert (verdict.reason, failure_of(status).attempts, now()) == (Reason.PEERS_FAILED, attempts, seconds)


async def test_failure_that_cannot_pass_is_not_tried_again() -> None:
    world = World()
    world.peer("n1").fails("stat", PeerReason.PERMISSION_DENIED, retryable=False)

    status, _ = await end_of(world.deletion())

    assert (failure_of(status).attempts, now()) == (1, 0)


async def test_one_peer_that_fails_does_not_keep_others_from_being_cleared() -> None:
    world = World()
    world.peer("n1").caches().fails("delete", PeerReason.INTERNAL, "disk on fire")
    world.peer("n2").caches()

    status, verdict = await end_of(world.deletion(backoffLimit=1))

    assert (verdict.reason, counts(status)) == (Reason.PEERS_FAILED, (2, 1, 0, 1, 0))
    assert (failure_of(status).hostname, failure_of(status).description) == ("n1", "disk on fire")


async def test_peer_that_errs_after_deleting_is_deleted_without_a_retry() -> None:
    world = World()
    world.peer("n1").caches().fails("delete", PeerReason.INTERNAL, "scheduler is down", after=True)

    _, verdict = await end_of(world.deletion())

    assert (verdict.reason, len(world.peer("n1").times_asked("delete"))) == (Reason.DELETED, 1)


async def test_peer_lost_after_its_deletion_counts_as_deleted_once_it_says_so() -> None:
    world = World()
    world.peer("n1").caches().fails("delete", PeerReason.TIMEOUT, after=True).fails("stat", skip=1, times=1)

    status, verdict = await end_of(world.deletion())

    assert (verdict.reason, counts(status)) == (Reason.DELETED, (1, 1, 0, 0, 0))


async def test_peer_that_keeps_what_it_says_it_deleted_is_still_cached() -> None:
    world = World()
    world.peer("n1").caches().keeps()

    status, verdict = await end_of(world.deletion(backoffLimit=1))

    assert (verdict.reason, failure_of(status).reason) == (Reason.PEERS_FAILED, PeerReason.STILL_CACHED)


# Sweeps


async def test_peer_that_fetched_it_again_is_found_by_the_sweep_and_cleared() -> None:
    world = World()
    world.peer("n1").caches().recaches(times=1)

    status, verdict = await end_of(world.deletion())

    assert (verdict.reason, world.peer("n1").holds(), counts(status)) == (Reason.DELETED, False, (1, 1, 0, 0, 0))


async def test_peer_that_fetches_it_again_every_time_is_still_cached() -> None:
    world = World()
    world.peer("n1").caches().recaches()
    world.peer("n2").caches()

    status, verdict = await end_of(world.deletion(backoffLimit=2))

    assert (verdict.reason, counts(status)) == (Reason.PEERS_FAILED, (2, 1, 0, 1, 0))
    failure = failure_of(status)
    assert (failure.hostname, failure.reason) == ("n1", PeerReason.STILL_CACHED)
    assert "had the task in the last of 3 sweeps too; deletions of it so far: 4" in failure.description


async def test_peer_that_fails_in_the_last_sweep_keeps_its_own_reason() -> None:
    world = World()
    refused = PeerReason.PERMISSION_DENIED
    world.peer("n1").caches().recaches().fails("delete", refused, "not for you", retryable=False, skip=3)

    status, _ = await end_of(world.deletion(backoffLimit=2))

    assert (failure_of(status).reason, failure_of(status).description) == (refused, "not for you")


async def test_sweeps_are_spaced_further_and_further() -> None:
    world = World()
    world.peer("n1").caches().recaches()

    await end_of(world.deletion(backoffLimit=3))

    assert world.peer("n1").times_asked("delete") == [0, 0, 0.5, 1.5, 3.5]


async def test_peer_that_failed_for_good_is_not_asked_by_sweeps() -> None:
    world = World()
    world.peer("n1").caches()
    world.peer("n2").fails("stat", PeerReason.UNIMPLEMENTED, retryable=False)

    await end_of(world.deletion())

    assert len(world.peer("n2").asked) == 1


# Downloads


async def test_download_is_deleted_when_it_has_finished() -> None:
    world = World()
    peer = world.peer("n1").downloads(until=100)

    status, verdict = await end_of(world.deletion(backoffLimit=0))

    assert (verdict.reason, counts(status)) == (Reason.DELETED, (1, 1, 0, 0, 0))
    assert [at >= 100 for at in peer.times_asked("delete")] == [True]


async def test_download_that_never_ends_is_waited_for_until_the_deadline() -> None:
    world = World()
    peer = world.peer("n1").downloads()

    status, verdict = await end_of(world.deletion(backoffLimit=0, activeDeadlineSeconds=600))

    assert (verdict.reason, now(), peer.times_asked("delete")) == (Reason.DEADLINE_EXCEEDED, 600, [])
    assert failure_of(status).reason == PeerReason.DOWNLOADING


async def test_download_is_deleted_at_once_when_the_user_insists() -> None:
    world = World()
    peer = world.peer("n1").downloads()

    _, verdict = await end_of(world.deletion(unfinishedDownloads="Delete"))

    assert (verdict.reason, peer.times_asked("delete"), peer.holds()) == (Reason.DELETED, [0], False)


# Peers and schedulers that come and go


async def test_peer_that_appears_in_a_retry_round_is_cleared() -> None:
    world = World()
    world.peer("n1").fails("stat", times=1)
    late = world.peer("n2", appears_at=0.5).caches()

    status, verdict = await end_of(world.deletion())

    assert (verdict.reason, late.holds(), counts(status)) == (Reason.DELETED, False, (2, 1, 1, 0, 0))


async def test_peer_that_appears_before_the_sweep_is_cleared() -> None:
    world = World(latency=1)
    world.peer("n1").caches()
    late = world.peer("n2", appears_at=2).caches()

    status, verdict = await end_of(world.deletion())

    assert (verdict.reason, late.holds(), counts(status)) == (Reason.DELETED, False, (2, 2, 0, 0, 0))


async def test_peer_that_schedulers_forget_is_asked_all_the_same() -> None:
    world = World()
    peer = world.peer("n1", forgotten_at=0.1).caches().fails("delete", times=1)

    status, verdict = await end_of(world.deletion())

    assert (verdict.reason, peer.holds(), counts(status)) == (Reason.DELETED, False, (1, 1, 0, 0, 0))


async def test_schedulers_that_restart_in_the_middle_hold_a_run_up_and_no_more() -> None:
    world = World()
    peer = world.peer("n1").caches().fails("delete", times=1)
    world.schedulers_fail(NoSchedulerReachable("restarting"), since=0.1, times=2)

    _, verdict = await end_of(world.deletion())

    assert (verdict.reason, peer.holds(), world.listed_at) == (Reason.DELETED, False, [0, 0.5, 1, 2, 2])


async def test_silent_scheduler_is_told_of_beside_the_result() -> None:
    world = World(silent=("10.0.0.8:8002: timed out after 5 s",), schedulers=3)
    world.peer("n1").caches()

    _, verdict = await end_of(world.deletion())

    assert verdict.reason is Reason.DELETED
    assert verdict.message.endswith("; 1 of 3 schedulers did not answer (10.0.0.8:8002: timed out after 5 s)")


# Policies


async def test_dry_run_finds_and_deletes_nothing() -> None:
    world = World()
    peer = world.peer("n1").caches()

    status, verdict = await end_of(world.deletion(dryRun=True))

    assert (verdict.reason, peer.times_asked("delete"), peer.holds()) == (Reason.DRY_RUN, [], True)
    assert status.tasks is not None
    assert [holder.hostname for holder in status.tasks[0].cached_by or ()] == ["n1"]


async def test_unreachable_peer_is_listed_and_ignored_when_the_user_says_so() -> None:
    world = World()
    world.peer("n1").caches()
    world.peer("n2").fails("stat")

    status, verdict = await end_of(world.deletion(unreachablePeers="Ignore", backoffLimit=0))

    assert (verdict.reason, counts(status)) == (Reason.DELETED, (2, 1, 0, 0, 1))
    assert failure_of(status).reason == PeerReason.UNREACHABLE


async def test_peer_that_had_a_copy_and_was_lost_is_never_ignored() -> None:
    world = World()
    world.peer("n1").caches().fails("delete")

    status, verdict = await end_of(world.deletion(unreachablePeers="Ignore", backoffLimit=0))

    assert (verdict.reason, counts(status)) == (Reason.PEERS_FAILED, (1, 0, 0, 1, 0))
