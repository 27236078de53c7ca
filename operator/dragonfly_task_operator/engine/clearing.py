"""Deleting one task from one peer, and proving it."""

from __future__ import annotations

from dragonfly_task_operator.api.specs import UnfinishedDownloads
from dragonfly_task_operator.engine.ledger import Cleared, Failed, Outcome
from dragonfly_task_operator.engine.model import ABSENT, Absent, Downloading, Host, TaskID
from dragonfly_task_operator.engine.ports import Clock, Peers
from dragonfly_task_operator.errors import PeerError, PeerReason


async def clear(  # noqa: PLR0911 - one return for each answer that a peer can give
    host: Host, task: TaskID, *, peers: Peers, clock: Clock, unfinished_downloads: UnfinishedDownloads
) -> Outcome:
    """Delete a task from a peer if it is there, and ask again.

    An error from the deletion proves nothing: a dfdaemon clears its storage before it tells the scheduler, and reports
    the scheduler's failure as its own (docs/dragonfly-behaviour.md). Nor does an answer of OK. Only a peer that, asked
    again, says that it does not have the task is cleared.

    Deleting a task that is still being downloaded breaks the download, or is undone by it, so it waits unless the user
    insists.
    """

    def failed(error: PeerError, *, had_copy: bool) -> Failed:
        return Failed.by(error, had_copy=had_copy, at=clock.now())

    try:
        presence = await peers.stat(host, task)
    except PeerError as error:
        return failed(error, had_copy=False)
    if isinstance(presence, Absent):
        return ABSENT
    if isinstance(presence, Downloading) and unfinished_downloads is UnfinishedDownloads.WAIT:
        return failed(_still_downloading(), had_copy=True)

    refusal: PeerError | None = None
    try:
        await peers.delete(host, task)
    except PeerError as error:
        refusal = error

    try:
        presence = await peers.stat(host, task)
    except PeerError as error:
        return failed(refusal or error, had_copy=True)
    match presence:
        case Absent():
            return Cleared()
        case _ if refusal is not None:
            return failed(refusal, had_copy=True)
        case Downloading():
            return failed(_still_downloading(), had_copy=True)
        case _:
            return failed(
                PeerError(
                    PeerReason.STILL_CACHED,
                    "the peer answered OK to the deletion and, asked again, still has the task",
                    retryable=True,
                ),
                had_copy=True,
            )


def _still_downloading() -> PeerError:
    return PeerError(
        PeerReason.DOWNLOADING,
        "the peer is downloading the task, or a download died half way; deleting it now would break the download"
        " or be undone by it (spec.unfinishedDownloads: Delete does it all the same)",
        retryable=True,
    )
