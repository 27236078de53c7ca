"""`status` of both kinds, as it is written: bounded, sorted, and made of what peers answered.

What is read of one is `api.record`'s business.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from dragonfly_task_operator.api.base import Model
from dragonfly_task_operator.api.conditions import MAX_CONDITIONS, Condition

INT64 = {"format": "int64"}

Int64 = Annotated[int, Field(json_schema_extra=INT64)]


class Result(StrEnum):
    """What a run knows of one task."""

    FOUND = "Found"
    NOT_FOUND = "NotFound"
    DELETED = "Deleted"
    FAILED = "Failed"


class PeerCounts(Model):
    """How many peers; each peer is counted once in `total` and once in what became of it."""

    total: Int64 = 0
    """Peers known."""
    caching: Int64 = 0
    """Peers that had any of the tasks when asked."""
    deleted: Int64 | None = None
    """Peers cleared by this run. Only TaskDeletion."""
    already_absent: Int64 | None = None
    """Peers that had none of the tasks when first asked. Only TaskDeletion."""
    failed: Int64 = 0
    """Peers with a failure other than being unreachable."""
    unreachable: Int64 = 0
    """Peers that could not be asked."""
    gone: Int64 | None = None
    """Peers that left the cluster before they answered. Not in `total`, nor in any other; absent when none."""


class Peer(Model):
    """Who a peer is, as the schedulers list it."""

    host_id: str
    hostname: str
    ip: str
    host_type: str
    """normal, super (a seed peer), strong or weak."""
    scheduler_cluster_id: Int64
    client_version: str | None = None
    """As the peer announced it; absent where it announced none."""


class CachedBy(Peer):
    """A peer that caches a task."""

    finished: bool
    """False: a download is going on, died half way, or failed at its start."""
    content_length: Int64 | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class TaskStatus(Model):
    """One task id that a target resolved to."""

    task_id: str
    target: int
    """Index into spec.targets."""
    identity: str
    """The rule that made the id: url, url-legacy, blob-digest, manifest-digest, content or taskID."""
    url: str | None = None
    """Query values and user info are redacted."""
    type: str | None = None
    tag: str | None = None
    application: str | None = None
    filtered_query_params: list[str] | None = None
    digest: str | None = None
    media_type: str | None = None
    """Of a part of an image."""
    platform: str | None = None
    """Of a part of an image: whose it is, several parted by commas; absent where the image does not say."""
    piece_length: Int64 | None = None
    piece_count: Int64 | None = None
    content_length: Int64 | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    scheduler_state: str | None = None
    """Dragonfly's own word, where a scheduler knows the task."""
    result: Result | None = None
    peers: Annotated[PeerCounts, Field(default_factory=PeerCounts)]
    cached_by: list[CachedBy] | None = None
    """TaskSearch and dry runs: the first 20 entries over all tasks."""


class ImageStatus(Model):
    """What an image target came to."""

    target: int
    """Index into spec.targets."""
    reference: str
    """What named it: its name, or the URL of its manifest, whose query values are redacted."""
    digest: str
    """Of the manifest or index that the URL led to."""
    platforms: list[str] | None = None
    """The first 20."""
    blobs: Int64
    """Configs and layers, each counted once."""
    size: Int64
    """Bytes of these blobs together."""
    peers_with_all: Int64
    """Peers that had every one of these blobs when asked."""
    peers_with_some: Int64
    """Peers that had some of these blobs when asked, but not all."""
    foreign_layers: Int64 | None = None
    """Layers that the registry need not have, as base layers of Windows. They are asked for too."""
    unknown_parts: Int64 | None = None
    """What the image refers to that could not be looked at; the message of the condition Succeeded tells of it."""
    kept: Int64 | None = None
    """Blobs and manifests that were left out because of keepSharedWith."""
    summary: str
    """The same in a line."""


class Failure(Model):
    """What one peer could not do."""

    task_id: str
    host_id: str
    hostname: str
    ip: str
    host_type: str
    scheduler_cluster_id: Int64
    client_version: str | None = None
    """As the peer announced it; absent where it announced none."""
    reason: str
    """Unreachable, Timeout, TLS, PermissionDenied, Unimplemented, Overloaded, Downloading, Internal or StillCached."""
    description: str
    """The peer's own error, or the transport's, cut at 512 characters."""
    attempts: int
    last_attempt_time: datetime


class FailureSummary(Model):
    """All failures of one reason."""

    reason: str
    count: Int64
    example: str


class Omitted(Model):
    """How many entries were left out. It is all in TaskReports, but for what is counted in peers."""

    images: Int64 = 0
    tasks: Int64 = 0
    cached_by: Int64 = 0
    failures: Int64 = 0
    peers: Int64 = 0
    """Peers with something to tell that the TaskReports have no row for, either."""


class HistoryEntry(Model):
    """A run that ended. Nothing is required: entries of other versions are carried over as they are."""

    run_key: str | None = None
    run_id: str | None = None
    reason: str | None = None
    start_time: datetime | None = None
    completion_time: datetime | None = None
    peers: PeerCounts | None = None


class Status(Model):
    """What is known of the object's runs.

    Its default in the CRD says Pending, so that no tool takes an object that no operator has seen for current.
    """

    observed_generation: Int64 | None = None
    """The generation of the spec that this status is about; -1: none yet."""
    run_key: str | None = None
    """A hash of the fields of spec that define the work."""
    run_id: str | None = None
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=MAX_CONDITIONS,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = []  # noqa: RUF012 - pydantic copies it
    reason: str | None = None
    """The reason of the condition Succeeded, to select by: --field-selector status.reason=PeersFailed."""
    summary: str | None = None
    """What the object is about, in a line. Query values and user info are redacted."""
    start_time: datetime | None = None
    completion_time: datetime | None = None
    progress: str | None = None
    """(task, peer) pairs settled of all known."""
    peers: PeerCounts | None = None
    images: list[ImageStatus] | None = None
    """One per image target."""
    tasks: list[TaskStatus] | None = None
    """One per task id that a target resolved to: the first 50, those cached anywhere first."""
    failures: list[Failure] | None = None
    """The first 20."""
    failure_summary: list[FailureSummary] | None = None
    """Every failure counted, by reason."""
    omitted: Omitted | None = None
    """What the lists above left out."""
    reports: list[str] | None = None
    """The TaskReports that have a row for each peer, in order: there where the lists above left something out, or more
    than 20 peers were cleared. Of the last run that has ended."""
    history: list[HistoryEntry] | None = None
    """The last 10 runs that ended, the newest first."""
