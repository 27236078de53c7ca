"""A whole status from its parts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.specs import TaskSearchSpec, run_key
from dragonfly_task_operator.api.status import HistoryEntry, PeerCounts, Status
from dragonfly_task_operator.engine.lifecycle import MAX_HISTORY, Rest, decide
from dragonfly_task_operator.engine.report import RESERVED_BYTES
from dragonfly_task_operator.engine.verdict import MAX_MESSAGE, Verdict
from dragonfly_task_operator.kube.composing import acknowledge, compose, fail

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
SECOND = NOW.replace(microsecond=0)
SPEC = TaskSearchSpec.model_validate({"targets": [{"taskID": "a1" * 32}], "runID": "one"})
RESULTS = Status(progress="1/1", peers=PeerCounts(total=1, caching=1))


def composed(
    reason: Reason,
    *,
    before: Status | None = None,
    message: str = "as it is",
    history: tuple[HistoryEntry, ...] = (),
    now: datetime = NOW,
) -> Status:
    return compose(
        before or Status(),
        RESULTS,
        Verdict(reason, message),
        spec=SPEC,
        generation=3,
        started=NOW - timedelta(seconds=5),
        history=history,
        now=now,
    )


def conditions(status: Status) -> dict[str, str]:
    return {condition.type: condition.status for condition in status.conditions}


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.RUNNING, {"Succeeded": "Unknown", "Finished": "False", "Reconciling": "True"}),
        (Reason.SUSPENDED, {"Succeeded": "Unknown", "Finished": "False"}),
        (Reason.FOUND, {"Succeeded": "True", "Finished": "True"}),
        (Reason.PEERS_FAILED, {"Succeeded": "False", "Finished": "True", "Stalled": "True"}),
    ],
)
def test_conditions_say_what_the_verdict_says(reason: Reason, expected: dict[str, str]) -> None:
    assert conditions(composed(reason)) == expected


def test_every_condition_carries_the_reason_the_message_and_the_generation() -> None:
    said = {(each.reason, each.message, each.observed_generation) for each in composed(Reason.FOUND).conditions}

    assert said == {("Found", "as it is", 3)}


def test_condition_that_stays_keeps_the_time_of_its_last_transition() -> None:
    later = composed(
        Reason.RUNNING, before=composed(Reason.RUNNING), now=NOW + timedelta(seconds=9), message="further on"
    )

    assert {condition.last_transition_time for condition in later.conditions} == {SECOND}


def test_condition_that_changes_has_a_new_time() -> None:
    later = NOW + timedelta(seconds=9)

    after = composed(Reason.FOUND, before=composed(Reason.RUNNING), now=later)

    assert {condition.last_transition_time for condition in after.conditions} == {later.replace(microsecond=0)}


def test_run_that_is_going_has_no_completion_time_and_no_history_of_its_own() -> None:
    status = composed(Reason.RUNNING)

    assert (status.completion_time, status.history) == (None, None)
    assert (status.observed_generation, status.run_key, status.run_id) == (3, run_key(SPEC), "one")
    assert status.start_time == SECOND - timedelta(seconds=5)


def test_finished_run_is_on_top_of_its_history() -> None:
    earlier = HistoryEntry(run_key="0", reason="NotFound", completion_time=NOW)

    status = composed(Reason.FOUND, history=(earlier,))

    assert status.completion_time == SECOND
    assert status.history == [
        HistoryEntry(
            run_key=run_key(SPEC),
            run_id="one",
            reason="Found",
            start_time=SECOND - timedelta(seconds=5),
            completion_time=SECOND,
            peers=RESULTS.peers,
        ),
        earlier,
    ]


def test_history_keeps_ten_runs() -> None:
    full = tuple(HistoryEntry(run_key=str(i), reason="Found", completion_time=NOW) for i in range(MAX_HISTORY))

    status = composed(Reason.FOUND, history=full)

    assert [run.run_key for run in status.history or ()] == [run_key(SPEC), *(str(i) for i in range(9))]


def test_what_is_added_to_results_fits_in_what_was_reserved_for_it() -> None:
    worst: dict[str, Any] = {"run_id": "<" * 128}
    history = tuple(
        HistoryEntry(run_key="f" * 16, reason="X" * 32, completion_time=NOW, peers=PeerCounts(), **worst)
        for _ in range(MAX_HISTORY)
    )

    status = composed(Reason.PEERS_FAILED, message="<" * MAX_MESSAGE, history=history)

    text = json.dumps(status.to_json())
    assert len(text) + 5 * text.count("<") <= RESERVED_BYTES


def test_acknowledged_status_is_about_the_new_generation_and_else_the_same() -> None:
    status = composed(Reason.FOUND)

    acknowledged = acknowledge(status, generation=4)

    assert {condition.observed_generation for condition in acknowledged.conditions} == {4}
    assert acknowledged.observed_generation == 4
    assert acknowledge(acknowledged, generation=3) == status


def test_object_that_no_run_can_be_had_for_is_finished_and_keeps_what_was_known() -> None:
    before = composed(Reason.FOUND)

    failed = fail(before, Reason.INVALID_SPEC, "spec.targets: too many", spec=None, generation=4, now=SECOND)

    assert conditions(failed) == {"Succeeded": "False", "Finished": "True", "Stalled": "True"}
    assert (failed.run_key, failed.history, failed.peers) == (None, before.history, before.peers)


def test_object_that_the_operator_gave_up_on_is_not_tried_over_and_over() -> None:
    given_up = fail(Status(), Reason.INTERNAL_ERROR, "see the log", spec=SPEC, generation=1, now=SECOND)

    assert decide(SPEC, given_up, generation=1, now=SECOND) == Rest()
