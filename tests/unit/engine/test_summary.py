"""The fold: each peer counted once, and only those ids shown that say something."""

from __future__ import annotations

import pytest

from dragonfly_task_operator.engine.identity import Identity
from dragonfly_task_operator.engine.ledger import Cleared, Failed, Holds, Ledger, Outcome
from dragonfly_task_operator.engine.model import ABSENT, Cached, PlannedTask
from dragonfly_task_operator.engine.summary import summarise
from dragonfly_task_operator.engine.views import Counts
from dragonfly_task_operator.errors import PeerReason
from tests.unit.world import EPOCH, OTHER_TASK, TASK, host, planned

HOLDS = Holds(Cached())
UNREACHABLE = Failed(PeerReason.UNREACHABLE, "refused", retryable=False, had_copy=False, at=EPOCH)
LOST = Failed(PeerReason.UNREACHABLE, "refused", retryable=False, had_copy=True, at=EPOCH)
INTERNAL = Failed(PeerReason.INTERNAL, "disk on fire", retryable=False, had_copy=False, at=EPOCH)

TWO_TARGETS = (planned(TASK), planned(OTHER_TASK, target=1))
TWO_RULES = (planned(TASK, identity=Identity.URL), planned(OTHER_TASK, identity=Identity.URL_LEGACY))
"""Two candidate ids of one target."""


def ledger_of(tasks: tuple[PlannedTask, ...], **answers: tuple[Outcome | None, ...]) -> Ledger:
    """Give each peer's answer about each task; None where it has not answered yet."""
    ledger = Ledger(tasks)
    for number, (name, outcomes) in enumerate(answers.items()):
        peer = host(name, number=number)
        ledger.add_hosts([peer])
        for task, outcome in zip(tasks, outcomes, strict=True):
            if outcome is not None:
                ledger.record(task.id, peer.id, outcome)
    return ledger


@pytest.mark.parametrize(
    ("answers", "counts"),
    [
        pytest.param((ABSENT, ABSENT), Counts(total=1, already_absent=1), id="had none"),
        pytest.param((HOLDS, ABSENT), Counts(total=1, caching=1), id="has one"),
        pytest.param((HOLDS, HOLDS), Counts(total=1, caching=1), id="has both"),
        pytest.param((Cleared(), ABSENT), Counts(total=1, caching=1, deleted=1), id="cleared of one"),
        pytest.param((Cleared(), Cleared(3)), Counts(total=1, caching=1, deleted=1), id="cleared of both"),
        pytest.param((Cleared(), INTERNAL), Counts(total=1, caching=1, failed=1), id="cleared of one, failed on one"),
        pytest.param((UNREACHABLE, UNREACHABLE), Counts(total=1, unreachable=1), id="not asked"),
        pytest.param((Cleared(), UNREACHABLE), Counts(total=1, caching=1, unreachable=1), id="lost in the middle"),
        pytest.param((INTERNAL, UNREACHABLE), Counts(total=1, failed=1), id="failed is worse than unreachable"),
        pytest.param((LOST, ABSENT), Counts(total=1, caching=1, failed=1), id="lost with a copy has failed"),
        pytest.param((ABSENT, None), Counts(total=1), id="not settled yet"),
        pytest.param((None, INTERNAL), Counts(total=1, failed=1), id="failed before it is settled"),
    ],
)
def test_peer_is_counted_once_under_the_worst_that_is_known(
    answers: tuple[Outcome | None, ...], counts: Counts
) -> None:
    assert summarise(ledger_of(TWO_TARGETS, n1=answers)).counts == counts


def test_counts_of_a_task_are_about_that_task() -> None:
    summary = summarise(ledger_of(TWO_TARGETS, n1=(HOLDS, ABSENT), n2=(HOLDS, UNREACHABLE)))

    assert [task.counts for task in summary.tasks] == [
        Counts(total=2, caching=2),
        Counts(total=2, already_absent=1, unreachable=1),
    ]


def test_progress_counts_pairs_that_are_settled() -> None:
    due_again = Failed(PeerReason.UNREACHABLE, "refused", retryable=True, had_copy=False, at=EPOCH)

    summary = summarise(ledger_of(TWO_TARGETS, n1=(ABSENT, HOLDS), n2=(INTERNAL, due_again), n3=(None, None)))

    assert (summary.settled, summary.pairs) == (3, 6)


# Which candidates are shown


def shown(ledger: Ledger) -> list[str]:
    return [task.task.id for task in summarise(ledger).tasks]


def test_first_candidate_stands_for_a_target_that_nobody_caches() -> None:
    assert shown(ledger_of(TWO_RULES, n1=(ABSENT, ABSENT))) == [TASK]


def test_candidate_that_is_cached_is_shown_instead_of_the_first() -> None:
    assert shown(ledger_of(TWO_RULES, n1=(ABSENT, HOLDS))) == [OTHER_TASK]


def test_every_candidate_that_is_cached_is_shown() -> None:
    assert shown(ledger_of(TWO_RULES, n1=(ABSENT, HOLDS), n2=(HOLDS, ABSENT))) == [TASK, OTHER_TASK]


def test_candidate_that_was_deleted_is_shown() -> None:
    assert shown(ledger_of(TWO_RULES, n1=(ABSENT, Cleared()))) == [OTHER_TASK]


def test_peer_that_is_down_is_one_failure_not_one_for_each_rule() -> None:
    summary = summarise(ledger_of(TWO_RULES, n1=(UNREACHABLE, UNREACHABLE)))

    assert [(failure.host.hostname, failure.task.id) for failure in summary.failures] == [("n1", TASK)]


def test_failure_that_no_shown_candidate_tells_of_brings_its_own_into_view() -> None:
    ledger = ledger_of(TWO_RULES, n1=(ABSENT, HOLDS), n2=(INTERNAL, ABSENT))

    assert shown(ledger) == [OTHER_TASK, TASK]


def test_every_target_has_something_to_show() -> None:
    assert shown(ledger_of(TWO_TARGETS, n1=(ABSENT, ABSENT))) == [TASK, OTHER_TASK]


def test_tasks_cached_anywhere_come_first() -> None:
    assert shown(ledger_of(TWO_TARGETS, n1=(ABSENT, HOLDS))) == [OTHER_TASK, TASK]


# Failures


def test_failures_are_sorted_by_hostname() -> None:
    summary = summarise(ledger_of(TWO_TARGETS, zeta=(INTERNAL, ABSENT), alpha=(ABSENT, INTERNAL)))

    assert [failure.host.hostname for failure in summary.failures] == ["alpha", "zeta"]


def test_failures_are_counted_by_reason_the_most_frequent_first() -> None:
    summary = summarise(
        ledger_of(TWO_TARGETS, n1=(INTERNAL, ABSENT), n2=(UNREACHABLE, ABSENT), n3=(UNREACHABLE, ABSENT))
    )

    assert summary.failures_by_reason() == [
        (PeerReason.UNREACHABLE, 2, "refused"),
        (PeerReason.INTERNAL, 1, "disk on fire"),
    ]
