"""What became of each peer of a run that has ended, and why where it failed: for figures over many runs."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Final

from dragonfly_task_operator.engine.ledger import Ledger
from dragonfly_task_operator.engine.views import Sorts, View
from dragonfly_task_operator.errors import PeerReason


class PeerOutcome(StrEnum):
    """What became of a peer, over all tasks of a run: the worst that is known of it."""

    HOLDING = "holding"
    """Has a copy, and was not asked to delete it."""
    DELETED = "deleted"
    ABSENT = "absent"
    """Had nothing when first asked."""
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    UNASKED = "unasked"
    """The run ended before it was asked about everything."""
    GONE = "gone"
    """Left the cluster before it answered anything."""


_FAILURES: Final = (PeerOutcome.FAILED, PeerOutcome.UNREACHABLE)

PEER_OUTCOMES = tuple(
    (outcome, reason) for outcome in PeerOutcome for reason in (PeerReason if outcome in _FAILURES else ("",))
)
"""All there are, each with its reasons; an empty one where nothing failed."""


def census(ledger: Ledger, *, cleared_before: int = 0) -> Counter[tuple[str, str]]:
    """Count peers, each once, by outcome and reason: with several, the first in the order of `PeerReason`.

    Args:
        ledger: what is known.
        cleared_before: how many peers were cleared before the operator was started over: they have nothing now.
    """
    departed = ledger.set_of(ledger.departed)
    views = [View.of(ledger.tally(task.id), departed) for task in ledger.tasks]
    sorts = Sorts.of(views, ledger.everybody if views else 0)
    absent = sorts.absent.bit_count()
    before = min(cleared_before, absent)
    counted = Counter[tuple[str, str]](
        {
            (PeerOutcome.HOLDING, ""): sorts.holding.bit_count(),
            (PeerOutcome.DELETED, ""): sorts.cleared.bit_count() + before,
            (PeerOutcome.ABSENT, ""): absent - before,
            (PeerOutcome.GONE, ""): sorts.gone.bit_count(),
        }
    )
    for outcome, peers in ((PeerOutcome.FAILED, sorts.failed), (PeerOutcome.UNREACHABLE, sorts.unreachable)):
        rest = peers
        for reason in PeerReason:
            failing = 0
            for view in views:
                failing |= view.tally.failing(reason) & (view.failed if outcome is PeerOutcome.FAILED else view.unasked)
            counted[outcome, reason] = (rest & failing).bit_count()
            rest &= ~failing
    told = sum(counted.values()) - counted[PeerOutcome.GONE, ""]
    counted[PeerOutcome.UNASKED, ""] = sorts.known.bit_count() - told
    return +counted
