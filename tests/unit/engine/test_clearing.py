"""What a peer's answers to a deletion mean: the rows of docs on Dragonfly's behaviour, one test each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from dragonfly_task_operator.api.specs import UnfinishedDownloads
from dragonfly_task_operator.engine.clearing import clear
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.ledger import Cleared, Failed, Outcome
from dragonfly_task_operator.engine.model import ABSENT, Cached, Downloading, FailedStart, Host, HostType, Presence
from dragonfly_task_operator.engine.ports import Peers, Tell
from dragonfly_task_operator.errors import PeerError, PeerReason

TASK = "a1" * 32
HOST = Host("10.0.0.7-n7", "n7", "10.0.0.7", 4000, HostType.NORMAL, 1, "default")
INTERNAL = PeerError(PeerReason.INTERNAL, "the scheduler is down", retryable=True)
UNREACHABLE = PeerError(PeerReason.UNREACHABLE, "connection refused", retryable=True)


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC)


class ScriptedPeer:
    """Answers stats in order, and deletions with one error or OK."""

    def __init__(self, *stats: Presence | PeerError, deletion: PeerError | None = None) -> None:
        self._stats = list(stats)
        self._deletion = deletion
        self.deletions = 0

    async def stat(self, host: Host, tasks: Sequence[TaskID], tell: Tell) -> None:
        for task in tasks:
            tell(task, self._stats.pop(0))

    async def delete(self, host: Host, task: TaskID) -> None:
        self.deletions += 1
        if self._deletion is not None:
            raise self._deletion


async def cleared(peer: ScriptedPeer, policy: UnfinishedDownloads = UnfinishedDownloads.WAIT) -> Outcome:
    (outcome,) = (await all_cleared(peer, TASK, policy=policy)).values()
    return outcome


async def all_cleared(
    peer: Peers, *tasks: TaskID, policy: UnfinishedDownloads = UnfinishedDownloads.WAIT
) -> dict[TaskID, Outcome]:
    outcomes: dict[TaskID, Outcome] = {}
    await clear(HOST, tasks, outcomes.__setitem__, peers=peer, clock=Clock(), unfinished_downloads=policy)
    return outcomes


async def test_peer_that_does_not_have_it_is_not_asked_to_delete() -> None:
    peer = ScriptedPeer(ABSENT)
    assert (await cleared(peer), peer.deletions) == (ABSENT, 0)


async def test_peer_that_deletes_is_cleared_once_it_says_so_itself() -> None:
    assert await cleared(ScriptedPeer(Cached(), ABSENT)) == Cleared()


async def test_peer_that_errs_after_deleting_counts_as_cleared() -> None:
    assert await cleared(ScriptedPeer(Cached(), ABSENT, deletion=INTERNAL)) == Cleared()


async def test_failed_start_is_deleted() -> None:
    assert await cleared(ScriptedPeer(FailedStart(), ABSENT)) == Cleared()


async def test_peer_that_answers_ok_and_keeps_it_is_still_cached() -> None:
    outcome = await cleared(ScriptedPeer(Cached(), Cached()))
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.had_copy) == (PeerReason.STILL_CACHED, True)


async def test_peer_that_errs_and_keeps_it_fails_with_its_own_words() -> None:
    outcome = await cleared(ScriptedPeer(Cached(), Cached(), deletion=INTERNAL))
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.description) == (PeerReason.INTERNAL, "the scheduler is down")


async def test_download_is_waited_for() -> None:
    peer = ScriptedPeer(Downloading())
    outcome = await cleared(peer)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.retryable, peer.deletions) == (PeerReason.DOWNLOADING, True, 0)


async def test_download_is_deleted_when_the_user_insists() -> None:
    assert await cleared(ScriptedPeer(Downloading(), ABSENT), UnfinishedDownloads.DELETE) == Cleared()


async def test_download_that_survives_its_deletion_is_waited_for() -> None:
    outcome = await cleared(ScriptedPeer(Downloading(), Downloading()), UnfinishedDownloads.DELETE)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.retryable, outcome.had_copy) == (PeerReason.DOWNLOADING, True, True)


async def test_peer_that_cannot_be_asked_is_told_from_one_that_holds_a_copy() -> None:
    unasked, holder = await cleared(ScriptedPeer(UNREACHABLE)), await cleared(ScriptedPeer(Cached(), UNREACHABLE))
    assert isinstance(unasked, Failed)
    assert isinstance(holder, Failed)
    assert (unasked.could_not_be_asked, holder.could_not_be_asked) == (True, False)


async def test_refusal_for_good_whose_proof_was_lost_is_tried_again() -> None:
    refusal = PeerError(PeerReason.INTERNAL, "invalid argument", retryable=False)
    lost = await cleared(ScriptedPeer(Cached(), UNREACHABLE, deletion=refusal))
    proven = await cleared(ScriptedPeer(Cached(), Cached(), deletion=refusal))
    assert isinstance(lost, Failed)
    assert isinstance(proven, Failed)
    assert (lost.description, lost.retryable, proven.retryable) == ("invalid argument", True, False)
