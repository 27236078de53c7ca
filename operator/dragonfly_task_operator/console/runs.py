"""A run as pages show it: what `client` knows of one, in the words of Dragonfly's console and for its links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from dragonfly_task_operator.api import loose
from dragonfly_task_operator.api.base import API_VERSION
from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.reading import UnreadableSpec, read_spec
from dragonfly_task_operator.client.run import Run
from dragonfly_task_operator.engine.subject import describe


class State(StrEnum):
    """The words of Dragonfly's console."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


_STATES = {None: State.PENDING, True: State.SUCCESS, False: State.FAILURE}


@dataclass(frozen=True, slots=True)
class Shown(Run):
    """A run on a page."""

    @property
    def uid(self) -> str:
        """What tells it from a later one of its name."""
        return str(self.body["metadata"]["uid"])

    @property
    def version(self) -> str:
        """The resourceVersion that it was read at."""
        return str(self.body["metadata"]["resourceVersion"])

    @property
    def made(self) -> str:
        """When it was made, as it is written."""
        return str(self.body["metadata"]["creationTimestamp"])

    @property
    def path(self) -> str:
        """Where its page is, under that of all executions."""
        return f"{self.kind.plural}/{self.namespace}/{self.name}"

    @property
    def state(self) -> State:
        """Its verdict."""
        return _STATES[self.succeeded]

    @property
    def is_preview(self) -> bool:
        """Whether it is a dry run that has told what a deletion would delete."""
        return self.is_dry_run and self.is_over and self.reason == Reason.DRY_RUN

    @property
    def is_suspended(self) -> bool:
        """Whether it is to do nothing until it is told to go on."""
        return self.spec.get("suspend") is True

    @property
    def subject(self) -> str:
        """What it is about, in a line, without the values that sign a URL."""
        if self.summary:
            return self.summary
        try:
            return describe(read_spec(self.kind.spec, self.spec).targets)
        except UnreadableSpec as error:
            return "" if error.known is None else describe(error.known.targets)

    @property
    def settled(self) -> tuple[int, int] | None:
        """How many (task, peer) pairs are settled, of how many; None where it has not said."""
        done, slash, total = self.progress.partition("/")
        return (int(done), int(total)) if slash and done.isdecimal() and total.isdecimal() else None

    @property
    def seconds(self) -> float | None:
        """How long the run took; None while it goes."""
        started, completed = self.record.started, self.record.completed
        return None if started is None or completed is None else (completed - started).total_seconds()

    def waited(self, now: datetime) -> float:
        """Tell for how many seconds it has been there."""
        return 0.0 if self.created is None else (now - self.created).total_seconds()

    def listed(self, what: str) -> Sequence[Mapping[str, Any]]:
        """Give a list of the status."""
        return loose.mappings(self.status.get(what))

    def manifest(self) -> dict[str, Any]:
        """Give what a person would commit to Git: no status, and nothing that the API server adds."""
        return {
            "apiVersion": API_VERSION,
            "kind": self.kind.name,
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": dict(self.spec),
        }
