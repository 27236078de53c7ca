"""From a summary to the lists of a status: redacted, sorted, and never over the size that etcd and people can take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from dragonfly_task_operator.api.room import most_bytes
from dragonfly_task_operator.api.status import (
    CachedBy,
    Failure,
    FailureSummary,
    ImageStatus,
    Omitted,
    PeerCounts,
    Result,
    Status,
    TaskStatus,
)
from dragonfly_task_operator.engine.ledger import Failed, Ledger
from dragonfly_task_operator.engine.model import Cached, Copy, Host
from dragonfly_task_operator.engine.summary import ImageSummary, PeerFailure, Summary, TaskSummary
from dragonfly_task_operator.engine.unlooked import name
from dragonfly_task_operator.engine.views import Counts
from dragonfly_task_operator.observability.redaction import cut, redact, redact_url

MAX_STATUS_BYTES = 64 << 10
"""In whatever way it is written (`api.room.most_bytes`): the whole status, with conditions and history."""
MAX_TASKS = 50
MAX_CACHED_BY = 20
MAX_FAILURES = 20
MAX_PLATFORMS = 20
MAX_DESCRIPTION = 512
"""Characters of a description, an example, a URL, or any word of a scheduler."""
SHORTER_DESCRIPTIONS = (256, 128)
"""Characters of a description where there is no room for longer ones: better all of the first failures, in short."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What an operator that was killed had written of the same run: peers cleared, in all and by task id.

    Those peers answer now that they have nothing, which must not be counted as having had nothing before.
    """

    peers: int = 0
    by_task: dict[str, int] | None = None


NOTHING_CARRIED = Carried()

_Described = TypeVar("_Described", Failure, FailureSummary)


def results(
    ledger: Ledger,
    summary: Summary,
    *,
    deleting: bool,
    ignoring_unreachable: bool = False,
    carried: Carried = NOTHING_CARRIED,
) -> Status:
    """Give the part of a status that tells what peers answered.

    Args:
        ledger: where the summary comes from.
        summary: the fold of the ledger.
        deleting: whether the run deletes; a dry run does not.
        ignoring_unreachable: whether peers that could not be asked don't make a task's result Failed.
        carried: what to add to the counts of cleared peers.
    """
    tasks: list[TaskStatus] = []
    room = MAX_CACHED_BY
    for task in summary.tasks[:MAX_TASKS]:
        cached_by = None if deleting else [_cached_by(host, copy) for host, copy in task.holders[:room]]
        room -= len(cached_by or ())
        already = (carried.by_task or {}).get(task.task.id, 0)
        result = _result(task, deleting=deleting, ignoring_unreachable=ignoring_unreachable, carried=already)
        tasks.append(_task(task, ledger, result, deleting=deleting, cached_by=cached_by, carried=already))
    failures = [_failure(failure) for failure in summary.failures[:MAX_FAILURES]]
    holders = sum(task.holder_count for task in summary.tasks)
    return omitting(
        Status(
            progress=f"{summary.settled}/{summary.pairs}" if summary.pairs else None,
            peers=peer_counts(summary.counts, deleting=deleting, carried=carried.peers),
            images=[_image(image) for image in summary.images] or None,
            tasks=tasks,
            failures=failures or None,
            failure_summary=[
                FailureSummary(reason=reason, count=count, example=_describe(example))
                for reason, count, example in summary.failures_by_reason()
            ]
            or None,
        ),
        Omitted(
            tasks=len(summary.tasks) - len(tasks),
            cached_by=0 if deleting else holders - (MAX_CACHED_BY - room),
            failures=summary.failure_count - len(failures),
        ),
    )


def peer_counts(counts: Counts, *, deleting: bool, carried: int = 0) -> PeerCounts:
    """Give counts as the API has them."""
    if not deleting:
        return PeerCounts(
            total=counts.total,
            caching=counts.caching,
            failed=counts.failed,
            unreachable=counts.unreachable,
            gone=counts.gone or None,
        )
    before = min(carried, counts.already_absent)
    return PeerCounts(
        total=counts.total,
        caching=counts.caching + before,
        deleted=counts.deleted + before,
        already_absent=counts.already_absent - before,
        failed=counts.failed,
        unreachable=counts.unreachable,
        gone=counts.gone or None,
    )


def _task(
    summary: TaskSummary,
    ledger: Ledger,
    result: Result | None,
    *,
    deleting: bool,
    cached_by: Sequence[CachedBy] | None,
    carried: int,
) -> TaskStatus:
    task, known = summary.task, ledger.metadata.get(summary.task.id)
    copy = summary.holders[0][1] if summary.holders else None
    url = known.url if known and known.url else task.url
    filtered = known.filtered_query_params if known else task.filtered_query_params
    return TaskStatus(
        task_id=task.id,
        target=task.target,
        identity=task.identity,
        url=_cut(redact_url(url)) if url else None,
        type=known.type if known else None,
        tag=_cut((known.tag if known else None) or task.tag),
        application=_cut((known.application if known else None) or task.application),
        filtered_query_params=None if filtered is None else list(filtered),
        digest=_cut((known.digest if known else None) or task.digest),
        media_type=task.media_type,
        platform=task.platform,
        piece_length=task.piece_length or (copy.piece_length if copy else None),
        piece_count=known.piece_count if known else None,
        content_length=known.content_length if known else copy.content_length if copy else None,
        created_at=known.created_at if known else None,
        updated_at=known.updated_at if known else None,
        scheduler_state=_cut(known.state) if known else None,
        result=result,
        peers=peer_counts(summary.counts, deleting=deleting, carried=carried),
        cached_by=list(cached_by) if cached_by else None,
    )


def _image(summary: ImageSummary) -> ImageStatus:
    planned, image = summary.planned, summary.planned.image
    return ImageStatus(
        target=planned.target,
        reference=cut(redact_url(planned.reference), MAX_DESCRIPTION),
        digest=image.digest,
        platforms=list(image.platforms[:MAX_PLATFORMS]) or None,
        blobs=len(planned.blobs),
        size=image.size,
        peers_with_all=summary.peers_with_all,
        peers_with_some=summary.peers_with_some,
        foreign_layers=image.foreign_layers or None,
        kept=image.kept or None,
        unknown_parts=len(image.unknown) or None,
        summary=cut(_describe_image(summary), MAX_DESCRIPTION),
    )


def _describe_image(summary: ImageSummary) -> str:
    """Tell of an image in a line, by the name that people pull it by."""
    planned, image = summary.planned, summary.planned.image
    platforms = f" for {len(image.platforms)} platforms" if len(image.platforms) > 1 else ""
    return (
        f"{name(planned)}: {len(planned.blobs)} blobs{platforms}, {image.size / (1 << 20):.1f} MiB;"
        f" peers with all of it: {summary.peers_with_all}, with some: {summary.peers_with_some}"
    )


def _result(summary: TaskSummary, *, deleting: bool, ignoring_unreachable: bool, carried: int) -> Result | None:
    counts = summary.counts
    failed = counts.failed or (counts.unreachable and not ignoring_unreachable)
    if not summary.is_answered and not (failed or (counts.caching and not deleting)):
        return None  # not known yet: a peer that has not been asked may have it
    if not deleting:
        # Who could not be asked may have it, but that others have it is sure.
        return Result.FOUND if counts.caching else Result.FAILED if failed else Result.NOT_FOUND
    if failed:
        return Result.FAILED
    return Result.DELETED if counts.deleted or carried else Result.NOT_FOUND


def _cached_by(host: Host, copy: Copy) -> CachedBy:
    return CachedBy(
        host_id=host.id,
        hostname=host.hostname,
        ip=host.ip,
        host_type=host.type,
        scheduler_cluster_id=host.scheduler_cluster_id,
        client_version=host.client_version,
        finished=isinstance(copy, Cached),
        content_length=copy.content_length,
        created_at=copy.created_at,
        updated_at=copy.updated_at,
    )


def _failure(failure: PeerFailure) -> Failure:
    host, failed = failure.host, failure.failed
    return Failure(
        task_id=failure.task.id,
        host_id=host.id,
        hostname=host.hostname,
        ip=host.ip,
        host_type=host.type,
        scheduler_cluster_id=host.scheduler_cluster_id,
        client_version=host.client_version,
        reason=failed.reason,
        description=_describe(failed.description),
        attempts=failed.attempts,
        last_attempt_time=failed.at.replace(microsecond=0),
    )


def describe_failure(failed: Failed, host: Host) -> str:
    """Name a failed peer in a sentence."""
    return f"{host.hostname} ({host.ip}): {failed.reason}: {cut(redact(failed.description), 256)}"


def _cut(word: str | None) -> str | None:
    """Bound what schedulers say: nothing keeps them from saying a megabyte, and `shrink` counts on short words."""
    return None if word is None else cut(word, MAX_DESCRIPTION)


def _describe(description: str) -> str:
    return cut(redact(description), MAX_DESCRIPTION) or "no description"


def shrink(status: Status, limit: int) -> Status:
    """Give results that take less room: at most so many bytes, or no lists at all.

    Descriptions are shortened first, then the largest list is halved until the whole fits; what is left out is counted.
    """
    for length in SHORTER_DESCRIPTIONS:
        if _size(status) <= limit:
            return status
        status = _shorten(status, length)
    while _size(status) > limit:
        lists = {name: most_bytes([item.to_json() for item in getattr(status, name) or ()]) for name in _LISTS}
        largest = max(lists, key=lists.__getitem__)
        if not getattr(status, largest):
            break
        status = _halve(status, largest)
    return status


_LISTS = ("images", "tasks", "failures")


def _shorten(status: Status, length: int) -> Status:
    def cut_in(items: Sequence[_Described], field: str) -> list[_Described] | None:
        return [item.model_copy(update={field: cut(getattr(item, field), length)}) for item in items] or None

    return status.model_copy(
        update={
            "failures": cut_in(status.failures or (), "description"),
            "failure_summary": cut_in(status.failure_summary or (), "example"),
        }
    )


def _halve(status: Status, name: str) -> Status:
    items = getattr(status, name)
    left = items[: len(items) // 2]
    if name == "tasks" and len(items) == 1:
        stripped = items[0].model_copy(update={"filtered_query_params": None, "cached_by": None})
        left = [stripped] if stripped != items[0] else []
    fewer = status.model_copy(update={name: left or None})
    omitted = status.omitted or Omitted()
    gone = {
        name: getattr(omitted, name) + len(items) - len(left),
        "cached_by": omitted.cached_by + _cached_entries(status) - _cached_entries(fewer),
    }
    return omitting(fewer, omitted.model_copy(update=gone))


def omitting(status: Status, omitted: Omitted) -> Status:
    """Have results say what they leave out, if that is anything."""
    return status.model_copy(update={"omitted": omitted if any(omitted.to_json().values()) else None})


def with_pages(status: Status, names: Sequence[str], *, omitted: int) -> Status:
    """Have results name the pages that tell the rest, and say how many peers have a row on none of them."""
    named = status.model_copy(update={"reports": list(names) or None})
    return omitting(named, (status.omitted or Omitted()).model_copy(update={"peers": omitted}))


def _cached_entries(status: Status) -> int:
    return sum(len(task.cached_by or ()) for task in status.tasks or ())


def _size(status: Status) -> int:
    return most_bytes(status.to_json())
