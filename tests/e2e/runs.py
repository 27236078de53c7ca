"""TaskSearches and TaskDeletions run to their ends, and what they then say."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from hack.kubectl import Kubectl
from tests.objects import Objects, is_finished, is_running, manifest, succeeded

_SECONDS = 50.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The status of a run that has finished."""

    status: dict[str, Any]

    @property
    def reason(self) -> str:
        """Of the condition Succeeded."""
        return succeeded(self.status)[1]

    @property
    def caching(self) -> set[str]:
        """Names of the peers that cache any of the tasks."""
        return {each["hostname"] for task in self.status["tasks"] for each in task.get("cachedBy", ())}

    @property
    def found(self) -> set[str]:
        """Ids of the tasks that some peer caches."""
        return {task["taskID"] for task in self.status["tasks"] if task["result"] == "Found"}

    @property
    def failures(self) -> set[tuple[str, str]]:
        """(hostname, reason) of each."""
        return {(each["hostname"], each["reason"]) for each in self.status["failures"]}


@dataclass(frozen=True, slots=True)
class Runs:
    """Makes objects, each of a name of its own, and waits for their ends."""

    kubectl: Kubectl
    objects: Objects

    def search(self, **target: Any) -> Outcome:
        """Search for one target, to the end."""
        return self.end("TaskSearch", self.begin("TaskSearch", target))

    def delete(self, target: dict[str, Any], **spec: Any) -> Outcome:
        """Delete one target, to the end."""
        return self.end("TaskDeletion", self.begin("TaskDeletion", target, **spec))

    def begin_deletion(self, target: dict[str, Any], **spec: Any) -> str:
        """Make a TaskDeletion and wait until it is running; returns its name."""
        name = self.begin("TaskDeletion", target, **spec)
        self.objects.until("TaskDeletion", name, is_running)
        return name

    def begin(self, kind: str, target: dict[str, Any], **spec: Any) -> str:
        """Make an object; returns its name."""
        name = f"real-{secrets.token_hex(4)}"
        self.kubectl.apply(manifest(kind, name, target, **spec))
        return name

    def end(self, kind: str, name: str) -> Outcome:
        """Wait for the end of a run."""
        return Outcome(self.objects.until(kind, name, is_finished, seconds=_SECONDS))
