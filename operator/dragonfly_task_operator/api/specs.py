"""`spec` of TaskSearch and TaskDeletion, and the run key: the hash of the fields that define the work."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Annotated, Any, ClassVar, TypeGuard

from pydantic import Field

from dragonfly_task_operator.api.base import Model
from dragonfly_task_operator.api.targets import TARGET_RULES, TARGETS_RULE, Target


class UnfinishedDownloads(StrEnum):
    """What to do about a task that a peer is still downloading."""

    WAIT = "Wait"
    DELETE = "Delete"


class UnreachablePeers(StrEnum):
    """Whether a peer that could not be asked fails the run."""

    FAIL = "Fail"
    IGNORE = "Ignore"


class CommonSpec(Model):
    """What both kinds take."""

    WORK: ClassVar[frozenset[str]] = frozenset({"targets", "scheduler_cluster_ids", "run_id"})
    """The fields that define the work."""

    targets: Annotated[
        list[Annotated[Target, Field(json_schema_extra=TARGET_RULES)]],
        Field(min_length=1, max_length=100, json_schema_extra=TARGETS_RULE),
    ]
    """The tasks, 1 to 100 items."""

    scheduler_cluster_ids: Annotated[
        list[Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]] | None,
        Field(min_length=1, max_length=100),
    ] = None
    """Only peers of these Dragonfly scheduler clusters. Absent: all."""

    run_id: Annotated[str | None, Field(min_length=1, max_length=128)] = None
    """An opaque word; a new one asks for a new run of the same work."""

    parallelism: Annotated[int | None, Field(ge=1, le=2000)] = None
    """Most peers asked at once for this object. Absent: the operator's setting."""

    active_deadline_seconds: Annotated[int, Field(ge=1, le=2_592_000)]
    """Seconds after which the run ends with reason DeadlineExceeded, keeping all that is known."""

    ttl_seconds_after_finished: Annotated[int | None, Field(ge=0, le=2_147_483_647)] = None
    """Seconds after which a finished object is removed. Absent: it is kept. With self-healing GitOps a removed object
    comes back and runs again."""

    suspend: bool = False
    """True: don't start, or stop a run that is going. False again: go on."""


class TaskSearchSpec(CommonSpec):
    """Which peers cache these tasks?"""

    active_deadline_seconds: Annotated[int, Field(ge=1, le=2_592_000)] = 300

    refresh_interval_seconds: Annotated[int | None, Field(ge=30, le=2_592_000)] = None
    """Look again this often, in seconds, at least 30. Absent: once."""


class TaskDeletionSpec(CommonSpec):
    """Delete these tasks from every peer, and prove that they are gone."""

    WORK: ClassVar[frozenset[str]] = CommonSpec.WORK | {"dry_run", "unreachable_peers", "unfinished_downloads"}

    active_deadline_seconds: Annotated[int, Field(ge=1, le=2_592_000)] = 1800

    dry_run: bool = False
    """Find what would be deleted, delete nothing. Editing it to false runs the deletion."""

    backoff_limit: Annotated[int, Field(ge=0, le=100)] = 6
    """Rounds of retries for peers that failed in a way that may pass."""

    unfinished_downloads: UnfinishedDownloads = UnfinishedDownloads.WAIT
    """A task that a peer is still downloading: Wait until it has finished, then delete; or Delete at once, which
    breaks the download, or is undone by it."""

    unreachable_peers: UnreachablePeers = UnreachablePeers.FAIL
    """Fail: a peer that could not be asked fails the run. Ignore: it is listed and doesn't."""


Spec = TaskSearchSpec | TaskDeletionSpec


def deletes(spec: Spec) -> TypeGuard[TaskDeletionSpec]:
    """Tell whether peers are asked to delete; a dry run and a search only ask."""
    return isinstance(spec, TaskDeletionSpec) and not spec.dry_run


def is_repeated(spec: Spec) -> bool:
    """Tell whether the same work is done again after a while, over and over."""
    return isinstance(spec, TaskSearchSpec) and spec.refresh_interval_seconds is not None


_WRITTEN_AT_DEFAULT = {"dry_run", "unreachable_peers", "unfinished_downloads"}
"""Fields that have been part of every key of a deletion from the beginning, at their defaults, too. It stays so, and no
other field joins them: that would change the key of every object there is."""


def run_key(spec: Spec) -> str:
    """Hash the fields that define the work: 16 hex digits, the same for the same work in any spelling of it.

    A finished run is never repeated while its key is the same, so the key of an object must not change by an upgrade: a
    field at its default is no part of it. A field can be added, with a default that means what went without saying; a
    default can never be changed. Tests hold the keys of the first objects (tests/data/run_keys.yaml).
    """
    work: dict[str, Any] = spec.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude_defaults=True, include=set(spec.WORK)
    )
    work |= spec.model_dump(mode="json", by_alias=True, include=set(spec.WORK & _WRITTEN_AT_DEFAULT))
    text = json.dumps(work, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
