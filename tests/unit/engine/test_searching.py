"""Which peers have the tasks? Told quickly, and honestly when it is not the whole truth."""

from __future__ import annotations

import pytest

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.status import Status
from dragonfly_task_operator.engine import lateness
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import Cached, FailedStart, Host, Presence, TaskMetadata
from dragonfly_task_operator.errors import PeerReason
from tests.unit.world import OTHER_TASK, TASK, World, end_of, now

pytestmark = pytest.mark.looptime


def cached_by(status: Status) -> list[tuple[str, bool]]:
    assert status.tasks is not None
    return [(peer.hostname, peer.finished) for peer in status.tasks[0].cached_by or ()]


async def test_peers_that_cache_are_found() -> None:
    world = World()
    world.peer("n1").caches()
    world.peer("n2")
    world.peer("n3").caches()

    status, verdict = await end_of(world.search())

    assert (verdict.reason, cached_by(status)) == (Reason.FOUND, [("n1", True), ("n3", True)])


async def test_unfinished_copies_are_found_and_marked() -> None:
    world = World()
    world.peer("n1").downloads()
    world.peer("n2").caches(copy=FailedStart())

    status, _ = await end_of(world.search())

    assert cached_by(status) == [("n1", False), ("n2", False)]


async def test_nothing_cached_is_an_answer() -> None:
    world = World()
    world.peer("n1")

    status, verdict = await end_of(world.search())

    assert (verdict.reason, verdict.is_success, status.failures) == (Reason.NOT_FOUND, True, None)


async def test_peer_whose_failure_passes_is_found_all_the_same() -> None:
    world = World()
    world.peer("n1").caches().fails("stat", times=2)

    status, verdict = await end_of(world.search())

    assert (verdict.reason, status.failures, now()) == (Reason.FOUND, None, 0.5 + 1)


async def test_peer_that_fails_three_times_makes_the_results_partial() -> None:
    world = World()
    world.peer("n1").caches()
    world.peer("n2").fails("stat")

    status, verdict = await end_of(world.search())

    assert (verdict.reason, cached_by(status)) == (Reason.PARTIAL_RESULTS, [("n1", True)])
    assert status.failures is not None
    assert [(failure.hostname, failure.attempts) for failure in status.failures] == [("n2", 3)]


async def test_nothing_found_while_a_peer_is_silent_is_partial_not_absent() -> None:
    world = World()
    world.peer("n1").fails("stat")

    _, verdict = await end_of(world.search())

    assert verdict.reason is Reason.PARTIAL_RESULTS


async def test_failure_that_cannot_pass_is_not_tried_again() -> None:
    world = World()
    world.peer("n1").fails("stat", PeerReason.UNIMPLEMENTED, retryable=False)

    await end_of(world.search())

    assert world.peer("n1").times_asked("stat") == [0]


async def test_peer_that_had_its_time_is_not_waited_for_again() -> None:
    world = World()
    world.peer("n1").caches()
    world.peer("n2").fails("stat", PeerReason.TIMEOUT)

    status, verdict = await end_of(world.search())

    assert (verdict.reason, cached_by(status), now()) == (Reason.PARTIAL_RESULTS, [("n1", True)], 0)
    assert world.peer("n2").times_asked("stat") == [0]


async def test_peer_whose_time_passed_while_this_process_was_late_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lateness, "LATE_SECONDS", -1.0)  # any time is late
    world = World()
    world.peer("n1").caches().fails("stat", PeerReason.TIMEOUT, times=1)

    _, verdict = await end_of(world.search())

    assert (verdict.reason, world.peer("n1").times_asked("stat")) == (Reason.FOUND, [0, 0.5])


async def test_only_what_failed_is_asked_again() -> None:
    world = World()
    world.peer("n1").fails("stat", times=1)
    world.peer("n2")

    await end_of(world.search(TASK, OTHER_TASK))

    assert [len(world.peer(name).asked) for name in ("n1", "n2")] == [3, 2]


async def test_search_never_deletes() -> None:
    world = World()
    world.peer("n1").caches()

    await end_of(world.search())

    assert world.peer("n1").times_asked("delete") == []


async def test_what_schedulers_know_of_a_task_is_merged_in() -> None:
    world = World()
    world.peer("n1").caches(copy=Cached(content_length=1, piece_length=4 << 20))
    world.metadata_of[TASK] = TaskMetadata(
        url="https://example.com/model?token=secret",
        type="STANDARD",
        tag="prod",
        application=None,
        filtered_query_params=("token",),
        digest="sha256:ab",
        content_length=99,
        piece_count=3,
        state="Succeeded",
        created_at=None,
        updated_at=None,
    )

    status, _ = await end_of(world.search())

    assert status.tasks is not None
    (task,) = status.tasks
    assert (task.url, task.tag, task.digest) == ("https://example.com/model?token=REDACTED", "prod", "sha256:ab")
    assert (task.scheduler_state, task.content_length, task.piece_length) == ("Succeeded", 99, 4 << 20)


async def test_task_that_no_scheduler_knows_is_searched_all_the_same() -> None:
    world = World()
    world.peer("n1").caches(copy=Cached(content_length=7))

    status, _ = await end_of(world.search())

    assert status.tasks is not None
    assert (status.tasks[0].scheduler_state, status.tasks[0].content_length) == (None, 7)


async def test_error_that_nobody_expects_comes_out_as_itself() -> None:
    class Broken(World):
        async def look(self, host: Host, task: TaskID) -> Presence:
            raise ZeroDivisionError

    world = Broken()
    world.peer("n1")

    with pytest.raises(ZeroDivisionError):
        await world.search().execute()
