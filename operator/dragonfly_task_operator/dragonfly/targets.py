"""From a target that a user wrote to the task ids that peers may know it by.

For `task-id` too, which answers at once: what a run needs besides is in `planning.py`.
"""

from __future__ import annotations

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.dragonfly.task_ids import (
    Candidate,
    content_candidates,
    digest_candidates,
    task_id_candidates,
    url_candidates,
)
from dragonfly_task_operator.errors import ImageUnresolvable
from dragonfly_task_operator.observability.redaction import redact_url


def candidates(target: Target) -> tuple[Candidate, ...]:
    """Give every id that a target which is no image can have.

    Raises:
        InvalidTarget: it names no task.
        ImageUnresolvable: it is an image, which only its registry can tell the parts of.
    """
    if target.task_id is not None:
        return task_id_candidates(target.task_id)
    if target.content_for_calculating_task_id is not None:
        return content_candidates(target.content_for_calculating_task_id)
    if target.url is not None:
        return (*candidates_of_url(target.url, target), *digest_candidates(target.url))
    raise ImageUnresolvable(
        f"the parts of the image {redact_url(target.image_reference or '')} can't be told without asking its registry:"
        " apply a TaskSearch, or name each blob by url, as in https://registry.example.com/v2/NAME/blobs/sha256:<64 hex"
        " digits>"
    )


def candidates_of_url(url: str, target: Target) -> tuple[Candidate, ...]:
    """Give every id that a URL can have with what a target says besides. Raises InvalidTarget."""
    return url_candidates(
        url,
        tag=target.tag or "",
        application=target.application or "",
        revision=target.revision or "",
        piece_length=target.piece_length,
        filtered_query_params=target.filtered_query_params,
    )
