"""What an object needs now, from its spec, its status and the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dragonfly_task_operator.api.conditions import GOING, Reason, conditions_for
from dragonfly_task_operator.api.record import NOTHING_KNOWN, SUPERSEDED, Record
from dragonfly_task_operator.api.specs import Spec, TaskDeletionSpec, TaskSearchSpec, run_key
from dragonfly_task_operator.engine.lifecycle import (
    MAX_HISTORY,
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


def status_of(spec: Spec, reason: Reason, *, generation: int = 1, runs_before: int = 0, **more: Any) -> Record:
    """Give the status of a run of `spec` that began 100 s ago and, if it has ended, ended 50 s ago."""
    raw = {
        "observedGeneration": generation,
        "runKey": run_key(spec),
        "runID": spec.run_id,
        "conditions": conditions_for(reason, "", generation=generation, now=BEFORE),
        "startTime": BEFORE.isoformat(),
        "completionTime": None if reason in GOING else (BEFORE + timedelta(seconds=50)).isoformat(),
        "history": [{"runKey": str(i), "reason": "Found"} for i in range(runs_before)],
    }
    return Record(raw | more)


def decided(spec: Spec, record: Record, *, generation: int = 1) -> Decision:
    return decide(spec, record, generation=generation, now=NOW)


def test_untouched_object_is_run() -> None:
    assert decided(search(), NOTHING_KNOWN) == Begin(run_key(search()), NOW, NOTHING_CARRIED, ())


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
        peers={"deleted": 5},
        tasks=[{"taskID": TASK, "peers": {"deleted": 4}}],
    )

    assert decided(deletion(), status) == Begin(run_key(deletion()), BEFORE, Carried(5, {TASK: 4}), ())


@pytest.mark.parametrize("spec", [search(), deletion(dryRun=True)], ids=["search", "dry run"])
def test_run_that_deletes_nothing_carries_nothing(spec: Spec) -> None:
    status = status_of(spec, Reason.RUNNING, peers={"caching": 5})

    assert decided(spec, status) == Begin(run_key(spec), BEFORE, NOTHING_CARRIED, ())


def test_new_run_id_after_the_end_begins_a_new_run_and_keeps_the_history() -> None:
    status = status_of(search(), Reason.FOUND, runs_before=2)

    decision = decided(search(runID="two"), status, generation=2)

    assert decision == Begin(run_key(search(runID="two")), NOW, NOTHING_CARRIED, status.history)


def test_edit_of_the_work_supersedes_the_run_that_is_going() -> None:
    status = status_of(deletion(runID="one"), Reason.RUNNING, peers={"deleted": 5})

    decision = decided(deletion(runID="two"), status, generation=2)

    assert isinstance(decision, Begin)
    assert (decision.started, decision.carried) == (NOW, NOTHING_CARRIED)
    assert decision.history == (
        {
            "runKey": run_key(deletion(runID="one")),
            "runID": "one",
            "reason": SUPERSEDED,
            "startTime": "2026-11-23T23:58:20Z",
            "completionTime": "2026-11-24T00:00:00Z",
            "peers": {"deleted": 5},
        },
    )


def test_history_keeps_ten_runs_the_newest_first() -> None:
    status = status_of(search(runID="one"), Reason.RUNNING, runs_before=MAX_HISTORY)

    decision = decided(search(runID="two"), status, generation=2)

    assert isinstance(decision, Begin)
    assert [run["reason"] for run in decision.history] == [SUPERSEDED, *["Found"] * 9]
    assert [run["runKey"] for run in decision.history[1:]] == [str(i) for i in range(9)]


# Suspending


def test_object_that_is_suspended_from_the_start_says_so() -> None:
    assert decided(search(suspend=True), NOTHING_KNOWN) == Suspend(on_the_way=False, history=())


def test_object_that_has_said_that_it_is_suspended_rests() -> None:
    spec = search(suspend=True)

    assert decided(spec, status_of(spec, Reason.SUSPENDED)) == Rest()


def test_finished_run_stays_finished_when_it_is_suspended() -> None:
    assert decided(search(suspend=True), status_of(search(), Reason.FOUND), generation=2) == Acknowledge()


def test_suspended_run_keeps_what_it_knows() -> None:
    status = status_of(deletion(), Reason.RUNNING, peers={"deleted": 5})

    assert decided(deletion(suspend=True), status, generation=2) == Suspend(on_the_way=True, history=())


def test_suspended_run_goes_on_with_a_new_deadline_and_what_was_deleted() -> None:
    status = status_of(deletion(), Reason.SUSPENDED, peers={"deleted": 5})

    assert decided(deletion(), status) == Begin(run_key(deletion()), NOW, Carried(5, {}), ())


def test_suspending_together_with_new_work_keeps_no_results_of_the_old() -> None:
    done = status_of(deletion(runID="one"), Reason.DELETED, peers={"deleted": 5}, runs_before=1)

    decision = decided(deletion(runID="two", suspend=True), done, generation=2)

    assert decision == Suspend(on_the_way=False, history=done.history)


def test_suspending_together_with_new_work_supersedes_the_run_that_is_going() -> None:
    going = status_of(deletion(runID="one"), Reason.RUNNING)

    decision = decided(deletion(runID="two", suspend=True), going, generation=2)

    assert isinstance(decision, Suspend)
    assert [run["reason"] for run in decision.history] == [SUPERSEDED]


def test_run_that_never_began_leaves_no_history() -> None:
    waiting = status_of(search(runID="one"), Reason.SUSPENDED, startTime=None)

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
