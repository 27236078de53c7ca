"""The outcomes of tasks as sets of peers, and how many peers there are of each sort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dragonfly_task_operator.engine.tally import Mark, PeerSet, Tally


@dataclass(slots=True)
class Counts:
    """How many peers; each counted once, under the worst that is known of it.

    Those `gone` have left the cluster before they answered anything, and are in none of the others.
    """

    total: int = 0
    caching: int = 0
    deleted: int = 0
    already_absent: int = 0
    failed: int = 0
    unreachable: int = 0
    gone: int = 0
    held_up: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """The outcomes of a task as sets of peers, without those that have left the cluster.

    Attributes:
        left: those.
        told: who has an outcome.
    """

    tally: Tally
    left: PeerSet
    told: PeerSet
    caching: PeerSet
    cleared: PeerSet
    failed: PeerSet
    unasked: PeerSet
    held_up: PeerSet
    waiting: PeerSet
    pending: PeerSet

    @staticmethod
    def of(tally: Tally, departed: PeerSet) -> View:
        """Look at the outcomes of a task."""
        left = tally.of(Mark.SILENT) & departed
        return View(
            tally,
            left,
            tally.of(Mark.TOLD) & ~left,
            tally.of(Mark.CACHING) & ~left,
            tally.of(Mark.CLEARED) & ~left,
            tally.of(Mark.FAILED) & ~left,
            tally.of(Mark.UNASKED) & ~left,
            tally.of(Mark.HELD_UP) & ~left,
            tally.of(Mark.WAITING) & ~left,
            (tally.of(Mark.WAITING) | tally.of(Mark.RETRYABLE)) & ~left,
        )

    @property
    def failing(self) -> PeerSet:
        """Who failed."""
        return self.failed | self.unasked


@dataclass(frozen=True, slots=True)
class Sorts:
    """Peers, each in one set, by the worst that is known of it.

    One that has not answered for all tasks yet is in none but `known`, unless something is wrong with it.

    Attributes:
        known: all but those that are gone, which are in no other set.
        had: those that had a copy when asked, whatever became of them.
        holding: those that have one, and are in no other set.
    """

    known: PeerSet
    gone: PeerSet
    had: PeerSet
    failed: PeerSet
    unreachable: PeerSet
    held_up: PeerSet
    cleared: PeerSet
    holding: PeerSet
    absent: PeerSet

    @staticmethod
    def of(views: Sequence[View], everybody: PeerSet) -> Sorts:
        """Sort everybody."""
        settled, left, told = everybody, 0, 0
        caching = cleared = failed = unasked = held_up = wrong = 0
        for view in views:
            settled &= view.told | view.left
            left |= view.left
            told |= view.told
            caching |= view.caching
            cleared |= view.cleared
            failed |= view.failed
            unasked |= view.unasked
            held_up |= view.held_up
            wrong |= view.failing | view.waiting
        gone = left & ~told
        counted = rest = (settled | wrong) & ~gone
        worst = []
        for each in (failed, unasked, held_up, cleared):
            worst.append(rest & each)
            rest &= ~each
        return Sorts(
            known=everybody & ~gone,
            gone=gone,
            had=counted & caching,
            failed=worst[0],
            unreachable=worst[1],
            held_up=worst[2],
            cleared=worst[3],
            holding=rest & caching,
            absent=rest & ~caching,
        )


def count_peers(views: Sequence[View], everybody: PeerSet) -> Counts:
    """Count each peer once."""
    sorts = Sorts.of(views, everybody)
    return Counts(
        total=sorts.known.bit_count(),
        caching=sorts.had.bit_count(),
        deleted=sorts.cleared.bit_count(),
        already_absent=sorts.absent.bit_count(),
        failed=sorts.failed.bit_count(),
        unreachable=sorts.unreachable.bit_count(),
        gone=sorts.gone.bit_count(),
        held_up=sorts.held_up.bit_count(),
    )
