"""What became of each peer, for figures over many runs: each counted once, under what its status says, and why."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragonfly_task_operator.engine.census import PEER_OUTCOMES, census
from dragonfly_task_operator.engine.ledger import Cleared, Failed, HeldUp, Holds, Ledger, Outcome
from dragonfly_task_operator.engine.model import ABSENT, Cached
from dragonfly_task_operator.engine.report import peer_counts
from dragonfly_task_operator.engine.summary import summarise
from dragonfly_task_operator.errors import OwnKind, OwnTrouble, PeerReason
from tests.unit.world import EPOCH, OTHER_TASK, TASK, host, planned

TASKS = (planned(TASK), planned(OTHER_TASK, target=1))
HOLDS = Holds(Cached())


def failed(reason: PeerReason, *, had_copy: bool = False) -> Failed:
    return Failed(reason, "so it said", retryable=True, had_copy=had_copy, at=EPOCH)


INTERNAL, UNREACHABLE, TIMEOUT = map(failed, (PeerReason.INTERNAL, PeerReason.UNREACHABLE, PeerReason.TIMEOUT))
HELD_UP = HeldUp(OwnTrouble(OwnKind.FILES, "out of files"))


def ledger_of(*answers: tuple[Outcome | None, Outcome | None]) -> Ledger:
    """Give what each peer answered about the two tasks; None where it has not."""
    ledger = Ledger(TASKS)
    for number, outcomes in enumerate(answers):
        peer = host(f"n{number}", number=number)
        ledger.add_hosts([peer])
        for task, outcome in zip(TASKS, outcomes, strict=True):
            if outcome is not None:
                ledger.record(task.id, peer.id, outcome)
    return ledger


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        pytest.param((ABSENT, ABSENT), ("absent", ""), id="had none"),
        pytest.param((HOLDS, ABSENT), ("holding", ""), id="has one"),
        pytest.param((Cleared(), ABSENT), ("deleted", ""), id="cleared of one"),
        pytest.param((Cleared(), INTERNAL), ("failed", "Internal"), id="cleared of one and failed on one"),
        pytest.param((UNREACHABLE, UNREACHABLE), ("unreachable", "Unreachable"), id="not reached"),
        pytest.param((TIMEOUT, UNREACHABLE), ("unreachable", "Unreachable"), id="for two reasons"),
        pytest.param((UNREACHABLE, INTERNAL), ("failed", "Internal"), id="failed is worse than unreachable"),
        pytest.param((ABSENT, None), ("unasked", ""), id="asked about one"),
        pytest.param((None, None), ("unasked", ""), id="not asked"),
        pytest.param((HELD_UP, ABSENT), ("unasked", ""), id="not asked because of this process"),
    ],
)
def test_peer_is_counted_once_under_the_worst_that_is_known_of_it(
    answers: tuple[Outcome | None, Outcome | None], outcome: tuple[str, str]
) -> None:
    assert census(ledger_of(answers)) == Counter({outcome: 1})


def test_peer_that_left_the_cluster_is_gone() -> None:
    ledger = ledger_of((UNREACHABLE, UNREACHABLE), (ABSENT, ABSENT))
    ledger.departed = frozenset([next(iter(ledger.hosts))])

    assert census(ledger) == Counter({("gone", ""): 1, ("absent", ""): 1})


def test_peers_that_were_cleared_before_a_restart_are_counted_as_deleted() -> None:
    assert census(ledger_of((ABSENT, ABSENT), (ABSENT, ABSENT), (Cleared(), ABSENT)), cleared_before=1) == Counter(
        {("deleted", ""): 2, ("absent", ""): 1}
    )


OUTCOMES = st.sampled_from([None, ABSENT, HOLDS, Cleared(), INTERNAL, UNREACHABLE, TIMEOUT, HELD_UP])


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.tuples(OUTCOMES, OUTCOMES), max_size=8), st.integers(0, 3))
def test_figures_agree_with_what_the_status_says(
    answers: list[tuple[Outcome | None, Outcome | None]], before: int
) -> None:
    ledger = ledger_of(*answers)
    counts = peer_counts(summarise(ledger).counts, deleting=True, carried=before)

    counted = census(ledger, cleared_before=before)

    by_outcome = Counter[str]()
    for (outcome, _), count in counted.items():
        by_outcome[outcome] += count
    assert by_outcome.total() == counts.total
    assert by_outcome["failed"] == counts.failed
    assert by_outcome["unreachable"] == counts.unreachable
    assert by_outcome["deleted"] == counts.deleted
    assert by_outcome["absent"] == counts.already_absent
    assert counted.keys() <= set(PEER_OUTCOMES)
