"""What a status says of an object's runs, each thing read by itself.

Another version of this operator may have written it, with more fields, other words, or other types than this one knows.
So nothing here reads a status as a whole: what makes a run finished has to be found whatever stands beside it, since a
finished run is never to be repeated (docs/adr/0009-versions-that-differ.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dragonfly_task_operator.api import loose
from dragonfly_task_operator.api.conditions import GOING, Reason

SUPERSEDED = "Superseded"
"""The reason in the history of a run that an edit of the spec ended."""

OF_A_SPEC = frozenset({Reason.OPERATOR_TOO_OLD, Reason.INVALID_SPEC})
"""Reasons that may be said of a spec that can't be read, while the rest of the status is still about an earlier run."""


@dataclass(frozen=True, slots=True)
class Record:
    """A status as it is kept, and what can be read of it. What can't be read is None, or empty."""

    raw: Mapping[str, Any]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Record:
        """Take the status of an object."""
        return cls(loose.mapping(body.get("status")))

    @property
    def run_key(self) -> str | None:
        """The key of the run that the status is about."""
        key = self.raw.get("runKey")
        if key is None and self.reason == Reason.INVALID_SPEC and self._last.get("reason") != SUPERSEDED:
            key = self._last.get("runKey")  # dropped by versions that did not have OperatorTooOld
        return loose.word(key)

    @property
    def run_id(self) -> str | None:
        """The `runID` of that run."""
        return loose.word(self.raw.get("runID"))

    @property
    def reason(self) -> str:
        """The reason of `Succeeded`; Pending where there is none."""
        return loose.word(self._condition("Succeeded").get("reason")) or Reason.PENDING

    @property
    def message(self) -> str:
        """The message of `Succeeded`; empty where there is none."""
        return loose.word(self._condition("Succeeded").get("message")) or ""

    @property
    def ended_with(self) -> str | None:
        """The reason that the run with this key ended with, by the history."""
        return loose.word(self._last.get("reason")) if loose.word(self._last.get("runKey")) == self.run_key else None

    @property
    def speaks_of_its_run(self) -> bool:
        """Whether the conditions are about the run with this key, and not about a spec that could not be read."""
        if self.reason not in OF_A_SPEC:
            return True
        if self.reason == Reason.OPERATOR_TOO_OLD or not self._has("completionTime") or self.run_key is None:
            return False
        return self.ended_with in (None, self.reason)  # a run that a target which names no task has ended

    @property
    def is_finished(self) -> bool:
        """Whether the run with this key has ended. In doubt it has: another run can be asked for, none be undone."""
        if not self.speaks_of_its_run:
            return self._has("completionTime")
        finished, succeeded = self._condition("Finished"), self._condition("Succeeded")
        if finished:
            return finished.get("status") not in ("False", "Unknown", False)
        if self._has("completionTime") or succeeded.get("status") in ("True", "False"):
            return True
        return not succeeded and (loose.word(self.raw.get("reason")) or Reason.PENDING) not in GOING

    @property
    def has_begun(self) -> bool:
        """Whether the run with this key has ever been going."""
        return self._has("startTime")

    @property
    def observed_generation(self) -> int | None:
        """The generation of the spec that the status is about; -1: none yet."""
        return loose.number(self.raw.get("observedGeneration"))

    @property
    def started(self) -> datetime | None:
        """When the run with this key began."""
        return loose.time(self.raw.get("startTime"))

    @property
    def completed(self) -> datetime | None:
        """When it ended."""
        return loose.time(self.raw.get("completionTime"))

    @property
    def peers_cleared(self) -> int:
        """Peers that the run with this key had cleared."""
        return loose.count(loose.mapping(self.raw.get("peers")).get("deleted"))

    @property
    def peers_cleared_by_task(self) -> dict[str, int]:
        """The same by task id, where there are any."""
        tasks = loose.mappings(self.raw.get("tasks"))
        counts = {
            loose.word(task.get("taskID")): loose.count(loose.mapping(task.get("peers")).get("deleted"))
            for task in tasks
        }
        return {task: count for task, count in counts.items() if task and count}

    @property
    def reports(self) -> tuple[str, ...]:
        """The names of the TaskReports that the last run which has ended left."""
        return tuple(word for word in map(loose.word, loose.items(self.raw.get("reports"))) if word)

    @property
    def conditions(self) -> tuple[Mapping[str, Any], ...]:
        """The conditions, those of types that this operator does not know among them."""
        return tuple(each for each in loose.items(self.raw.get("conditions")) if isinstance(each, Mapping))

    @property
    def history(self) -> tuple[Any, ...]:
        """The runs that ended, the newest first, each as it is kept."""
        return tuple(loose.items(self.raw.get("history")))

    @property
    def _last(self) -> Mapping[str, Any]:
        return loose.mapping(next(iter(self.history), None))

    def _condition(self, type_: str) -> Mapping[str, Any]:
        return next((each for each in self.conditions if each.get("type") == type_), {})

    def _has(self, field: str) -> bool:
        return self.raw.get(field) is not None


NOTHING_KNOWN = Record({})
"""Of an object that no operator has seen."""
