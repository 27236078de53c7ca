"""What can come of asking a peer about a task, and what an answer means in the light of earlier ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from dragonfly_task_operator.engine.model import Absent, Copy
from dragonfly_task_operator.errors import OwnTrouble, PeerError, PeerReason


@dataclass(frozen=True, slots=True)
class Holds:
    """The peer has a copy and nobody asked it to delete it."""

    copy: Copy


@dataclass(frozen=True, slots=True)
class Cleared:
    """The peer had a copy, was asked to delete it, and, asked again, has none."""

    times: int = 1


@dataclass(frozen=True, slots=True)
class Failed:
    """The peer did not do what it was asked, so far.

    Attributes:
        had_copy: whether it is known to have had one during this run.
        attempts: how often in a row it failed.
    """

    reason: PeerReason
    description: str
    retryable: bool
    had_copy: bool
    at: datetime
    attempts: int = 1

    @property
    def could_not_be_asked(self) -> bool:
        """Whether nothing is known of this peer's copy at all."""
        return not self.had_copy and self.got_no_answer

    @property
    def got_no_answer(self) -> bool:
        """Whether the peer did not answer when it was asked last."""
        return self.reason in {PeerReason.UNREACHABLE, PeerReason.TIMEOUT}

    @staticmethod
    def by(error: PeerError, *, had_copy: bool, at: datetime) -> Failed:
        """Record an error."""
        return Failed(error.reason, error.description, error.retryable, had_copy, at)


@dataclass(frozen=True, slots=True)
class HeldUp:
    """The peer was not asked, because of this process or its node. It will be, and until then nothing new is known.

    Attributes:
        had_copy: whether the peer is known to have had one during this run.
        before: what was known before; None where nothing was.
    """

    trouble: OwnTrouble
    had_copy: bool = False
    before: Absent | Holds | Cleared | Failed | None = None


Outcome: TypeAlias = Absent | Holds | Cleared | Failed | HeldUp


def known(outcome: Outcome) -> Outcome:
    """Give what to count of an outcome: of one that is held up, what was known before, if nothing was found since."""
    return outcome.before if isinstance(outcome, HeldUp) and outcome.before and not outcome.had_copy else outcome


def merged(before: Outcome, now: Outcome) -> Outcome:  # noqa: PLR0911 - one return for each way that two can meet
    """Give what is known of a pair once there is an answer more."""
    match before, now:
        case _, HeldUp():
            return _hold_up(before, now)
        case HeldUp(), _:
            return _resume(before, now)
        case Cleared(), Absent():
            return before
        case Cleared(times), Cleared():
            return Cleared(times + 1)
        case Failed(had_copy=True), Absent():
            # A deletion that was answered with an error, or not at all, and took effect all the same.
            return Cleared()
        case Failed(attempts=attempts, had_copy=had_copy), Failed():
            return replace(now, attempts=attempts + 1, had_copy=now.had_copy or had_copy)
        case ((Cleared() | Holds()), Failed()):
            return replace(now, had_copy=True)
        case _:
            return now


def _hold_up(before: Outcome, now: HeldUp) -> HeldUp:
    if isinstance(before, HeldUp):
        return replace(now, had_copy=now.had_copy or before.had_copy, before=before.before)
    return replace(now, before=before)


def _resume(held: HeldUp, now: Outcome) -> Outcome:
    """Take an answer as if it had followed what was known before."""
    outcome = now if held.before is None else merged(held.before, now)
    match outcome:
        case Absent() if held.had_copy:
            return Cleared()  # a deletion whose proof was held up
        case Failed() if held.had_copy:
            return replace(outcome, had_copy=True)
        case _:
            return outcome
