"""Who the peers are, how long to wait for them, and how many are asked at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.engine.clearing import Note
from dragonfly_task_operator.engine.crowd import Crowd
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import ABSENT, Host
from dragonfly_task_operator.engine.rounds import backoff
from dragonfly_task_operator.errors import NoSchedulerReachable
from tests.unit.world import OTHER_TASK, TASK, World, end_of, now

DOWN = NoSchedulerReachable('no scheduler of cluster "default" answered (10.0.0.7:8002: connection refused)')


def test_backoff_doubles() -> None:
    assert [backoff(round_, lambda: 0.0) for round_ in range(4)] == [0.5, 1, 2, 4]


@pytest.mark.parametrize("round_", [6, 7, 100, 1_000_000])
def test_backoff_is_capped(round_: int) -> None:
    assert backoff(round_, lambda: 0.0) == 30


@settings(deadline=None)  # a busy machine is no defect
@given(st.integers(0, 1000), st.floats(0, 1))
def test_jitter_shortens_a_wait_by_half_at_most(round_: int, jitter: float) -> None:
    longest = backoff(round_, lambda: 0.0)

    assert longest / 2 <= backoff(round_, lambda: jitter) <= longest


@pytest.mark.looptime
async def test_schedulers_that_fail_are_tried_again() -> None:
    world = World()
    world.peer("n1")
    world.schedulers_fail(DOWN, times=3)
    rounds = world.rounds()

    await rounds.learn_hosts()

    assert (world.listed_at, rounds.trouble) == ([0, 0.5, 1.5, 3.5], None)


@pytest.mark.looptime
async def test_empty_listing_is_no_proof_and_is_tried_again() -> None:
    world = World()
    world.peer("n1").caches()
    world.schedulers_list_nobody(times=2)

    _, verdict = await end_of(world.search())

    assert (verdict.reason, world.listed_at) == (Reason.FOUND, [0, 0.5, 1.5])


@pytest.mark.looptime
async def test_run_says_what_holds_it_up_while_it_tries_again() -> None:
    world = World()
    world.schedulers_fail(DOWN)
    run = world.search()
    task = asyncio.ensure_future(run.execute())
    await asyncio.sleep(100)

    _, progress = run.snapshot()
    task.cancel()

    assert (progress.reason, progress.message) == (Reason.RUNNING, f"trying again: {DOWN}")


@pytest.mark.looptime
async def test_no_scheduler_until_the_deadline_is_the_reason_that_the_run_ends_with() -> None:
    world = World()
    world.schedulers_fail(DOWN)

    _, verdict = await end_of(world.search(activeDeadlineSeconds=60))

    assert (verdict.reason, now()) == (Reason.NO_SCHEDULER_REACHABLE, 60)
    assert verdict.message == f"gave up after 60 s (spec.activeDeadlineSeconds): {DOWN}"


@pytest.mark.looptime
async def test_no_peer_until_the_deadline_never_ends_in_success() -> None:
    world = World()

    status, verdict = await end_of(world.deletion(activeDeadlineSeconds=60))

    assert (verdict.reason, verdict.is_success, now()) == (Reason.NO_PEERS_KNOWN, False, 60)
    assert "no proof that nothing is cached" in verdict.message
    assert status.peers is not None
    assert status.peers.total == 0


@pytest.mark.looptime
async def test_only_peers_of_the_clusters_that_were_named_are_asked() -> None:
    world = World()
    world.peer("ours", cluster_id=2).caches()
    world.peer("theirs", cluster_id=3).caches()

    status, _ = await end_of(world.deletion(schedulerClusterIDs=[2]))

    assert status.peers is not None
    assert (status.peers.total, world.peer("theirs").asked) == (1, [])


@pytest.mark.looptime
async def test_cluster_id_that_no_peer_has_is_told_from_an_empty_listing() -> None:
    world = World()
    world.peer("n1", cluster_id=3)

    _, verdict = await end_of(world.search(schedulerClusterIDs=[7], activeDeadlineSeconds=5))

    assert verdict.reason is Reason.NO_PEERS_KNOWN
    assert "no peer belongs to spec.schedulerClusterIDs [7]; the schedulers list peers of [3]" in verdict.message


@pytest.mark.looptime
async def test_peer_that_is_no_longer_listed_stays() -> None:
    world = World()
    world.peer("n1")
    world.peer("n2")
    rounds = world.rounds()
    await rounds.learn_hosts()
    world.schedulers_list_nobody()

    new = await rounds.learn_hosts()

    assert (new, len(rounds.ledger.hosts), rounds.trouble) == ([], 2, None)


@pytest.mark.looptime
async def test_only_peers_that_are_new_to_the_run_are_told() -> None:
    world = World()
    world.peer("n1")
    rounds = world.rounds()
    await rounds.learn_hosts()
    late = world.peer("n2")

    assert await rounds.learn_hosts() == [late.host]


@pytest.mark.looptime
async def test_no_more_peers_are_asked_at_once_than_parallelism_says() -> None:
    world = World(latency=1)
    for number in range(10):
        world.peer(f"n{number}")

    await end_of(world.search(parallelism=3))

    assert (world.most_in_flight, now()) == (3, 4)


@pytest.mark.looptime
async def test_objects_wait_in_line_when_the_crowd_is_full() -> None:
    world = World()
    world.peer("n1")
    rounds = world.rounds()
    rounds.crowd = Crowd(1)

    async def ask(host: Host, tasks: Sequence[TaskID], note: Note) -> None:
        await asyncio.sleep(1)
        note(TASK, ABSENT)

    await asyncio.gather(*(rounds.ask_everyone(ask) for _ in range(3)))

    assert now() == 3


@pytest.mark.looptime
async def test_run_in_line_has_learnt_nothing_and_says_so() -> None:
    world = World(latency=10)
    world.peer("n1")
    crowd = Crowd(1)
    runs = [world.search(), world.search()]
    for run in runs:
        run.means = replace(run.means, crowd=crowd)
    tasks = [asyncio.ensure_future(run.execute()) for run in runs]
    await asyncio.sleep(5)

    said = [run.snapshot()[1].message for run in runs]
    listed = list(world.listed_at)
    await asyncio.gather(*tasks)

    assert said[1] == "waiting for its turn to ask peers"
    assert said[0].startswith("0 of 1 (task, peer) pairs settled")
    assert (listed, world.listed_at) == ([0], [0, 10])


@pytest.mark.looptime
async def test_run_that_has_no_peers_leaves_its_turn_to_the_next() -> None:
    world = World()
    world.peer("n1").caches()
    crowd = Crowd(1)
    without, run = world.search(schedulerClusterIDs=[7], activeDeadlineSeconds=300), world.search()
    for each in (without, run):
        each.means = replace(each.means, crowd=crowd)

    (_, none), (_, verdict) = await asyncio.gather(end_of(without), end_of(run))

    assert (none.reason, verdict.reason) == (Reason.NO_PEERS_KNOWN, Reason.FOUND)


@pytest.mark.looptime
async def test_run_whose_turn_did_not_come_in_its_time_says_so() -> None:
    world = World(latency=100)
    world.peer("n1")
    crowd = Crowd(1)
    first, late = world.search(), world.search(activeDeadlineSeconds=50)
    for run in (first, late):
        run.means = replace(run.means, crowd=crowd)

    _, (_, verdict) = await asyncio.gather(end_of(first), end_of(late))

    assert (verdict.reason, "while other objects had their turn to ask peers" in verdict.message) == (
        Reason.DEADLINE_EXCEEDED,
        True,
    )


@pytest.mark.looptime
async def test_each_task_is_asked_of_each_peer() -> None:
    world = World()
    for name in ("n1", "n2"):
        world.peer(name)

    await end_of(world.search(TASK, OTHER_TASK))

    assert [task for name in ("n1", "n2") for _, _, task in world.peer(name).asked] == [TASK, OTHER_TASK] * 2
