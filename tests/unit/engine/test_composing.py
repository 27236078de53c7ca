"""A whole status from its parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dragonfly_task_operator.api.conditions import MAX_CONDITIONS, Reason
from dragonfly_task_operator.api.record import NOTHING_KNOWN, Record
from dragonfly_task_operator.api.room import most_bytes
from dragonfly_task_operator.api.specs import TaskSearchSpec, run_key
from dragonfly_task_operator.api.status import Failure, FailureSummary, HistoryEntry, Omitted, PeerCounts, Status
from dragonfly_task_operator.engine.composing import acknowledge, compose, give_up, leaves_out, withhold
from dragonfly_task_operator.engine.lifecycle import MAX_HISTORY, Acknowledge, History, Rest, decide
from dragonfly_task_operator.engine.verdict import MAX_MESSAGE, Verdict
from dragonfly_task_operator.kube.paging import ReportLost, Written, naming

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
SECOND = NOW.replace(microsecond=0)
SPEC = TaskSearchSpec.model_validate({"targets": [{"taskID": "a1" * 32}], "runID": "one"})
RESULTS = Status(progress="1/1", peers=PeerCounts(total=1, caching=1))


def composed(
    reason: Reason,
    *,
    before: Record = NOTHING_KNOWN,
    message: str = "as it is",
    history: History = (),
    now: datetime = NOW,
    results: Status = RESULTS,
) -> Record:
    status = compose(
        before,
        results,
        Verdict(reason, message),
        spec=SPEC,
        generation=3,
        started=NOW - timedelta(seconds=5),
        history=history,
        now=now,
    )
    return Record(status)


def conditions(status: Record) -> dict[str, str]:
    return {condition["type"]: condition["status"] for condition in status.conditions}


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
    said = {(each["reason"], each["message"], each["observedGeneration"]) for each in composed(Reason.FOUND).conditions}

    assert said == {("Found", "as it is", 3)}


def test_condition_that_stays_keeps_the_time_of_its_last_transition() -> None:
    later = composed(
        Reason.RUNNING, before=composed(Reason.RUNNING), now=NOW + timedelta(seconds=9), message="further on"
    )

    assert {condition["lastTransitionTime"] for condition in later.conditions} == {"2026-11-24T12:00:00Z"}


def test_condition_that_changes_has_a_new_time() -> None:
    later = NOW + timedelta(seconds=9)

    after = composed(Reason.FOUND, before=composed(Reason.RUNNING), now=later)

    assert {condition["lastTransitionTime"] for condition in after.conditions} == {"2026-11-24T12:00:09Z"}


def test_run_that_is_going_has_no_completion_time_and_no_history_of_its_own() -> None:
    status = composed(Reason.RUNNING)

    assert (status.completed, status.history) == (None, ())
    assert (status.observed_generation, status.run_key, status.run_id) == (3, run_key(SPEC), "one")
    assert status.started == SECOND - timedelta(seconds=5)


def test_finished_run_is_on_top_of_its_history() -> None:
    earlier = {"runKey": "0", "reason": "NotFound"}

    status = composed(Reason.FOUND, history=(earlier,))

    assert status.completed == SECOND
    assert status.history == (
        {
            "runKey": run_key(SPEC),
            "runID": "one",
            "reason": "Found",
            "startTime": "2026-11-24T11:59:55Z",
            "completionTime": "2026-11-24T12:00:00Z",
            "peers": {"total": 1, "caching": 1, "failed": 0, "unreachable": 0},
        },
        earlier,
    )


def test_history_keeps_ten_runs() -> None:
    full = tuple({"runKey": str(i), "reason": "Found"} for i in range(MAX_HISTORY))

    status = composed(Reason.FOUND, history=full)

    assert [run["runKey"] for run in status.history] == [run_key(SPEC), *(str(i) for i in range(9))]


WORST: dict[str, Any] = {"run_id": "<" * 128}
FULL_HISTORY = tuple(
    HistoryEntry(run_key="f" * 16, reason="X" * 32, completion_time=NOW, peers=PeerCounts(), **WORST).to_json()
    for _ in range(MAX_HISTORY)
)


def failing(count: int, description: str) -> Status:
    """Results with so many failures."""
    failure = Failure(
        task_id="a1" * 32,
        host_id="10.0.0.1-n1",
        hostname="n1",
        ip="10.0.0.1",
        host_type="normal",
        scheduler_cluster_id=1,
        reason="Internal",
        description=description,
        attempts=7,
        last_attempt_time=SECOND,
    )
    return RESULTS.model_copy(
        update={
            "failures": [failure] * count,
            "failure_summary": [FailureSummary(reason="Internal", count=count, example=description)],
            "omitted": Omitted(failures=7),
        }
    )


@pytest.mark.parametrize("sign", ["x", "é", "🐉", "<"])
def test_whole_status_takes_64_kib_whatever_stands_beside_the_results(sign: str) -> None:
    results = failing(20, sign * 512)

    status = composed(Reason.PEERS_FAILED, message=sign * 5000, history=FULL_HISTORY, results=results).raw

    assert most_bytes(status) <= 64 << 10
    assert len(status["conditions"][0]["message"]) == MAX_MESSAGE
    assert len(status["history"]) == MAX_HISTORY
    assert len(status.get("failures", ())) + status["omitted"]["failures"] == 27
    assert status["failureSummary"][0]["count"] == 20


def test_status_with_room_is_not_cut() -> None:
    results = failing(20, "disk on fire" * 40)

    status = composed(Reason.PEERS_FAILED, results=results).raw

    assert (len(status["failures"]), status["omitted"]["failures"]) == (20, 7)
    assert status["failures"][0]["description"] == "disk on fire" * 40


def test_pages_that_could_not_be_written_are_told_of_in_the_message_however_long_it_is() -> None:
    lost = ReportLost("the API server answered 403: https://quota.example/?token=hidden")

    for message in ("short", "x" * 5000):
        results, verdict = naming(lost, failing(20, "no"), Verdict(Reason.PEERS_FAILED, message))
        assert (results.reports, verdict.reason, len(verdict.message) <= MAX_MESSAGE) == (None, "PeersFailed", True)
        assert verdict.message.startswith(message[:400])
        assert "; TaskReports could not be written, so what the status leaves out is told nowhere" in verdict.message
        assert "hidden" not in verdict.message


@pytest.mark.parametrize(
    ("results", "is_left_out"),
    [
        (RESULTS, False),
        (failing(20, "no").model_copy(update={"omitted": None}), False),
        (failing(20, "no"), True),
        (Status(peers=PeerCounts(total=50, deleted=20)), False),
        (Status(peers=PeerCounts(total=50, deleted=21)), True),
    ],
)
def test_pages_are_asked_for_where_lists_were_cut_or_more_were_cleared_than_a_list_would_show(
    results: Status, *, is_left_out: bool
) -> None:
    assert leaves_out(dict(composed(Reason.DELETED, results=results).raw)) is is_left_out


def test_pages_that_were_written_are_named_and_peers_without_a_row_counted() -> None:
    results, verdict = naming(Written(["one-00"], 7), failing(20, "no"), Verdict(Reason.FOUND, "as it is"))

    assert (results.reports, results.omitted, verdict.message) == (["one-00"], Omitted(failures=7, peers=7), "as it is")
    assert naming(Written(["one-00"], 0), RESULTS, verdict)[0].omitted is None


def test_finished_status_of_an_earlier_version_stays_as_large_as_it_is() -> None:
    """Its run has ended: it is neither written nor done again, and an edit that asks for the same is acknowledged."""
    ended = composed(Reason.PEERS_FAILED).raw
    old = Record({**ended, "failures": [{"hostname": f"n{n}", "description": "x" * 1024} for n in range(100)]})

    assert most_bytes(old.raw) > 64 << 10
    assert decide(SPEC, old, generation=3, now=SECOND) == Rest()
    assert decide(SPEC, old, generation=4, now=SECOND) == Acknowledge()
    assert len(acknowledged(old, generation=4).raw["failures"]) == 100


def test_reports_of_the_run_before_are_named_until_this_one_has_ended() -> None:
    before = Record({"reports": ["a-00", "a-01"]})

    going = composed(Reason.RUNNING, before=before)

    assert going.reports == ("a-00", "a-01")
    assert composed(Reason.FOUND, before=going).reports == ()
    own = RESULTS.model_copy(update={"reports": ["b-00"]})
    assert composed(Reason.FOUND, before=going, results=own).reports == ("b-00",)


def acknowledged(before: Record, *, generation: int) -> Record:
    return Record(acknowledge(before, generation=generation, now=SECOND))


def withheld(before: Record, reason: Reason, *, generation: int = 4) -> Record:
    return Record(withhold(before, reason, "can't be read", generation=generation, now=SECOND, summary=None))


def test_acknowledged_status_is_about_the_new_generation_and_else_the_same() -> None:
    status = composed(Reason.FOUND)

    after = acknowledged(status, generation=4)

    assert {condition["observedGeneration"] for condition in after.conditions} == {4}
    assert after.observed_generation == 4
    assert acknowledged(after, generation=3) == status


@pytest.mark.parametrize("others", [1, 6, 8, 61, 64, 70])
def test_conditions_that_others_set_never_keep_a_status_from_being_written(others: int) -> None:
    """An API server takes no longer list than the schema says, and would refuse each status for ever."""
    foreign = [{"type": f"audit.example/{n}", "status": "True", "reason": "x", "message": ""} for n in range(others)]
    before = Record({"conditions": foreign})

    said = composed(Reason.PEERS_FAILED, before=before).conditions

    assert len(said) == min(others + 3, max(MAX_CONDITIONS, others))
    assert [each["type"] for each in said[:3]] == ["Succeeded", "Finished", "Stalled"]
    assert list(said[3:]) == foreign[: len(said) - 3]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.OPERATOR_TOO_OLD, {"Succeeded": "Unknown", "Finished": "False", "Reconciling": "True"}),
        (Reason.INVALID_SPEC, {"Succeeded": "False", "Finished": "True", "Stalled": "True"}),
    ],
)
@pytest.mark.parametrize("before", [Reason.FOUND, Reason.RUNNING, Reason.SUSPENDED])
def test_status_of_a_spec_that_cant_be_read_keeps_all_that_was_known(
    before: Reason, reason: Reason, expected: dict[str, str]
) -> None:
    known = composed(before)

    status = withheld(known, reason)

    assert (conditions(status), status.reason, status.observed_generation) == (expected, reason, 4)
    said = {"conditions", "reason", "observedGeneration"}
    assert {name: value for name, value in status.raw.items() if name not in said} == {
        name: value for name, value in known.raw.items() if name not in said
    }
    assert (status.run_key, status.is_finished) == (known.run_key, known.is_finished)


@pytest.mark.parametrize("reason", [Reason.OPERATOR_TOO_OLD, Reason.INVALID_SPEC])
def test_finished_run_whose_spec_can_be_read_again_says_how_it_ended(reason: Reason) -> None:
    known = composed(Reason.FOUND)

    after = acknowledged(withheld(known, reason), generation=5)

    assert (conditions(after), after.reason, after.raw["reason"]) == (conditions(known), "Found", "Found")
    assert (after.completed, after.history, after.observed_generation) == (known.completed, known.history, 5)


def test_finished_run_whose_reason_was_not_kept_says_so() -> None:
    known = composed(Reason.FOUND)
    lost = Record({**withheld(known, Reason.OPERATOR_TOO_OLD).raw, "history": []})

    after = acknowledged(lost, generation=5)

    assert (after.is_finished, after.reason) == (True, "InternalError")
    assert "a new spec.runID runs it again" in after.conditions[0]["message"]


def test_object_that_the_operator_gave_up_on_is_not_tried_over_and_over() -> None:
    given_up = Record(give_up(NOTHING_KNOWN, "see the log", spec=SPEC, generation=1, now=SECOND))

    assert decide(SPEC, given_up, generation=1, now=SECOND) == Rest()
    assert [run["reason"] for run in given_up.history] == ["InternalError"]
