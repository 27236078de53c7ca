"""Which peers answered what about one task, as sets of peers.

A set of peers is a number with a bit for each, by the order in which a run came to know them. Python's numbers have no
limit, and counting, uniting and comparing such sets takes as long for all of ten thousand peers as for a few: so a
status can be made of them once a second, and peers without a copy, which are most, take a bit each.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import TypeAlias

from dragonfly_task_operator.engine.model import ABSENT, Absent
from dragonfly_task_operator.engine.outcomes import Cleared, Failed, HeldUp, Holds, Outcome, known
from dragonfly_task_operator.errors import PeerReason

PeerSet: TypeAlias = int
"""Bit n is set where the peer with index n is in it."""


def members(peers: PeerSet) -> Iterator[int]:
    """Give the indexes of the peers in a set, in order, in a time that follows how many there are."""
    bits = bin(peers)[:1:-1]
    index = bits.find("1")
    while index >= 0:
        yield index
        index = bits.find("1", index + 1)


class Mark(IntEnum):
    """What is said of a peer by its outcome; of one that is held up, by what was known before (`outcomes.known`)."""

    TOLD = 0
    """There is an outcome."""
    CACHING = 1
    """Had a copy when it was asked."""
    HOLDING = 2
    """Has one, and nobody asked it to delete it."""
    CLEARED = 3
    FAILED = 4
    """Failed, other than by silence about a copy that nobody knows of."""
    UNASKED = 5
    """Could not be asked at all."""
    HELD_UP = 6
    """Nothing is known, because of this process."""
    WAITING = 7
    """Was not asked lately because of this process, whatever was known before."""
    SILENT = 8
    """Failed, by giving no answer, when it was asked last."""
    RETRYABLE = 9
    """Failed in a way that may pass, when it was asked last."""


class Tally:
    """The outcomes of one task."""

    __slots__ = ("_outcomes", "_reasons", "_sets")

    def __init__(self) -> None:
        self._sets: list[PeerSet] = [0] * len(Mark)
        self._reasons: dict[PeerReason, PeerSet] = {}
        self._outcomes: dict[int, Outcome] = {}
        """By index of the peer; of peers that have nothing there is none."""

    def of(self, mark: Mark) -> PeerSet:
        """Give the peers of which this is said."""
        return self._sets[mark]

    def failing(self, reason: PeerReason | None = None) -> PeerSet:
        """Give the peers that failed, for this reason or for any."""
        return self._sets[Mark.FAILED] | self._sets[Mark.UNASKED] if reason is None else self._reasons.get(reason, 0)

    @property
    def reasons(self) -> tuple[PeerReason, ...]:
        """Why peers failed, so far as any did."""
        return tuple(self._reasons)

    def outcome(self, index: int) -> Outcome | None:
        """Give what is known of a peer."""
        return self._outcomes.get(index) or (ABSENT if self._sets[Mark.TOLD] >> index & 1 else None)

    def known(self, index: int) -> Outcome | None:
        """Give what to count of a peer, as `outcomes.known` does."""
        outcome = self.outcome(index)
        return None if outcome is None else known(outcome)

    def but_absences(self) -> Iterator[tuple[int, Outcome]]:
        """Give every outcome that is not an absence, with the index of the peer."""
        yield from self._outcomes.items()

    def put(self, index: int, outcome: Outcome) -> None:
        """Let this be the outcome of a peer."""
        before = self._outcomes.get(index)
        peer = 1 << index
        if isinstance(outcome, Absent):
            if before is None:
                self._sets[Mark.TOLD] |= peer
                return
            del self._outcomes[index]
        else:
            self._outcomes[index] = outcome
        for mark in () if before is None else _marks(before):
            self._sets[mark] &= ~peer
        for mark in _marks(outcome):
            self._sets[mark] |= peer
        self._file(known(before) if before is not None else None, known(outcome), peer)

    def _file(self, before: Outcome | None, now: Outcome, peer: PeerSet) -> None:
        """Keep the peers that failed by the reason."""
        if isinstance(before, Failed):
            self._reasons[before.reason] &= ~peer
            if not self._reasons[before.reason]:
                del self._reasons[before.reason]
        if isinstance(now, Failed):
            self._reasons[now.reason] = self._reasons.get(now.reason, 0) | peer


def _marks(outcome: Outcome) -> tuple[Mark, ...]:
    return (Mark.TOLD, *_marks_of_last(outcome), *_marks_of_known(known(outcome)))


def _marks_of_last(outcome: Outcome) -> Iterator[Mark]:
    match outcome:
        case HeldUp():
            yield Mark.WAITING
        case Failed():
            if outcome.got_no_answer:
                yield Mark.SILENT
            if outcome.retryable:
                yield Mark.RETRYABLE


def _marks_of_known(outcome: Outcome) -> Iterator[Mark]:
    match outcome:
        case Failed() as failed:
            yield Mark.UNASKED if failed.could_not_be_asked else Mark.FAILED
            if failed.had_copy:
                yield Mark.CACHING
        case HeldUp(had_copy=had_copy):
            yield Mark.HELD_UP
            if had_copy:
                yield Mark.CACHING
        case Cleared():
            yield from (Mark.CACHING, Mark.CLEARED)
        case Holds():
            yield from (Mark.CACHING, Mark.HOLDING)
