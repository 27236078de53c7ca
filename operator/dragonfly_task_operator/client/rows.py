"""Every peer with something to tell of a run, a row each: from TaskReports, or from the status where there are none.

Both may have been written by another version, so nothing is read as a whole (`api.loose`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dragonfly_task_operator.api import loose
from dragonfly_task_operator.api.record import Record
from dragonfly_task_operator.oci.media_types import INDEXES, MANIFESTS, SCHEMA_1, plain

_MANIFESTS = INDEXES | MANIFESTS | SCHEMA_1

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PeerFailure:
    """What a peer could not do, about which tasks. `last_attempt` is as it is written, in RFC 3339."""

    tasks: tuple[str, ...]
    reason: str
    description: str
    attempts: int
    last_attempt: str | None


@dataclass(frozen=True, slots=True)
class PeerRow:
    """A peer that has something to tell.

    Attributes:
        holds: ids of tasks that it has.
        deleted: of tasks that this run deleted from it, and that it no longer has.
        share: of the blobs of the run's images that it has, from 0 to 1; None where that is not known.
        failed: what it could not do.
    """

    host_id: str
    hostname: str
    ip: str
    host_type: str
    scheduler_cluster_id: int | None
    client_version: str | None
    holds: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    share: float | None = None
    failed: tuple[PeerFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class Everyone:
    """All rows that are known, sorted by hostname.

    Attributes:
        rows: of peers.
        tasks: the ids that they tell of.
        left_out: what is not in the rows, a line each, for a person; empty where every peer has its row.
        pages: how many TaskReports they come from; 0: from the status.
        unnamed: peers that were cleared, of whom there is this number and no row: the operator names them on
            TaskReports, which it writes where a list would be long, and no status lists them.
    """

    rows: tuple[PeerRow, ...]
    tasks: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    pages: int = 0
    unnamed: int = 0


def from_pages(run: Body, pages: Sequence[Body | None]) -> Everyone:
    """Join the TaskReports that a run's status names, in its order; None stands for one that is not there."""
    record = Record.of(run)
    rows: list[PeerRow] = []
    tasks: dict[str, None] = {}
    missing = 0
    for page in pages:
        report = loose.mapping((page or {}).get("report"))
        if report.get("runKey") != record.run_key or report.get("complete") is not True:
            missing += 1
            continue
        ids = [loose.word(task) or "" for task in loose.items(report.get("tasks"))]
        tasks |= dict.fromkeys(ids)
        rows += (_row(row, ids) for row in loose.mappings(report.get("peers")))
    left_out = []
    if missing:
        left_out.append(f"{missing} of {len(pages)} TaskReports are gone, or are being written: try again")
    omitted = loose.count(loose.mapping(record.raw.get("omitted")).get("peers"))
    if omitted:
        left_out.append(f"{omitted} more peers have something to tell, for whom the TaskReports had no room")
    return Everyone(_sorted(rows), tuple(tasks), tuple(left_out), len(pages) - missing)


def _row(row: Body, ids: Sequence[str]) -> PeerRow:
    def named(indexes: object) -> tuple[str, ...]:
        numbers = (loose.number(index) for index in loose.items(indexes))
        return tuple(ids[number] for number in numbers if number is not None and 0 <= number < len(ids))

    share = row.get("complete")
    return _peer(
        row,
        holds=named(row.get("holds")),
        deleted=named(row.get("deleted")),
        share=float(share) if isinstance(share, int | float) and not isinstance(share, bool) else None,
        failed=tuple(
            _failure(failed, named([failed.get("task"), *loose.items(failed.get("also"))]))
            for failed in loose.mappings(row.get("failed"))
        ),
    )


@dataclass(slots=True)
class _Told:
    """What the lists of a status tell of one peer."""

    peer: Body
    holds: list[str] = field(default_factory=list)
    failed: list[PeerFailure] = field(default_factory=list)


def from_status(run: Body) -> Everyone:
    """Make rows of the lists of a status, which has the first of them only."""
    status = Record.of(run).raw
    told: dict[str, _Told] = {}
    tasks = loose.mappings(status.get("tasks"))
    for task in tasks:
        for holder in loose.mappings(task.get("cachedBy")):
            _of(told, holder).holds.append(loose.word(task.get("taskID")) or "")
    for failure in loose.mappings(status.get("failures")):
        _of(told, failure).failed.append(_failure(failure, (loose.word(failure.get("taskID")) or "",)))
    share = _Shares(status, tasks)
    rows = [
        _peer(each.peer, holds=tuple(each.holds), share=share.of(each.holds), failed=tuple(each.failed))
        for each in told.values()
    ]
    ids = tuple(loose.word(task.get("taskID")) or "" for task in tasks)
    cleared = loose.count(loose.mapping(status.get("peers")).get("deleted"))
    return Everyone(_sorted(rows), ids, tuple(_left_out(status)), unnamed=cleared)


def _of(told: dict[str, _Told], peer: Body) -> _Told:
    return told.setdefault(loose.word(peer.get("hostID")) or "", _Told(peer))


def _left_out(status: Body) -> list[str]:
    omitted = loose.mapping(status.get("omitted"))
    counts = {
        "entries of peers that have a task": loose.count(omitted.get("cachedBy")),
        "failures": loose.count(omitted.get("failures")),
        "tasks": loose.count(omitted.get("tasks")),
    }
    return [
        f"{count} {what} are not in the status, and there is no TaskReport" for what, count in counts.items() if count
    ]


class _Shares:
    """Which share of an image's blobs a peer has: told only where the status lists every task and every holder."""

    def __init__(self, status: Body, tasks: Sequence[Body]) -> None:
        images = loose.mappings(status.get("images"))
        self._blobs = loose.count(images[0].get("blobs")) if len(images) == 1 and "omitted" not in status else 0
        self._digests = {
            loose.word(task.get("taskID")): loose.word(task.get("digest"))
            for task in tasks
            if task.get("digest") and plain(loose.word(task.get("mediaType")) or "") not in _MANIFESTS
        }

    def of(self, holds: Sequence[str]) -> float | None:
        """Give the share of a peer that has these tasks."""
        if not self._blobs:
            return None
        digests = {self._digests[task] for task in holds if task in self._digests}
        return int(10_000 * len(digests) / self._blobs) / 10_000


def _failure(failed: Body, tasks: tuple[str, ...]) -> PeerFailure:
    return PeerFailure(
        tasks=tasks,
        reason=loose.word(failed.get("reason")) or "",
        description=loose.word(failed.get("description")) or "",
        attempts=loose.count(failed.get("attempts")),
        last_attempt=loose.word(failed.get("lastAttemptTime")),
    )


def _peer(peer: Body, **told: Any) -> PeerRow:
    return PeerRow(
        host_id=loose.word(peer.get("hostID")) or "",
        hostname=loose.word(peer.get("hostname")) or "",
        ip=loose.word(peer.get("ip")) or "",
        host_type=loose.word(peer.get("hostType")) or "",
        scheduler_cluster_id=loose.number(peer.get("schedulerClusterID")),
        client_version=loose.word(peer.get("clientVersion")),
        **told,
    )


def _sorted(rows: Sequence[PeerRow]) -> tuple[PeerRow, ...]:
    return tuple(sorted(rows, key=lambda row: (row.hostname, row.host_id)))
