"""A run as a person sees it: what the status of a TaskSearch or TaskDeletion says about the spec as it is now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from dragonfly_task_operator.api import loose
from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.kinds import KINDS, TASK_DELETION, Kind
from dragonfly_task_operator.api.record import Record
from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.subject import describe
from dragonfly_task_operator.observability.redaction import redact, redact_url

UNTOUCHED = -1
"""The observedGeneration of an object that no operator has seen."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many peers, as `status.peers` counts them; what was not counted is 0."""

    total: int = 0
    caching: int = 0
    deleted: int = 0
    already_absent: int = 0
    failed: int = 0
    unreachable: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many failures have one reason, and one peer's words."""

    reason: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Run:
    """An object of either kind, as it was read. Whatever wrote its status, nothing here raises."""

    kind: Kind
    body: Mapping[str, Any]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Run:
        """Take an object that the API server gave."""
        return cls(next(kind for kind in KINDS if kind.name == body["kind"]), body)

    @property
    def namespace(self) -> str:
        """Where it is."""
        return str(self.body["metadata"]["namespace"])

    @property
    def name(self) -> str:
        """Its name, without the kind."""
        return str(self.body["metadata"]["name"])

    @property
    def uid(self) -> str:
        """What tells it from a later one of its name."""
        return str(self.body["metadata"]["uid"])

    @property
    def created(self) -> datetime | None:
        """When it was made."""
        return loose.time(self.body["metadata"].get("creationTimestamp"))

    @property
    def generation(self) -> int:
        """The generation of its spec."""
        return loose.number(self.body["metadata"].get("generation")) or 0

    @property
    def spec(self) -> Mapping[str, Any]:
        """What was asked for."""
        return loose.mapping(self.body.get("spec"))

    @property
    def status(self) -> Mapping[str, Any]:
        """What is known."""
        return self.record.raw

    @property
    def record(self) -> Record:
        """What the status says, each thing read by itself."""
        return Record.of(self.body)

    @property
    def is_deletion(self) -> bool:
        """Whether it deletes, or would."""
        return self.kind is TASK_DELETION

    @property
    def is_dry_run(self) -> bool:
        """Whether it only tells what it would delete."""
        return self.is_deletion and self.spec.get("dryRun") is True

    @property
    def is_untouched(self) -> bool:
        """Whether no operator has seen it."""
        return self.record.observed_generation in {None, UNTOUCHED}

    @property
    def is_current(self) -> bool:
        """Whether the status is about the spec as it is now."""
        return (self.record.observed_generation or 0) >= self.generation

    @property
    def succeeded(self) -> bool | None:
        """How it ended; None while it goes, waits, or has not been looked at since it was changed."""
        if not self.is_current:
            return None
        return {"True": True, "False": False}.get(loose.word(self._succeeded.get("status")) or "")

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.succeeded is not None

    @property
    def reason(self) -> str:
        """The reason of `Succeeded`; Pending where the operator has not looked yet."""
        return self.record.reason if self.is_current else Reason.PENDING

    @property
    def message(self) -> str:
        """The message of `Succeeded`."""
        if not self.is_current:
            return "waiting for the operator"
        return loose.word(self._succeeded.get("message")) or ""

    @property
    def summary(self) -> str:
        """What it is about, in a line; empty where the operator has not said it."""
        return loose.word(self.status.get("summary")) or ""

    @property
    def counts(self) -> Counts:
        """How many peers."""
        peers = loose.mapping(self.status.get("peers"))
        names = ("total", "caching", "deleted", "alreadyAbsent", "failed", "unreachable", "gone")
        return Counts(*(loose.count(peers.get(name)) for name in names))

    @property
    def progress(self) -> str:
        """(task, peer) pairs settled of all known, as in 812/1236; empty where none is known."""
        return loose.word(self.status.get("progress")) or ""

    @property
    def tasks(self) -> Sequence[Mapping[str, Any]]:
        """What is told of each task id."""
        return loose.mappings(self.status.get("tasks"))

    @property
    def targets(self) -> Sequence[str]:
        """What each target names, in a line, without what is secret in it."""
        return [_named(target) for target in loose.items(self.spec.get("targets"))]

    def what(self, task: Mapping[str, Any]) -> str:
        """Say what a task is: a part of an image by its digest, else a URL, or what its target was given."""
        known = loose.word(task.get("digest")) or redact_url(loose.word(task.get("url")) or "")
        index = loose.number(task.get("target"))
        targets = self.targets
        return known or (targets[index] if index is not None and 0 <= index < len(targets) else "")

    @property
    def bytes_cached(self) -> int:
        """Bytes over all peers, by the length that peers tell of each task; of tasks in the status only."""
        return sum(
            loose.count(task.get("contentLength")) * loose.count(loose.mapping(task.get("peers")).get("caching"))
            for task in self.tasks
        )

    @property
    def failures(self) -> Sequence[Mapping[str, Any]]:
        """The first failures of peers."""
        return loose.mappings(self.status.get("failures"))

    @property
    def failure_reasons(self) -> Sequence[ReasonCount]:
        """All failures, counted by reason."""
        return [
            ReasonCount(
                loose.word(each.get("reason")) or "",
                loose.count(each.get("count")),
                loose.word(each.get("example")) or "",
            )
            for each in loose.mappings(self.status.get("failureSummary"))
        ]

    @property
    def _succeeded(self) -> Mapping[str, Any]:
        return next((each for each in self.record.conditions if each.get("type") == "Succeeded"), {})


def _named(target: object) -> str:
    try:
        return describe([Target.model_validate(target)])
    except ValidationError:  # of another version: all of it, then
        return redact(str(target))
