"""How a run ended, in a reason and a sentence that a person can act on."""

from __future__ import annotations

from typing import Any

import pytest

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.specs import TaskDeletionSpec, TaskSearchSpec
from dragonfly_task_operator.engine.ledger import Cleared, Failed, Holds, Ledger, Outcome
from dragonfly_task_operator.engine.model import ABSENT, Cached
from dragonfly_task_operator.engine.report import Carried
from dragonfly_task_operator.engine.summary import summarise
from dragonfly_task_operator.engine.verdict import MAX_MESSAGE, Verdict, judge, out_of_time, progress, stopped_by
from dragonfly_task_operator.errors import ImageUnresolvable, InvalidTarget, NoPeersKnown, PeerReason, RunReason
from tests.unit.world import EPOCH, OTHER_TASK, TASK, host, planned

HOLDS = Holds(Cached())
UNREACHABLE = Failed(PeerReason.UNREACHABLE, "connection refused", retryable=False, had_copy=False, at=EPOCH)
INTERNAL = Failed(PeerReason.INTERNAL, "disk on fire", retryable=False, had_copy=True, at=EPOCH)


def search(**spec: Any) -> TaskSearchSpec:
    return TaskSearchSpec.model_validate({"targets": [{"taskID": TASK}], **spec})


def deletion(**spec: Any) -> TaskDeletionSpec:
    return TaskDeletionSpec.model_validate({"targets": [{"taskID": TASK}], **spec})


def ledger_of(*answers: Outcome) -> Ledger:
    ledger = Ledger((planned(),))
    for number, answer in enumerate(answers):
        peer = host(f"n{number}", number=number)
        ledger.add_hosts([peer])
        ledger.record(TASK, peer.id, answer)
    return ledger


def judged(spec: TaskSearchSpec | TaskDeletionSpec, *answers: Outcome, carried: int = 0) -> Verdict:
    ledger = ledger_of(*answers)
    return judge(spec, ledger, summarise(ledger), carried=Carried(carried))


@pytest.mark.parametrize(
    ("spec", "answers", "verdict"),
    [
        pytest.param(search(), (HOLDS, ABSENT), Verdict(Reason.FOUND, "cached on 1 of 2 peers"), id="found"),
        pytest.param(search(), (HOLDS,), Verdict(Reason.FOUND, "cached on 1 of 1 peer"), id="found on the only peer"),
        pytest.param(search(), (ABSENT,), Verdict(Reason.NOT_FOUND, "cached on none of 1 peer"), id="not found"),
        pytest.param(
            search(),
            (HOLDS, UNREACHABLE),
            Verdict(
                Reason.PARTIAL_RESULTS,
                "cached on 1 of 2 peers; 1 peer failed (1 Unreachable): see status.failures",
            ),
            id="partial",
        ),
        pytest.param(
            deletion(),
            (Cleared(), ABSENT),
            Verdict(Reason.DELETED, "deleted from 1 of 2 peers; all 2 of them, asked again, no longer have it"),
            id="deleted",
        ),
        pytest.param(
            deletion(),
            (ABSENT, ABSENT),
            Verdict(Reason.NOTHING_TO_DELETE, "none of 2 peers asked had it"),
            id="nothing to delete",
        ),
        pytest.param(
            deletion(),
            (Cleared(), INTERNAL, UNREACHABLE),
            Verdict(
                Reason.PEERS_FAILED,
                "deleted from 1 of 3 peers; 2 peers failed (1 Internal, 1 Unreachable), first n1 (10.0.0.1): Internal:"
                " disk on fire; see status.failures, mend the peers, then set a new spec.runID to run again",
            ),
            id="peers failed",
        ),
        pytest.param(
            deletion(unreachablePeers="Ignore"),
            (Cleared(), UNREACHABLE),
            Verdict(
                Reason.DELETED,
                "deleted from 1 of 2 peers; all 1 of them, asked again, no longer have it; 1 peer failed"
                " (1 Unreachable), see status.failures",
            ),
            id="deleted, unreachable ignored",
        ),
        pytest.param(
            deletion(unreachablePeers="Ignore"),
            (ABSENT, UNREACHABLE),
            Verdict(
                Reason.NOTHING_TO_DELETE,
                "none of 1 peers asked had it; 1 peer failed (1 Unreachable), see status.failures",
            ),
            id="nothing to delete, unreachable ignored",
        ),
        pytest.param(
            deletion(dryRun=True),
            (HOLDS, ABSENT),
            Verdict(Reason.DRY_RUN, "would delete from 1 of 2 peers; set spec.dryRun to false to do it"),
            id="dry run",
        ),
        pytest.param(
            deletion(dryRun=True),
            (HOLDS, UNREACHABLE),
            Verdict(
                Reason.PEERS_FAILED,
                "would delete from 1 of 2 peers; 1 peer failed (1 Unreachable), first n1 (10.0.0.1): Unreachable:"
                " connection refused; see status.failures, mend the peers, then set a new spec.runID to run again",
            ),
            id="dry run that could not ask a peer",
        ),
    ],
)
def test_run_that_came_to_its_end(
    spec: TaskSearchSpec | TaskDeletionSpec, answers: tuple[Outcome, ...], verdict: Verdict
) -> None:
    assert judged(spec, *answers) == verdict


def test_other_failures_are_not_ignored_with_unreachable_peers() -> None:
    assert judged(deletion(unreachablePeers="Ignore"), INTERNAL, UNREACHABLE).reason is Reason.PEERS_FAILED


def test_peer_that_is_down_is_one_peer_however_many_tasks_it_was_asked_about() -> None:
    ledger = Ledger((planned(TASK), planned(OTHER_TASK, target=1)))
    ledger.add_hosts([host("n1")])
    for task in (TASK, OTHER_TASK):
        ledger.record(task, host("n1").id, UNREACHABLE)

    verdict = judge(search(), ledger, summarise(ledger))

    assert verdict.message == "cached on 0 of 1 peer; 1 peer failed (1 Unreachable): see status.failures"


def test_peers_cleared_before_a_restart_make_it_a_deletion() -> None:
    assert judged(deletion(), ABSENT, ABSENT, carried=1) == Verdict(
        Reason.DELETED, "deleted from 1 of 2 peers; all 2 of them, asked again, no longer have it"
    )


def test_schedulers_that_did_not_answer_are_named() -> None:
    ledger = ledger_of(ABSENT)
    ledger.silent_schedulers, ledger.schedulers = ("10.0.0.8:8002: timed out",), 3

    verdict = judge(search(), ledger, summarise(ledger))

    assert verdict.message == "cached on none of 1 peer; 1 of 3 schedulers did not answer (10.0.0.8:8002: timed out)"


def test_what_else_is_to_be_known_of_the_listing_is_told() -> None:
    ledger = ledger_of(ABSENT)
    ledger.listing_notes = ("no scheduler answered: its peers are the pods of dragonfly",)

    verdict = judge(search(), ledger, summarise(ledger))

    assert verdict.message == ("cached on none of 1 peer; no scheduler answered: its peers are the pods of dragonfly")


# At the deadline


def test_deadline_tells_how_far_the_run_came_and_what_failed() -> None:
    ledger = ledger_of(ABSENT, INTERNAL)

    verdict = out_of_time(deletion(activeDeadlineSeconds=60), summarise(ledger), None)

    assert verdict == Verdict(
        Reason.DEADLINE_EXCEEDED,
        "stopped after 60 s (spec.activeDeadlineSeconds) with 2 of 2 (task, peer) pairs settled; 1 peer failed"
        " (1 Internal), first n1 (10.0.0.1): Internal: disk on fire; raise the deadline and set a new spec.runID to run"
        " again",
    )


def test_deadline_while_no_round_could_be_held_gives_the_reason_for_that() -> None:
    verdict = out_of_time(search(), summarise(Ledger(())), NoPeersKnown("the schedulers list no peers"))

    assert verdict == Verdict(
        Reason.NO_PEERS_KNOWN, "gave up after 300 s (spec.activeDeadlineSeconds): the schedulers list no peers"
    )


# Before a run, and on the way


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidTarget("spec.targets[0]: no host"), Reason.INVALID_SPEC),
        (ImageUnresolvable("no such image"), Reason.IMAGE_UNRESOLVABLE),
    ],
)
def test_run_that_could_not_be_begun(error: InvalidTarget | ImageUnresolvable, reason: Reason) -> None:
    assert stopped_by(error) == Verdict(reason, str(error))


def test_every_reason_of_an_error_is_one_of_the_api() -> None:
    assert {reason.value for reason in RunReason} <= {reason.value for reason in Reason}


def test_progress_begins_with_listing_peers() -> None:
    assert progress(search(), Ledger(()), summarise(Ledger(())), None) == Verdict(Reason.RUNNING, "listing peers")


def test_progress_of_a_run_in_line_says_that_it_waits() -> None:
    waiting = progress(search(), Ledger(()), summarise(Ledger(())), None, is_in_line=True)

    assert waiting == Verdict(Reason.RUNNING, "waiting for its turn to ask peers")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (search(), "3 of 3 (task, peer) pairs settled; cached on 2 of 3 peers; so far 1 peer failed (1 Unreachable)"),
        (
            deletion(),
            "3 of 3 (task, peer) pairs settled; deleted from 1 of 3 peers; so far 1 peer failed (1 Unreachable)",
        ),
    ],
)
def test_progress_tells_how_far_a_run_is(spec: TaskSearchSpec | TaskDeletionSpec, message: str) -> None:
    ledger = ledger_of(HOLDS, Cleared(), UNREACHABLE)

    assert progress(spec, ledger, summarise(ledger), None) == Verdict(Reason.RUNNING, message)


def test_trouble_is_told_instead_of_progress() -> None:
    ledger = ledger_of(HOLDS)

    verdict = progress(search(), ledger, summarise(ledger), NoPeersKnown("nobody at https://h/?token=secret"))

    assert verdict.message == "trying again: nobody at https://h/?token=REDACTED"


@pytest.mark.parametrize(
    "message_of",
    [
        lambda words: stopped_by(InvalidTarget(words)).message,
        lambda words: out_of_time(search(), summarise(Ledger(())), NoPeersKnown(words)).message,
        lambda words: progress(search(), Ledger(()), summarise(Ledger(())), NoPeersKnown(words)).message,
    ],
    ids=["stopped", "out of time", "progress"],
)
def test_message_is_bounded_whatever_an_error_says(message_of: Any) -> None:
    assert len(message_of("x" * 10_000)) == MAX_MESSAGE
