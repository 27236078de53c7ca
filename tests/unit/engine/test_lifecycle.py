"""What an object needs now, from its spec, its status and the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dragonfly_task_operator.api.conditions import GOING, Reason, conditions_for
from dragonfly_task_operator.api.specs import Spec, TaskDeletionSpec, TaskSearchSpec, run_key
from dragonfly_task_operator.api.status import HistoryEntry, PeerCounts, Status, TaskStatus
from dragonfly_task_operator.engine.lifecycle import (
    MAX_HISTORY,
    SUPERSEDED,
    Acknowledge,
    Begin,
    Decision,
    Remove,
    Rest,
    Suspend,
    decide,
)
from dragonfly_task_operator.engine.report import NOTHING_CARRIED, Carried

NOW = datetime(2026, 11, 24, tzinfo=UTC)
BEFORE = NOW - timedelta(seconds=100)
TASK = "a1" * 32


def search(**spec: Any) -> TaskSearchSpec:
    return TaskSearchSpec.model_validate({"targets": [{"taskID": TASK}], **spec})


def deletion(**spec: Any) -> TaskDeletionSpec:
    return TaskDeletionSpec.model_validate({"targets": [{"taskID": TASK}], **spec})


def status_of(spec: Spec, reason: Reason, *, generation: int = 1, runs_before: int = 0, **more: Any) -> Status:
    """Give the status of a run of `spec` that began 100 s ago and, if it has ended, ended 50 s ago."""
    return Status(
        observed_generation=generation,
        run_key=run_key(spec),
        run_id=spec.run_id,
        conditions=conditions_for(reason, "", generation=generation, now=BEFORE),
        start_time=BEFORE,
        completion_time=None if reason in GOING else BEFORE + timedelta(seconds=50),
        history=[HistoryEntry(run_key=str(i), reason="Found", completion_time=BEFORE) for i in range(runs_before)]
        or None,
    ).model_copy(update=more)


def decided(spec: Spec, status: Status, *, generation: int = 1) -> Decision:
    return decide(spec, status, generation=generation, now=NOW)


def test_untouched_object_is_run() -> None:
    assert decided(search(), Status()) == Begin(run_key(search()), NOW, NOTHING_CARRIED, ())


@pytest.mark.parametrize("reason", sorted(set(Reason) - GOING))
def test_finished_run_is_never_repeated(reason: Reason) -> None:
    assert decided(search(), status_of(search(), reason)) == Rest()


def test_edit_that_asks_for_the_same_work_is_acknowledged() -> None:
    spec = search(parallelism=7)

    assert decided(spec, status_of(search(), Reason.FOUND), generation=2) == Acknowledge()


# Going on, and beginning anew


def test_run_that_was_going_goes_on_with_its_start_and_what_was_deleted() -> None:
    status = status_of(
        deletion(),
        Reason.RUNNING,
        peers=PeerCounts(deleted=5),
        tasks=[TaskStatus(task_id=TASK, target=0, identity="taskID", peers=PeerCounts(deleted=4))],
    )

    assert decided(deletion(), status) == Begin(run_key(deletion()), BEFORE, Carried(5, {TASK: 4}), ())


@pytest.mark.parametrize("spec", [search(), deletion(dryRun=True)], ids=["search", "dry run"])
def test_run_that_deletes_nothing_carries_nothing(spec: Spec) -> None:
    status = status_of(spec, Reason.RUNNING, peers=PeerCounts(caching=5))

    assert decided(spec, status) == Begin(run_key(spec), BEFORE, NOTHING_CARRIED, ())


def test_new_run_id_after_the_end_begins_a_new_run_and_keeps_the_history() -> None:
    status = status_of(search(), Reason.FOUND, runs_before=2)

    decision = decided(search(runID="two"), status, generation=2)

    assert decision == Begin(run_key(search(runID="two")), NOW, NOTHING_CARRIED, tuple(status.history or ()))


def test_edit_of_the_work_supersedes_the_run_that_is_going() -> None:
    status = status_of(deletion(runID="one"), Reason.RUNNING, peers=PeerCounts(deleted=5))

    decision = decided(deletion(runID="two"), status, generation=2)

    assert isinstance(decision, Begin)
    assert (decision.started, decision.carried) == (NOW, NOTHING_CARRIED)
    assert decision.history == (
        HistoryEntry(
            run_key=run_key(deletion(runID="one")),
            run_id="one",
            reason=SUPERSEDED,
            start_time=BEFORE,
            completion_time=NOW,
            peers=PeerCounts(deleted=5),
        ),
    )


def test_history_keeps_ten_runs_the_newest_first() -> None:
    status = status_of(search(runID="one"), Reason.RUNNING, runs_before=MAX_HISTORY)

    decision = decided(search(runID="two"), status, generation=2)

    assert isinstance(decision, Begin)
    assert [run.reason for run in decision.history] == [SUPERSEDED, *["Found"] * 9]
    assert [run.run_key for run in decision.history[1:]] == [str(i) for i in range(9)]


# Suspending


def test_object_that_is_suspended_from_the_start_says_so() -> None:
    assert decided(search(suspend=True), Status()) == Suspend(Status(), ())


def test_object_that_has_said_that_it_is_suspended_rests() -> None:
    spec = search(suspend=True)

    assert decided(spec, status_of(spec, Reason.SUSPENDED)) == Rest()


def test_finished_run_stays_finished_when_it_is_suspended() -> None:
    assert decided(search(suspend=True), status_of(search(), Reason.FOUND), generation=2) == Acknowledge()


def test_suspended_run_keeps_what_it_knows() -> None:
    status = status_of(deletion(), Reason.RUNNING, peers=PeerCounts(deleted=5))

    assert decided(deletion(suspend=True), status, generation=2) == Suspend(status, ())


def test_suspended_run_goes_on_with_a_new_deadline_and_what_was_deleted() -> None:
    status = status_of(deletion(), Reason.SUSPENDED, peers=PeerCounts(deleted=5))

    assert decided(deletion(), status) == Begin(run_key(deletion()), NOW, Carried(5, {}), ())


def test_suspending_together_with_new_work_keeps_no_results_of_the_old() -> None:
    done = status_of(deletion(runID="one"), Reason.DELETED, peers=PeerCounts(deleted=5), runs_before=1)

    decision = decided(deletion(runID="two", suspend=True), done, generation=2)

    assert decision == Suspend(Status(), tuple(done.history or ()))


def test_suspending_together_with_new_work_supersedes_the_run_that_is_going() -> None:
    going = status_of(deletion(runID="one"), Reason.RUNNING)

    decision = decided(deletion(runID="two", suspend=True), going, generation=2)

    assert isinstance(decision, Suspend)
    assert [run.reason for run in decision.history] == [SUPERSEDED]


def test_run_that_never_began_leaves_no_history() -> None:
    waiting = status_of(search(runID="one"), Reason.SUSPENDED, start_time=None)

    decision = decided(search(runID="two"), waiting, generation=2)

    assert decision == Begin(run_key(search(runID="two")), NOW, NOTHING_CARRIED, ())


# Time


@pytest.mark.parametrize(
    ("spec", "decision"),
    [
        pytest.param(search(ttlSecondsAfterFinished=51), Rest(NOW + timedelta(seconds=1)), id="not yet expired"),
        pytest.param(search(ttlSecondsAfterFinished=50), Remove(), id="expired"),
        pytest.param(search(refreshIntervalSeconds=51), Rest(NOW + timedelta(seconds=1)), id="not yet to refresh"),
        pytest.param(
            search(refreshIntervalSeconds=50),
            Begin(run_key(search()), NOW, NOTHING_CARRIED, ()),
            id="to refresh",
        ),
        pytest.param(search(refreshIntervalSeconds=50, suspend=True), Rest(), id="suspended: no refresh"),
        pytest.param(
            search(refreshIntervalSeconds=60, ttlSecondsAfterFinished=70),
            Rest(NOW + timedelta(seconds=10)),
            id="whichever is first",
        ),
        pytest.param(search(refreshIntervalSeconds=40, ttlSecondsAfterFinished=45), Remove(), id="expiry is stronger"),
    ],
)
def test_finished_object_and_its_times(spec: TaskSearchSpec, decision: Decision) -> None:
    assert decided(spec, status_of(search(), Reason.FOUND)) == decision


def test_run_that_is_going_does_not_expire() -> None:
    assert isinstance(decided(search(ttlSecondsAfterFinished=0), status_of(search(), Reason.RUNNING)), Begin)
