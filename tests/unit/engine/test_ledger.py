"""What an answer means in the light of earlier ones about the same peer and task."""

from __future__ import annotations

import pytest

from dragonfly_task_operator.engine.ledger import Cleared, Failed, Holds, Ledger, Outcome
from dragonfly_task_operator.engine.model import ABSENT, Cached
from dragonfly_task_operator.errors import PeerReason
from tests.unit.world import EPOCH, OTHER_TASK, TASK, host, planned

HOLDS = Holds(Cached())


def failed(*, had_copy: bool = False, attempts: int = 1, reason: PeerReason = PeerReason.UNREACHABLE) -> Failed:
    return Failed(reason, "gone", retryable=True, had_copy=had_copy, at=EPOCH, attempts=attempts)


def after(*answers: Outcome) -> Outcome:
    ledger = Ledger((planned(),))
    peer = host("n1")
    ledger.add_hosts([peer])
    for answer in answers:
        ledger.record(TASK, peer.id, answer)
    outcome = ledger.outcome(TASK, peer.id)
    assert outcome is not None
    return outcome


@pytest.mark.parametrize(
    ("answers", "known"),
    [
        pytest.param((ABSENT,), ABSENT, id="the first answer counts as it is"),
        pytest.param((Cleared(), ABSENT), Cleared(), id="cleared, and a sweep finds nothing"),
        pytest.param((Cleared(), Cleared()), Cleared(2), id="cleared twice"),
        pytest.param((Cleared(2), Cleared()), Cleared(3), id="cleared three times"),
        pytest.param((ABSENT, Cleared()), Cleared(), id="fetched in between, then cleared"),
        pytest.param((failed(), failed()), failed(attempts=2), id="failures in a row are counted"),
        pytest.param((failed(), ABSENT), ABSENT, id="unreachable, then has nothing"),
        pytest.param((failed(), HOLDS), HOLDS, id="unreachable, then has it"),
        pytest.param((failed(had_copy=True), ABSENT), Cleared(), id="the deletion took effect after all"),
        pytest.param((failed(had_copy=True), Cleared()), Cleared(), id="cleared by a retry"),
        pytest.param(
            (failed(had_copy=True), failed()), failed(had_copy=True, attempts=2), id="a copy is not forgotten"
        ),
        pytest.param((Cleared(), failed()), failed(had_copy=True), id="cleared, then lost: it had a copy"),
        pytest.param((HOLDS, failed()), failed(had_copy=True), id="holds, then lost: it had a copy"),
        pytest.param((ABSENT, failed()), failed(), id="had nothing, then lost: it had no copy"),
        pytest.param((failed(), ABSENT, failed()), failed(), id="an answer in between ends the row of failures"),
    ],
)
def test_later_answer_is_read_in_the_light_of_the_earlier(answers: tuple[Outcome, ...], known: Outcome) -> None:
    assert after(*answers) == known


@pytest.mark.parametrize("reason", PeerReason)
def test_only_silence_of_a_peer_not_known_to_have_a_copy_means_that_it_could_not_be_asked(reason: PeerReason) -> None:
    is_silence = reason in {PeerReason.UNREACHABLE, PeerReason.TIMEOUT}

    assert failed(reason=reason).could_not_be_asked is is_silence
    assert not failed(reason=reason, had_copy=True).could_not_be_asked


def test_peers_are_remembered_when_a_listing_lacks_them() -> None:
    ledger = Ledger((planned(),))
    ledger.add_hosts([host("n1", number=1)])

    ledger.add_hosts([host("n2", number=2)])

    assert [peer.hostname for peer in ledger.hosts.values()] == ["n1", "n2"]


def test_every_pair_with_an_answer_is_gone_through_but_absences() -> None:
    ledger = Ledger((planned(TASK), planned(OTHER_TASK, target=1)))
    peer = host("n1")
    ledger.add_hosts([peer])
    ledger.record(TASK, peer.id, ABSENT)
    ledger.record(OTHER_TASK, peer.id, HOLDS)

    assert [(task.id, who, outcome) for task, who, outcome in ledger] == [(OTHER_TASK, peer, HOLDS)]
    assert (ledger.outcome(TASK, peer.id), ledger.outcome(OTHER_TASK, peer.id)) == (ABSENT, HOLDS)
