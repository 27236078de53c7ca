"""A whole status from its parts: what it said before, what peers answered, and what is to be said now. Pure.

Statuses are as the API server keeps them. What another version has put there, and this one does not know, stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dragonfly_task_operator.api.base import Model
from dragonfly_task_operator.api.conditions import GOING, OWN_TYPES, Reason, conditions_for
from dragonfly_task_operator.api.record import Record
from dragonfly_task_operator.api.room import most_bytes
from dragonfly_task_operator.api.specs import Spec, run_key
from dragonfly_task_operator.api.status import Omitted, PeerCounts, Status
from dragonfly_task_operator.engine.lifecycle import History, remember
from dragonfly_task_operator.engine.report import MAX_FAILURES, MAX_STATUS_BYTES, shrink
from dragonfly_task_operator.engine.subject import describe
from dragonfly_task_operator.engine.verdict import MAX_MESSAGE, Verdict
from dragonfly_task_operator.observability.redaction import cut

RawStatus = dict[str, Any]

_OF_A_RUN = ("progress", "peers", "images", "tasks", "failures", "failureSummary", "omitted")
"""The fields that tell what peers answered."""


def compose(
    before: Record,
    results: Status,
    verdict: Verdict,
    *,
    spec: Spec,
    generation: int,
    started: datetime | None,
    history: History,
    now: datetime,
) -> RawStatus:
    """Give the status of a run that is going, or has ended: of at most 64 KiB, as far as others leave room for that.

    Args:
        before: the status so far.
        results: the part that `engine.report.results` makes, cut here where there is no room for all of its lists.
        verdict: what to say.
        spec: what the run works on.
        generation: of the spec that was looked at last.
        started: when the run began; None: not yet.
        history: the runs before this one.
        now: the time.
    """
    now = now.replace(microsecond=0)
    ended = now if started is None else max(now, started.replace(microsecond=0))
    is_going = verdict.reason in GOING
    frame: dict[str, Any] = {
        "observed_generation": generation,
        "run_key": run_key(spec),
        "run_id": spec.run_id,
        "start_time": None if started is None else started.replace(microsecond=0),
        # A clock that was set back must not have a run end before it began.
        "completion_time": None if is_going else ended,
        "reason": verdict.reason,
        "summary": describe(spec.targets),
        # The pages of the run before stay until those of this one are there.
        "reports": (list(before.reports) or None) if is_going else results.reports,
    }
    conditions = conditions_for(
        verdict.reason,
        cut(verdict.message, MAX_MESSAGE),
        generation=generation,
        now=now,
        previous=before.conditions,
    )

    def with_results(results: Status) -> RawStatus:
        status = results.model_copy(update=frame).to_json() | {"conditions": conditions}
        for name, model in (("peers", PeerCounts), ("omitted", Omitted)):
            if name in status and before.run_key == run_key(spec):
                status[name] |= _unknown(before.raw.get(name), model)
        status = _unknown(before.raw, Status) | status
        past = history
        if not is_going:
            past = remember(Record(status | {"history": list(history)}), reason=verdict.reason, completed=ended)
        return _with_history(before, status, past)

    status = with_results(results)
    too_large = most_bytes(status) - MAX_STATUS_BYTES
    if too_large <= 0:
        return status
    return with_results(shrink(results, max(most_bytes(results.to_json()) - too_large, 0)))


def leaves_out(status: RawStatus) -> bool:
    """Tell whether a status says less than what its run learned of each peer.

    Its lists were cut; or more peers were cleared than a list would show, since there is none of these.
    """
    return "omitted" in status or (status.get("peers") or {}).get("deleted", 0) > MAX_FAILURES


def suspend(
    before: Record,
    verdict: Verdict,
    *,
    on_the_way: bool,
    spec: Spec,
    generation: int,
    history: History,
    now: datetime,
) -> RawStatus:
    """Give the status of a run that is not to be going now.

    Args:
        before: the status so far.
        verdict: what to say.
        on_the_way: whether what it tells of a run is about the one that is suspended, and kept.
        spec: what the run works on.
        generation: of the spec that was looked at.
        history: the runs before this one.
        now: the time.
    """
    status = compose(
        before, Status(), verdict, spec=spec, generation=generation, started=None, history=history, now=now
    )
    kept = (*_OF_A_RUN, "startTime") if on_the_way else ()
    return status | {name: before.raw[name] for name in kept if name in before.raw}


def acknowledge(before: Record, *, generation: int, now: datetime) -> RawStatus:
    """Say that a status holds for a newer generation, which asks for the same work.

    Where the conditions have meanwhile told of a spec that could not be read, they say again how the run ended.
    """
    if not before.speaks_of_its_run:
        reason, message = _outcome(before)
        return _saying(before, reason, message, generation=generation, now=now) | {"runKey": before.run_key}
    conditions = [
        {**condition, **({"observedGeneration": generation} if condition.get("type") in OWN_TYPES else {})}
        for condition in before.conditions
    ]
    return {**before.raw, "observedGeneration": generation, "conditions": conditions}


def _outcome(record: Record) -> tuple[Reason, str]:
    """Tell how the run ended that a status is about, by its history."""
    reason = next((reason for reason in Reason if reason == record.ended_with and reason not in GOING), None)
    if reason is None:
        how = record.ended_with or "nobody knows how"
        return Reason.INTERNAL_ERROR, f"this run has ended ({how}), and is not repeated; a new spec.runID runs it again"
    return reason, "this run has ended, and is not repeated; its message has been replaced meanwhile: see the counts"


def withhold(
    before: Record, reason: Reason, message: str, *, generation: int, now: datetime, summary: str | None
) -> RawStatus:
    """Give the status of an object whose spec can't be read: nothing is begun, and all that was known is kept.

    Args:
        before: the status so far.
        reason: OperatorTooOld or InvalidSpec.
        message: the same for people.
        generation: of the spec.
        now: the time, to the second.
        summary: what the object is about, as far as that can be read.
    """
    status = _saying(before, reason, message, generation=generation, now=now)
    if summary is not None:
        status["summary"] = summary
    if reason not in GOING and before.run_key is None:
        status["completionTime"] = _written(now)
    return status


def give_up(before: Record, message: str, *, spec: Spec, generation: int, now: datetime) -> RawStatus:
    """Give the status of an object that the operator failed at: finished, so that it is not tried again and again.

    Args:
        before: the status so far, whose results are kept.
        message: for people.
        spec: what was asked for.
        generation: of the spec that was looked at.
        now: the time, to the second.
    """
    status = _saying(before, Reason.INTERNAL_ERROR, message, generation=generation, now=now)
    status |= {"runKey": run_key(spec), "completionTime": _written(now), "summary": describe(spec.targets)}
    status.pop("runID", None)
    if spec.run_id is not None:
        status["runID"] = spec.run_id
    return _with_history(before, status, remember(Record(status), reason=Reason.INTERNAL_ERROR, completed=now))


def _saying(before: Record, reason: Reason, message: str, *, generation: int, now: datetime) -> RawStatus:
    conditions = conditions_for(reason, message, generation=generation, now=now, previous=before.conditions)
    return {**before.raw, "observedGeneration": generation, "conditions": conditions, "reason": reason.value}


def _with_history(before: Record, status: RawStatus, history: History) -> RawStatus:
    """Put in the runs that ended, unless another version keeps them in a way that this one does not know."""
    kept = before.raw.get("history")
    if kept is not None and not isinstance(kept, list):
        return status | {"history": kept}
    return status | {"history": list(history)} if history else status


def kept(before: Record) -> RawStatus:
    """Give what every later status of an object holds as well: the unknown, what others said, and the runs before."""
    lists = {name: before.raw[name] for name in ("conditions", "history") if name in before.raw}
    return _unknown(before.raw, Status) | lists


def _unknown(raw: object, model: type[Model]) -> RawStatus:
    """Give what this version does not know of a part of a status."""
    known = {str(field.alias) for field in model.model_fields.values()}
    return {name: value for name, value in raw.items() if name not in known} if isinstance(raw, Mapping) else {}


def _written(time: datetime) -> str:
    return str(Status(completion_time=time).to_json()["completionTime"])
