"""Deleting one task from one peer, and proving it."""

from __future__ import annotations

from dragonfly_task_operator.api.specs import UnfinishedDownloads
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.ledger import Cleared, Failed, HeldUp, Outcome
from dragonfly_task_operator.engine.model import ABSENT, Absent, Downloading, Host
from dragonfly_task_operator.engine.ports import Clock, Peers
from dragonfly_task_operator.errors import OwnTrouble, PeerError, PeerReason


async def clear(
    host: Host, task: TaskID, *, peers: Peers, clock: Clock, unfinished_downloads: UnfinishedDownloads
) -> Outcome:
    """Delete a task from a peer if it is there, and ask again.

    An error from the deletion proves nothing: a dfdaemon clears its storage before it tells the scheduler, and reports
    the scheduler's failure as its own (docs/dragonfly-behaviour.md). Nor does an answer of OK. Only a peer that, asked
    again, says that it does not have the task is cleared.

    Deleting a task that is still being downloaded breaks the download, or is undone by it, so it waits unless the user
    insists.

    Raises:
        OwnTrouble: the peer could not be asked for its copy at all. Where that comes later, the outcome is HeldUp.
    """
    try:
        presence = await peers.stat(host, task)
    except PeerError as error:
        return Failed.by(error, had_copy=False, at=clock.now())
    if isinstance(presence, Absent):
        return ABSENT
    if isinstance(presence, Downloading) and unfinished_downloads is UnfinishedDownloads.WAIT:
        return Failed.by(_still_downloading(), had_copy=True, at=clock.now())
    try:
        failure = await _delete_and_prove(host, task, peers)
    except OwnTrouble as trouble:
        return HeldUp(trouble, had_copy=True)
    return Cleared() if failure is None else Failed.by(failure, had_copy=True, at=clock.now())


async def _delete_and_prove(host: Host, task: TaskID, peers: Peers) -> PeerError | None:
    """Delete, ask again, and give why the peer is not cleared; None if it is. Raises OwnTrouble."""
    refusal: PeerError | None = None
    try:
        await peers.delete(host, task)
    except PeerError as error:
        refusal = error

    try:
        presence = await peers.stat(host, task)
    except PeerError as error:
        return refusal or error
    match presence:
        case Absent():
            return None
        case _ if refusal is not None:
            return refusal
        case Downloading():
            return _still_downloading()
        case _:
            return PeerError(
                PeerReason.STILL_CACHED,
                "the peer answered OK to the deletion and, asked again, still has the task",
                retryable=True,
            )


def _still_downloading() -> PeerError:
    return PeerError(
        PeerReason.DOWNLOADING,
        "the peer is downloading the task, or a download died half way; deleting it now would break the download"
        " or be undone by it (spec.unfinishedDownloads: Delete does it all the same)",
        retryable=True,
    )
