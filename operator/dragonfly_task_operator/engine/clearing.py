"""Deleting tasks from one peer, and proving it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from dragonfly_task_operator.api.specs import UnfinishedDownloads
from dragonfly_task_operator.engine.fanout import TASKS_AT_ONCE, fan_out
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import ABSENT, Absent, Downloading, Host, Presence
from dragonfly_task_operator.engine.outcomes import Cleared, Failed, HeldUp, Outcome
from dragonfly_task_operator.engine.ports import Clock, Peers
from dragonfly_task_operator.errors import OwnTrouble, PeerError, PeerReason

Note: TypeAlias = Callable[[TaskID, Outcome], None]
"""Takes note of what came of a task, once for each."""

FRESH = 1.0
"""Seconds that a look at a copy is good for. What was finished then may be downloading anew after a while."""


async def clear(
    host: Host,
    tasks: Sequence[TaskID],
    note: Note,
    *,
    peers: Peers,
    clock: Clock,
    unfinished_downloads: UnfinishedDownloads,
) -> None:
    """Delete tasks from a peer where they are there, and ask again; note what came of each.

    The peer is asked about all of them in one go. What it has is then cleared, each task for itself.

    An error from the deletion proves nothing: a dfdaemon clears its storage before it tells the scheduler, and reports
    the scheduler's failure as its own (docs/dragonfly-behaviour.md). Nor does an answer of OK. Only a peer that, asked
    again, says that it does not have the task is cleared.

    Deleting a task that is still being downloaded breaks the download, or is undone by it, so it waits unless the user
    insists.

    Raises:
        OwnTrouble: the peer could not be asked for its copies of those that were not noted. Where that comes later, the
            outcome is HeldUp.
    """
    clearing = _Clearing(host, peers, clock, waits=unfinished_downloads is UnfinishedDownloads.WAIT)
    found: dict[TaskID, float] = {}

    def first_look(task: TaskID, answer: Presence | PeerError) -> None:
        outcome = clearing.settled(answer, had_copy=False)
        if outcome is None:
            found[task] = asyncio.get_running_loop().time()
        else:
            note(task, outcome)

    async def clear_one(task: TaskID) -> None:
        note(task, await clearing.outcome(task, looked=found[task]))

    unasked: OwnTrouble | None = None
    try:
        await peers.stat(host, tasks, first_look)
    except OwnTrouble as trouble:
        unasked = clearing.trouble = trouble
    await fan_out(list(found), clear_one, at_once=TASKS_AT_ONCE)
    if unasked is not None:
        raise unasked


@dataclass(slots=True)
class _Clearing:
    """One peer being cleared of what it has.

    Attributes:
        waits: whether a task that is being downloaded is left alone.
        trouble: what keeps this process from asking on, if anything does.
    """

    host: Host
    peers: Peers
    clock: Clock
    waits: bool
    trouble: OwnTrouble | None = None

    def settled(self, answer: Presence | PeerError, *, had_copy: bool) -> Outcome | None:
        """Judge a look; None where there is a copy to be deleted."""
        match answer:
            case PeerError():
                return Failed.by(answer, had_copy=had_copy, at=self.clock.now())
            case Absent():
                return ABSENT
            case Downloading() if self.waits:
                return Failed.by(_still_downloading(), had_copy=True, at=self.clock.now())
            case _:
                return None

    async def outcome(self, task: TaskID, *, looked: float) -> Outcome:
        """Clear the peer of a task that it had when it was looked, by the loop's time."""
        if self.trouble is None:
            try:
                return await self._clear(task, looked)
            except OwnTrouble as trouble:
                self.trouble = trouble
        return HeldUp(self.trouble, had_copy=True)

    async def _clear(self, task: TaskID, looked: float) -> Outcome:
        if asyncio.get_running_loop().time() - looked > FRESH:
            outcome = self.settled(await _answer(self.peers, self.host, task), had_copy=True)
            if outcome is not None:
                return outcome
        failure = await _delete_and_prove(self.host, task, self.peers)
        return Cleared() if failure is None else Failed.by(failure, had_copy=True, at=self.clock.now())


async def look(peers: Peers, host: Host, task: TaskID) -> Presence:
    """Ask a peer for its copy of one task. Raises PeerError, OwnTrouble."""
    answer = await _answer(peers, host, task)
    if isinstance(answer, PeerError):
        raise answer
    return answer


async def _answer(peers: Peers, host: Host, task: TaskID) -> Presence | PeerError:
    answers: list[Presence | PeerError] = []
    await peers.stat(host, (task,), lambda _, answer: answers.append(answer))
    return answers[0]


async def _delete_and_prove(host: Host, task: TaskID, peers: Peers) -> PeerError | None:
    """Delete, ask again, and give why the peer is not cleared; None if it is. Raises OwnTrouble."""
    refusal: PeerError | None = None
    try:
        await peers.delete(host, task)
    except PeerError as error:
        refusal = error

    try:
        presence = await look(peers, host, task)
    except PeerError as error:
        # Nobody knows what became of the copy. So it is asked for again, if it may be, however final the refusal was.
        return error if refusal is None else _may_pass(refusal, retryable=refusal.retryable or error.retryable)
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


def _may_pass(error: PeerError, *, retryable: bool) -> PeerError:
    return PeerError(error.reason, error.description, retryable=retryable)


def _still_downloading() -> PeerError:
    return PeerError(
        PeerReason.DOWNLOADING,
        "the peer is downloading the task, or a download died half way; deleting it now would break the download"
        " or be undone by it (spec.unfinishedDownloads: Delete does it all the same)",
        retryable=True,
    )
