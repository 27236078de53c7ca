"""A whole status from its parts: what it said before, what peers answered, and what is to be said now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dragonfly_task_operator.api.conditions import GOING, Reason, conditions_for
from dragonfly_task_operator.api.specs import Spec, run_key
from dragonfly_task_operator.api.status import HistoryEntry, Status
from dragonfly_task_operator.engine.lifecycle import remember
from dragonfly_task_operator.engine.verdict import Verdict


def compose(
    before: Status,
    results: Status,
    verdict: Verdict,
    *,
    spec: Spec,
    generation: int,
    started: datetime | None,
    history: Sequence[HistoryEntry],
    now: datetime,
) -> Status:
    """Give the status of a run that is going, has been suspended, or has ended.

    Args:
        before: the status so far, for the times of its conditions.
        results: the part that `engine.report.results` makes.
        verdict: what to say.
        spec: what the run works on.
        generation: of the spec that was looked at last.
        started: when the run began.
        history: the runs before this one.
        now: the time.
    """
    now = now.replace(microsecond=0)
    finished = verdict.reason not in GOING
    status = results.model_copy(
        update={
            "observed_generation": generation,
            "run_key": run_key(spec),
            "run_id": spec.run_id,
            "conditions": conditions_for(
                verdict.reason, verdict.message, generation=generation, now=now, previous=before.conditions
            ),
            "start_time": None if started is None else started.replace(microsecond=0),
            "completion_time": now if finished else None,
            "history": list(history) or None,
        }
    )
    if finished:
        status = status.model_copy(update={"history": list(remember(status, reason=verdict.reason, completed=now))})
    return status


def acknowledge(status: Status, *, generation: int) -> Status:
    """Say that a status holds for a newer generation, which asks for the same work."""
    return status.model_copy(
        update={
            "observed_generation": generation,
            "conditions": [
                condition.model_copy(update={"observed_generation": generation}) for condition in status.conditions
            ],
        }
    )


def fail(before: Status, reason: Reason, message: str, *, spec: Spec | None, generation: int, now: datetime) -> Status:
    """Give the status of an object that no run can be had for: finished, with what was known of earlier runs kept.

    Args:
        before: the status so far.
        reason: why there is no run.
        message: the same for people.
        spec: what was asked for, so that it is not tried again; None where it can't be read.
        generation: of the spec that was looked at.
        now: the time, to the second.
    """
    return before.model_copy(
        update={
            "observed_generation": generation,
            "run_key": None if spec is None else run_key(spec),
            "run_id": None if spec is None else spec.run_id,
            "conditions": conditions_for(reason, message, generation=generation, now=now, previous=before.conditions),
            "completion_time": now,
        }
    )
