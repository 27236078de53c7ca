"""A record of the audit log: who asked for what, which peers were asked to delete what, when, and what they answered.

One for each run. Nothing that is not known stands in it: of a person, only what the object tells.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from dragonfly_task_operator.api.base import Model
from dragonfly_task_operator.api.status import PeerCounts

RECORD_VERSION = 1
"""Of the form of a record. Fields may be added to it."""

Action = Literal["Search", "DryRun", "Delete"]


class Writer(Model):
    """Who has written fields of a spec, as the API server notes it: the name that a program gives itself, no user."""

    manager: str
    operation: str
    time: str


class AskedBy(Model):
    """What the object tells of who asked."""

    requested_by: str | None = None
    """The annotation tasks.d7y.io/requested-by: the user, where the policy that stamps it is in force. Else whatever
    somebody has written there."""
    writers: list[Writer] | None = None
    """From metadata.managedFields: the programs that have written fields of the spec, the last one first."""


class AuditedObject(Model):
    """The object that asked for the run."""

    kind: str
    namespace: str
    name: str
    uid: str | None = None
    """Absent without Kubernetes, and so is the generation."""
    generation: int | None = None


class AuditedFailure(Model):
    """Tasks that peers were asked to delete, and of which it is not proven that they are gone."""

    reason: str
    """As in status.failures."""
    description: str
    """What the first of these peers answered."""
    tasks: list[int]
    """Indexes into tasks."""


class AuditedDeletion(Model):
    """Peers that were asked to delete the same tasks, and answered the same."""

    deleted: list[int] | None = None
    """Tasks that they, asked again, no longer have, as indexes into tasks."""
    failed: list[AuditedFailure] | None = None
    unanswered: list[int] | None = None
    """Tasks whose deletion was being asked for when the run was stopped: nobody knows what became of them."""
    count: int
    """How many peers."""
    peers: list[str]
    """Their host ids."""


class LeftOut(Model):
    """What there was no room for: how many."""

    targets: int = 0
    tasks: int = 0
    peers: int = 0
    """Of those that were asked to delete something."""


class AuditRecord(Model):
    """A run, from beginning to end, or to where it was stopped."""

    time: datetime
    """When this was written."""
    logger: Literal["audit"] = "audit"
    version: int = RECORD_VERSION
    source: Literal["operator", "exec"]
    object: AuditedObject
    asked_by: AskedBy
    action: Action
    targets: list[dict[str, Any]]
    """spec.targets, with redacted URLs."""
    run_key: str
    run_id: str | None = None
    resumed: bool
    """Whether an earlier process, or an earlier part of the run, had begun it: what that one asked for is not here."""
    start_time: datetime
    """Of the run, maybe in that earlier process."""
    end_time: datetime
    reason: str
    """Of Succeeded; or Superseded, ObjectGone or Interrupted, where the run was stopped before it came to an end."""
    message: str
    peers: PeerCounts | None = None
    """As in the status."""
    tasks: list[str]
    """The ids that peers were asked about, those first that any was asked to delete."""
    first_deletion_time: datetime | None = None
    """When the first peer was asked to delete something; absent where none was."""
    last_deletion_time: datetime | None = None
    deletions: list[AuditedDeletion] | None = None
    """Who was asked to delete what, and answered what; absent where nobody was."""
    left_out: LeftOut | None = None
