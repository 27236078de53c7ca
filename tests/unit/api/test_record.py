"""What is read of a status that another version may have written, and whether its run is finished."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dragonfly_task_operator.api.conditions import Reason, conditions_for
from dragonfly_task_operator.api.record import Record
from dragonfly_task_operator.api.specs import TaskDeletionSpec, run_key
from dragonfly_task_operator.engine.lifecycle import Acknowledge, Begin, Rest, Suspend, decide

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SPEC = TaskDeletionSpec.model_validate({"targets": [{"taskID": "a1" * 32}]})
EDITED = SPEC.model_copy(update={"parallelism": 7})
KEY = run_key(SPEC)


def finished(**more: Any) -> dict[str, Any]:
    """Give the status of a finished run, with what another version may have made of it."""
    return {
        "observedGeneration": 1,
        "runKey": KEY,
        "conditions": conditions_for(Reason.DELETED, "gone", generation=1, now=NOW),
        "startTime": "2026-11-23T00:00:00Z",
        "completionTime": "2026-11-23T00:01:00Z",
        "history": [{"runKey": KEY, "reason": "Deleted", "completionTime": "2026-11-23T00:01:00Z"}],
        **more,
    }


def saying(*conditions: Any) -> list[Any]:
    return list(conditions)


SUCCEEDED = {"type": "Succeeded", "status": "True", "reason": "Deleted", "message": ""}
FINISHED = {"type": "Finished", "status": "True", "reason": "Deleted", "message": ""}

OF_ANOTHER_VERSION = {
    "one more field": finished(peersGone=4, phases={"first": 1}),
    "one more field in a condition": finished(
        conditions=[{**each, "severity": "Info"} for each in finished()["conditions"]]
    ),
    "a condition of an unknown type": finished(conditions=saying({"type": "Verified", "status": "Maybe"}, FINISHED)),
    "an unknown reason": finished(conditions=saying(SUCCEEDED | {"reason": "Obliterated"}, FINISHED)),
    "Finished alone": finished(conditions=saying({"type": "Finished", "status": "True"})),
    "Finished in other words": finished(conditions=saying(SUCCEEDED, FINISHED | {"status": "Mostly"})),
    "Finished as a boolean": finished(conditions=saying(SUCCEEDED, FINISHED | {"status": True})),
    "Finished as an object": finished(conditions=saying(SUCCEEDED, FINISHED | {"status": {"is": "True"}})),
    "no Finished": finished(conditions=saying(SUCCEEDED)),
    "no Finished and no completionTime": finished(conditions=saying(SUCCEEDED), completionTime=None),
    "no conditions": finished(conditions=None),
    "conditions of another type": finished(conditions={"Finished": "True"}),
    "neither conditions nor completionTime": finished(conditions=None, completionTime=None, reason="Deleted"),
    "an unknown reason alone": finished(conditions={"of": "runs"}, completionTime=None, reason="Obliterated"),
    "conditions that are none": finished(conditions=[None, 5, "Finished", [FINISHED], FINISHED]),
    "an observedGeneration as a string": finished(observedGeneration="1"),
    "an observedGeneration that is none": finished(observedGeneration={"spec": 1}),
    "no observedGeneration": finished(observedGeneration=None),
    "a history entry without completionTime": finished(history=[{"runKey": "x", "reason": "Found"}]),
    "history entries of other types": finished(history=[None, "x", 7, ["y"]]),
    "a history entry with more": finished(history=[{"runKey": KEY, "reason": "Deleted", "by": {"who": "me"}}]),
    "a history of another type": finished(history={"0": "x"}),
    "counts as strings": finished(peers={"total": "11", "deleted": "2"}),
    "counts of other types": finished(peers={"total": None, "deleted": {"seeds": 1}}),
    "peers of another type": finished(peers=[1, 2]),
    "tasks of other types": finished(tasks=[None, 5, {"taskID": 7, "peers": "x"}, {"result": "Vaporised"}]),
    "a completionTime that is none": finished(completionTime="yesterday"),
    "a completionTime as a number": finished(completionTime=1764028860),
    "a completionTime without a zone": finished(completionTime="2026-11-23T00:01:00"),
    "a completionTime beyond all times": finished(completionTime="9999-12-31T23:59:59Z"),
    "no startTime": finished(startTime=None),
    "a runID of another type": finished(runID=["x"]),
    "a key of another make": finished(runKey="v2:0123456789abcdef0123456789abcdef"),
    "a key that is no word": finished(runKey={"v2": "0123"}),
    "no key": finished(runKey=None),
}


@pytest.mark.parametrize("raw", OF_ANOTHER_VERSION.values(), ids=OF_ANOTHER_VERSION.keys())
def test_finished_run_is_not_repeated_whatever_else_the_status_says(raw: dict[str, Any]) -> None:
    spec = SPEC.model_copy(update={"ttl_seconds_after_finished": 2_147_483_647})

    decision = decide(spec, Record(raw), generation=1, now=NOW)

    # One whose generation can't be read is told that it holds for this one: nothing is run, either.
    assert isinstance(decision, Rest | Acknowledge)


@pytest.mark.parametrize(
    "raw",
    [raw for name, raw in OF_ANOTHER_VERSION.items() if name != "a key of another make"],
    ids=[name for name in OF_ANOTHER_VERSION if name != "a key of another make"],
)
def test_finished_run_is_not_repeated_after_an_edit_that_asks_for_the_same_work(raw: dict[str, Any]) -> None:
    assert isinstance(decide(EDITED, Record(raw), generation=2, now=NOW), Acknowledge)


@pytest.mark.parametrize("raw", OF_ANOTHER_VERSION.values(), ids=OF_ANOTHER_VERSION.keys())
def test_new_run_id_begins_a_run_whatever_the_status_says(raw: dict[str, Any]) -> None:
    spec = SPEC.model_copy(update={"run_id": "two"})

    decision = decide(spec, Record(raw), generation=2, now=NOW)

    assert isinstance(decision, Begin)
    assert decision.history == Record(raw).history


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"conditions": None, "observedGeneration": -1}, id="no conditions"),
        pytest.param({"observedGeneration": 1, "runKey": KEY, "reason": "Running"}, id="going, without conditions"),
        pytest.param({"observedGeneration": 1, "runKey": KEY, "reason": {"is": "Running"}}, id="a reason that is none"),
        pytest.param({"observedGeneration": 1, "runKey": KEY, "startTime": "2026-11-23T00:00:00Z"}, id="begun"),
        pytest.param({"observedGeneration": -1, "conditions": [SUCCEEDED | {"status": "Unknown"}]}, id="pending"),
        pytest.param(
            {"observedGeneration": 1, "conditions": [SUCCEEDED | {"status": "Unknown", "reason": "OperatorTooOld"}]},
            id="held by an older operator",
        ),
    ],
)
def test_object_that_has_not_run_is_run(raw: dict[str, Any]) -> None:
    assert isinstance(decide(SPEC, Record(raw), generation=1, now=NOW), Begin)


def going(reason: str, **more: Any) -> Record:
    conditions = [
        {"type": "Succeeded", "status": "Unknown", "reason": reason},
        {"type": "Finished", "status": "False", "reason": reason},
    ]
    raw = {"observedGeneration": 1, "runKey": KEY, "conditions": conditions, "startTime": "2026-11-23T23:59:00Z"}
    return Record(raw | {"peers": {"deleted": 3}, "tasks": [{"taskID": "t", "peers": {"deleted": 3}}]} | more)


@pytest.mark.parametrize(
    ("record", "started"),
    [
        pytest.param(going("Running"), NOW - timedelta(minutes=1), id="running"),
        pytest.param(going("Verifying", phase="last"), NOW - timedelta(minutes=1), id="with an unknown reason"),
        pytest.param(going("Running", startTime="soon"), NOW, id="since nobody knows when"),
        pytest.param(going("Suspended"), NOW, id="suspended"),
        pytest.param(going("OperatorTooOld"), NOW, id="held by an older operator"),
    ],
)
def test_run_that_was_going_goes_on_with_what_it_had(record: Record, started: datetime) -> None:
    decision = decide(SPEC, record, generation=1, now=NOW)

    assert isinstance(decision, Begin)
    assert (decision.started, decision.carried.peers, decision.carried.by_task) == (started, 3, {"t": 3})


def test_run_that_is_suspended_while_it_was_held_keeps_what_it_had() -> None:
    spec = SPEC.model_copy(update={"suspend": True})

    assert decide(spec, going("OperatorTooOld"), generation=1, now=NOW) == Suspend(on_the_way=True, history=())


def test_finished_run_whose_key_an_older_version_dropped_with_a_spec_it_could_not_read_is_not_repeated() -> None:
    """As version 0.1 left it when it met the CRDs of a newer one."""
    dropped = finished(
        runKey=None, conditions=conditions_for(Reason.INVALID_SPEC, "unknown field", generation=1, now=NOW)
    )

    assert decide(SPEC, Record(dropped), generation=1, now=NOW) == Acknowledge()


@pytest.mark.parametrize(
    ("last", "runs"),
    [
        pytest.param([], True, id="that never ran"),
        pytest.param([{"runKey": KEY, "reason": "Superseded"}], True, id="whose run an edit ended"),
        pytest.param([{"runKey": "other", "reason": "Deleted"}], True, id="that did other work"),
    ],
)
def test_object_of_an_invalid_spec_that_is_mended_is_run(last: list[Any], *, runs: bool) -> None:
    invalid = finished(
        runKey=None, history=last, conditions=conditions_for(Reason.INVALID_SPEC, "bad", generation=1, now=NOW)
    )

    assert isinstance(decide(SPEC, Record(invalid), generation=2, now=NOW), Begin) is runs
