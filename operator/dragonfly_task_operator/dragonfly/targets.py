"""From the targets that a user wrote to the task ids that peers may know them by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.dragonfly.task_ids import (
    Candidate,
    content_candidates,
    task_id_candidates,
    url_candidates,
)
from dragonfly_task_operator.engine.model import PlannedTask
from dragonfly_task_operator.errors import ImageUnresolvable


def candidates(target: Target) -> tuple[Candidate, ...]:
    """Give every id that a target can have.

    Raises:
        InvalidTarget: it names no task.
        ImageUnresolvable: it is an image, which this version can't resolve.
    """
    if target.task_id is not None:
        return task_id_candidates(target.task_id)
    if target.content_for_calculating_task_id is not None:
        return content_candidates(target.content_for_calculating_task_id)
    if target.url is not None:
        return url_candidates(
            target.url,
            tag=target.tag or "",
            application=target.application or "",
            revision=target.revision or "",
            piece_length=target.piece_length,
            filtered_query_params=target.filtered_query_params,
        )
    raise ImageUnresolvable(
        f"the image {target.image_manifest_url} can't be resolved: this version of the operator does not read"
        " registries; name the image's blobs by url or taskID instead"
    )


class TargetResolver:
    """`engine.ports.Targets`."""

    async def resolve(self, targets: Sequence[Target], *, namespace: str) -> tuple[PlannedTask, ...]:
        """Give every id that any of the targets can have, each once. Raises as `candidates` does."""
        del namespace  # where an image's Secrets are
        planned: dict[str, PlannedTask] = {}
        for index, target in enumerate(targets):
            for task in _plan(index, target):
                planned.setdefault(task.id, task)
        return tuple(planned.values())


def _plan(index: int, target: Target) -> Iterable[PlannedTask]:
    filtered = target.filtered_query_params
    for candidate in candidates(target):
        yield PlannedTask(
            id=candidate.task_id,
            target=index,
            identity=candidate.identity,
            subject=str(index),
            url=target.url,
            tag=target.tag,
            application=target.application,
            filtered_query_params=None if filtered is None else tuple(filtered),
            piece_length=target.piece_length,
        )
