"""What an object needs now: the gate before every run. Pure: a spec, a status and the time give one decision.

Everything that a decision depends on is in the object, so an operator that starts anew, on another node, with nothing
but the API server, decides as the one before it would have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.record import OF_A_SPEC, SUPERSEDED, Record
from dragonfly_task_operator.api.specs import Spec, TaskDeletionSpec, TaskSearchSpec, is_repeated, run_key
from dragonfly_task_operator.api.status import HistoryEntry, PeerCounts
from dragonfly_task_operator.engine.report import NOTHING_CARRIED, Carried

MAX_HISTORY = 10
_NOTHING = timedelta()

History: TypeAlias = tuple[Any, ...]
"""Runs that ended, the newest first, each as the API server keeps it: one of another version is kept as it is."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Run. `history` is what the status has to keep of earlier runs."""

    key: str
    started: datetime
    carried: Carried
    history: History


@dataclass(frozen=True, slots=True)
class Suspend:
    """Don't run, and say so.

    Attributes:
        on_the_way: whether the status has results of the run that is suspended, to be kept.
        history: what the status has to keep of earlier runs.
    """

    on_the_way: bool
    history: History


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Nothing to run, but the status is about an older generation, or says what no longer is so: say that it holds."""


@dataclass(frozen=True, slots=True)
class Remove:
    """The object has outlived its ttlSecondsAfterFinished."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do, until then if a time is given."""

    until: datetime | None = None


Decision: TypeAlias = Begin | Suspend | Acknowledge | Remove | Rest


def is_timed(spec: Spec) -> bool:
    """Tell whether an object needs something a while after it has finished."""
    return spec.ttl_seconds_after_finished is not None or is_repeated(spec)


def decide(
    spec: Spec, record: Record, *, generation: int, now: datetime, finished_for: timedelta | None = None
) -> Decision:
    """Decide what an object needs.

    Args:
        spec: what is asked for.
        record: the status.
        generation: of the spec.
        now: the time, for people.
        finished_for: how long ago the last run ended, by a clock that nobody sets; None: by `now`.
    """
    key = run_key(spec)
    if has_ended(spec, record, generation):
        if finished_for is None and record.completed is not None:
            finished_for = max(now - record.completed, _NOTHING)
        return _decide_finished(spec, record, key, generation=generation, now=now, finished_for=finished_for)
    if spec.suspend:
        is_said = (
            record.run_key == key and record.reason == Reason.SUSPENDED and record.observed_generation == generation
        )
        on_the_way = record.run_key == key and record.has_begun
        return Rest() if is_said else Suspend(on_the_way, _past(record, key, now))
    return _begin(spec, record, key, now)


def has_ended(spec: Spec | None, record: Record, generation: int) -> bool:
    """Tell whether the run that a spec asks for has ended.

    Args:
        spec: as far as it can be read; None where it can't.
        record: the status.
        generation: of the spec.
    """
    if not record.is_finished:
        return False
    if spec is not None and record.run_key == run_key(spec):
        return True
    if not record.speaks_of_its_run:
        return False
    # The spec is what it was when its run ended, even if another version made the key otherwise, or of a field that the
    # API server no longer hands out.
    if record.observed_generation == generation:
        return True
    # Which work was done is not to be told: then only a new runID surely asks for more.
    return record.run_key is None and (spec is None or spec.run_id == record.run_id)


def may_speak_of(spec: Spec | None, record: Record, generation: int, reason: Reason) -> bool:
    """Tell whether a status may be made to say that the spec can't be read, which keeps a run from being begun.

    Not where it has been said, and not where the status tells of the run that this very spec asked for: that has ended,
    and needs no operator that could read it.

    Args:
        spec: without what can't be read; None where there is no reading the rest.
        record: the status.
        generation: of the spec.
        reason: what would be said.
    """
    if record.reason == reason and record.observed_generation == generation:
        return False
    return not (record.speaks_of_its_run and has_ended(spec, record, generation))


def _decide_finished(
    spec: Spec, record: Record, key: str, *, generation: int, now: datetime, finished_for: timedelta | None
) -> Decision:
    """Decide by spans of time, and not by points in it: a status may name the last second that there is."""
    waits: list[timedelta] = []
    life = _left(spec.ttl_seconds_after_finished, finished_for)
    if life is not None:
        if life <= _NOTHING:
            return Remove()
        waits.append(life)
    if isinstance(spec, TaskSearchSpec) and not spec.suspend:
        pause = _left(spec.refresh_interval_seconds, finished_for)
        if pause is not None:
            if pause <= _NOTHING:
                return Begin(key, now, NOTHING_CARRIED, record.history)
            waits.append(pause)
    if record.observed_generation != generation or not record.speaks_of_its_run:
        return Acknowledge()
    return Rest(now + min(waits) if waits else None)


def _left(seconds: int | None, passed: timedelta | None) -> timedelta | None:
    return None if seconds is None or passed is None else timedelta(seconds=seconds) - passed


def _begin(spec: Spec, record: Record, key: str, now: datetime) -> Begin:
    history = _past(record, key, now)
    if record.run_key != key:
        return Begin(key, now, NOTHING_CARRIED, history)
    # Going when the operator stopped, or held up on the way. A suspended run's clock starts again, as of a Job, and so
    # does that of a run whose spec could not be read for a while.
    is_held = record.reason == Reason.SUSPENDED or record.reason in OF_A_SPEC
    started = now if is_held or record.started is None else record.started
    return Begin(key, started, _carried(spec, record), history)


def _past(record: Record, key: str, now: datetime) -> History:
    """Give the runs before the one with this key; if one of them was going, it has just ended."""
    if record.run_key != key and record.has_begun and not record.is_finished:
        return remember(record, reason=SUPERSEDED, completed=now.replace(microsecond=0))
    return record.history


def _carried(spec: Spec, record: Record) -> Carried:
    if not isinstance(spec, TaskDeletionSpec) or spec.dry_run or not record.peers_cleared:
        return NOTHING_CARRIED
    return Carried(record.peers_cleared, record.peers_cleared_by_task)


def remember(record: Record, *, reason: str, completed: datetime) -> History:
    """Give the history with the run that a status is about on top. It grows no longer than ten, or than it was."""
    entry = HistoryEntry(
        run_key=record.run_key or "",
        run_id=record.run_id,
        reason=reason,
        start_time=record.started,
        completion_time=completed,
    ).to_json()
    counts = record.raw.get("peers")
    if isinstance(counts, Mapping):
        known = {str(field.alias) for field in PeerCounts.model_fields.values()}
        entry["peers"] = {name: count for name, count in counts.items() if name in known}
    return (entry, *record.history)[: max(MAX_HISTORY, len(record.history))]
