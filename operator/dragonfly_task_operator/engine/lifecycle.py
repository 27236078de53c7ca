"""What an object needs now: the gate before every run. Pure: a spec, a status and the time give one decision.

Everything that a decision depends on is in the object, so an operator that starts anew, on another node, with nothing
but the API server, decides as the one before it would have.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.specs import Spec, TaskDeletionSpec, TaskSearchSpec, run_key
from dragonfly_task_operator.api.status import HistoryEntry, Status
from dragonfly_task_operator.engine.report import NOTHING_CARRIED, Carried

MAX_HISTORY = 10
SUPERSEDED = "Superseded"
"""The reason in the history of a run that an edit of the spec ended."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Run. `history` is what the status has to keep of earlier runs."""

    key: str
    started: datetime
    carried: Carried
    history: tuple[HistoryEntry, ...]


@dataclass(frozen=True, slots=True)
class Suspend:
    """Don't run, and say so.

    Attributes:
        kept: the status as far as it is about the run that is suspended; an empty one when that is yet to begin.
        history: what the status has to keep of earlier runs.
    """

    kept: Status
    history: tuple[HistoryEntry, ...]


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Nothing to run, but the status is about an older generation: say that it holds for this one."""


@dataclass(frozen=True, slots=True)
class Remove:
    """The object has outlived its ttlSecondsAfterFinished."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do, until then if a time is given."""

    until: datetime | None = None


Decision: TypeAlias = Begin | Suspend | Acknowledge | Remove | Rest


def decide(spec: Spec, status: Status, *, generation: int, now: datetime) -> Decision:
    """Decide what an object needs."""
    key = run_key(spec)
    if status.run_key == key and status.is_finished:
        return _decide_finished(spec, status, key, generation=generation, now=now)
    if spec.suspend:
        suspended = (
            status.run_key == key and status.reason == Reason.SUSPENDED and status.observed_generation == generation
        )
        return Rest() if suspended else Suspend(status if status.run_key == key else Status(), _past(status, key, now))
    return _begin(spec, status, key, now)


def _decide_finished(spec: Spec, status: Status, key: str, *, generation: int, now: datetime) -> Decision:
    times: list[datetime] = []
    if status.completion_time is not None:
        if spec.ttl_seconds_after_finished is not None:
            expiry = status.completion_time + timedelta(seconds=spec.ttl_seconds_after_finished)
            if expiry <= now:
                return Remove()
            times.append(expiry)
        if isinstance(spec, TaskSearchSpec) and spec.refresh_interval_seconds is not None and not spec.suspend:
            refresh = status.completion_time + timedelta(seconds=spec.refresh_interval_seconds)
            if refresh <= now:
                return Begin(key, now, NOTHING_CARRIED, tuple(status.history or ()))
            times.append(refresh)
    if status.observed_generation != generation:
        return Acknowledge()
    return Rest(min(times, default=None))


def _begin(spec: Spec, status: Status, key: str, now: datetime) -> Begin:
    history = _past(status, key, now)
    if status.run_key == key and status.start_time is not None:
        # Going when the operator stopped, or suspended on the way. A suspended run's clock starts again, as of a Job.
        started = now if status.reason == Reason.SUSPENDED else status.start_time
        return Begin(key, started, _carried(spec, status), history)
    return Begin(key, now, NOTHING_CARRIED, history)


def _past(status: Status, key: str, now: datetime) -> tuple[HistoryEntry, ...]:
    """Give the runs before the one with this key; if one of them was going, it has just ended."""
    if status.run_key != key and status.start_time is not None and not status.is_finished:
        return remember(status, reason=SUPERSEDED, completed=now.replace(microsecond=0))
    return tuple(status.history or ())


def _carried(spec: Spec, status: Status) -> Carried:
    if not isinstance(spec, TaskDeletionSpec) or spec.dry_run or status.peers is None:
        return NOTHING_CARRIED
    by_task = {task.task_id: task.peers.deleted for task in status.tasks or () if task.peers.deleted}
    return Carried(status.peers.deleted or 0, by_task)


def remember(status: Status, *, reason: str, completed: datetime) -> tuple[HistoryEntry, ...]:
    """Give the history with the run that a status is about on top."""
    entry = HistoryEntry(
        run_key=status.run_key or "",
        run_id=status.run_id,
        reason=reason,
        start_time=status.start_time,
        completion_time=completed,
        peers=status.peers,
    )
    return (entry, *(status.history or ()))[:MAX_HISTORY]
