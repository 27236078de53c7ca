"""The lists of a status: bounded, sorted, redacted, and honest about what they leave out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragonfly_task_operator.api.status import Omitted, Result, Status, TaskStatus
from dragonfly_task_operator.engine.identity import Identity
from dragonfly_task_operator.engine.ledger import Cleared, Failed, Holds, Ledger, Outcome
from dragonfly_task_operator.engine.model import ABSENT, Cached, Downloading, Host, HostType, PlannedTask, TaskMetadata
from dragonfly_task_operator.engine.report import MAX_STATUS_BYTES, Carried, results, shrink
from dragonfly_task_operator.engine.summary import summarise
from dragonfly_task_operator.errors import PeerReason
from tests.unit.world import EPOCH, TASK, host, planned

LETTERS = pytest.mark.parametrize("letter", ["x", "é", "界", "🐉", "<", "\\", "\x01", "\u2028"], ids=ascii)
"""Of one to four bytes in UTF-8, and of six and twelve in JSON."""


ROOM = MAX_STATUS_BYTES * 3 // 4
"""Bytes for results: what a status has besides takes the rest (tests/unit/engine/test_composing.py)."""


def failed(description: str = "refused", reason: PeerReason = PeerReason.UNREACHABLE) -> Failed:
    return Failed(reason, description, retryable=False, had_copy=False, at=EPOCH)


def peers(number: int) -> list[Host]:
    return [
        Host(f"10.0.0.1-n{i:05}", f"n{i:05}", "10.0.0.1", 4000, HostType.NORMAL, 1, "default") for i in range(number)
    ]


def tasks(number: int, *, url: str | None = None) -> tuple[PlannedTask, ...]:
    return tuple(
        PlannedTask(id=f"{i:064x}", target=i, identity=Identity.URL, subject=str(i), url=url) for i in range(number)
    )


def status_of(ledger: Ledger, *, deleting: bool = False, carried: Carried | None = None) -> Status:
    return shrink(results(ledger, summarise(ledger), deleting=deleting, carried=carried or Carried()), ROOM)


def spread(planned_tasks: tuple[PlannedTask, ...], hosts: list[Host], outcome: Outcome) -> Ledger:
    """Let each peer give this answer about one task, each task's turn coming round."""
    ledger = Ledger(planned_tasks)
    ledger.add_hosts(hosts)
    for i, peer in enumerate(hosts):
        ledger.record(planned_tasks[i % len(planned_tasks)].id, peer.id, outcome)
    return ledger


def bytes_of(status: Status) -> int:
    """Size a status as the API server's serialiser writes it: UTF-8, but three signs and two separators escaped."""
    text = json.dumps(status.to_json(), ensure_ascii=False, separators=(",", ":"))
    return len(text.encode()) + 5 * sum(map(text.count, "<>&")) + 3 * sum(map(text.count, "\u2028\u2029"))


def left_out(status: Status) -> Omitted:
    return status.omitted or Omitted()


# Size


@LETTERS
def test_status_fits_whatever_ten_thousand_peers_say(letter: str) -> None:
    planned_tasks = tasks(100, url=f"https://example.com/{letter * 2000}")
    ledger = spread(planned_tasks, peers(10_000), failed(letter * 5000))

    status = status_of(ledger, deleting=True)

    assert bytes_of(status) <= ROOM
    assert len(status.failures or ()) + left_out(status).failures == 10_000
    assert len(status.tasks or ()) + left_out(status).tasks == 100


@LETTERS
def test_status_fits_whatever_schedulers_say(letter: str) -> None:
    word = letter * 100_000
    ledger = Ledger((planned(),))
    ledger.add_hosts(peers(1))
    ledger.metadata[TASK] = TaskMetadata(
        url=f"https://example.com/{word}",
        type="STANDARD",
        tag=word,
        application=word,
        filtered_query_params=(word,),
        digest=word,
        content_length=1,
        piece_count=1,
        state=word,
        created_at=None,
        updated_at=None,
    )

    assert bytes_of(status_of(ledger)) <= ROOM


@LETTERS
def test_status_fits_when_every_reason_has_a_long_example(letter: str) -> None:
    ledger = Ledger((planned(),))
    ledger.add_hosts(peers(len(PeerReason)))
    for peer, reason in zip(ledger.hosts, PeerReason, strict=True):
        ledger.record(TASK, peer, failed(letter * 5000, reason))

    status = status_of(ledger)

    assert bytes_of(status) <= ROOM
    assert len(status.failure_summary or ()) == len(PeerReason)


def test_status_fits_with_ten_thousand_holders_of_long_names() -> None:
    hosts = [
        Host(f"{i}-{'n' * 4000}", f"{i}-{'n' * 4000}", "10.0.0.1", 4000, HostType.NORMAL, 1, "default")
        for i in range(10_000)
    ]

    status = status_of(spread(tasks(100), hosts, Holds(Cached())))

    assert bytes_of(status) <= ROOM
    assert sum(len(task.cached_by or ()) for task in status.tasks or ()) + left_out(status).cached_by == 10_000


def test_descriptions_are_shortened_before_any_failure_is_left_out() -> None:
    status = status_of(spread(tasks(1), peers(20), failed("🐉" * 5000)))

    assert {len(each.description) for each in status.failures or ()} == {128}
    assert (len(status.failures or ()), status.omitted) == (20, None)


# Bounds and what they leave out


def test_first_twenty_failures_are_listed_and_the_rest_counted() -> None:
    status = status_of(spread(tasks(1), peers(131), failed()))

    assert status.failures is not None
    assert (len(status.failures), status.failures[-1].hostname) == (20, "n00019")
    assert left_out(status) == Omitted(failures=111)
    assert [(each.reason, each.count) for each in status.failure_summary or ()] == [("Unreachable", 131)]


def test_first_twenty_holders_over_all_tasks_are_listed_and_the_rest_counted() -> None:
    status = status_of(spread(tasks(2), peers(260), Holds(Cached())))

    assert [len(task.cached_by or ()) for task in status.tasks or ()] == [20, 0]
    assert left_out(status) == Omitted(cached_by=240)


def test_first_fifty_tasks_are_listed_and_the_rest_counted() -> None:
    status = status_of(spread(tasks(130), peers(1), ABSENT))

    assert (len(status.tasks or ()), left_out(status)) == (50, Omitted(tasks=80))


def test_nothing_left_out_is_not_mentioned() -> None:
    status = status_of(spread(tasks(1), peers(20), Holds(Cached())))

    assert (status.omitted, status.failures, status.failure_summary) == (None, None, None)


def test_deletion_lists_no_holders_and_omits_none() -> None:
    status = status_of(spread(tasks(1), peers(300), Cleared()), deleting=True)

    assert [task.cached_by for task in status.tasks or ()] == [None]
    assert status.omitted is None


def test_description_is_cut_at_512_characters() -> None:
    status = status_of(spread(tasks(1), peers(1), failed("x" * 513)))

    assert status.failures is not None
    assert status.failures[0].description == "x" * 511 + "…"


def test_secrets_that_peers_repeat_are_redacted() -> None:
    status = status_of(spread(tasks(1), peers(1), failed("GET https://me:word@host/f?sig=secret gave 403")))

    assert status.failures is not None
    assert status.failure_summary is not None
    redacted = "GET https://REDACTED@host/f?sig=REDACTED gave 403"
    assert (status.failures[0].description, status.failure_summary[0].example) == (redacted, redacted)


# Order

OUTCOMES: tuple[Outcome, ...] = (
    ABSENT,
    Holds(Cached(content_length=7)),
    Holds(Downloading()),
    Cleared(),
    failed(),
    failed("timed out", PeerReason.TIMEOUT),
    failed("disk on fire", PeerReason.INTERNAL),
)
CANDIDATES = (planned("0" * 64), planned("1" * 64, identity=Identity.URL_LEGACY), planned("2" * 64, target=1))
HOSTS = [host("same", number=1), host("same", number=2), host("other", number=3)]


@settings(deadline=None)  # a busy machine is no defect
@given(
    hosts=st.permutations(HOSTS),
    order=st.permutations([(task, peer) for task in range(len(CANDIDATES)) for peer in range(len(HOSTS))]),
    answers=st.lists(st.sampled_from(OUTCOMES), min_size=9, max_size=9),
    deleting=st.booleans(),
)
def test_same_answers_in_any_order_give_the_same_status(
    hosts: list[Host], order: list[tuple[int, int]], answers: list[Outcome], *, deleting: bool
) -> None:
    def status_in(hosts: list[Host], order: list[tuple[int, int]]) -> Status:
        ledger = Ledger(CANDIDATES)
        ledger.add_hosts(hosts)
        for task, peer in order:
            ledger.record(CANDIDATES[task].id, HOSTS[peer].id, answers[task * len(HOSTS) + peer])
        return status_of(ledger, deleting=deleting)

    assert status_in(hosts, order) == status_in(HOSTS, sorted(order))


# Results of tasks, and counts carried over a restart


def one_task(*outcomes: Outcome, deleting: bool = False, ignoring: bool = False, carried: int = 0) -> TaskStatus:
    ledger = Ledger((planned(),))
    ledger.add_hosts(peers(len(outcomes)))
    for peer, outcome in zip(ledger.hosts, outcomes, strict=True):
        ledger.record(TASK, peer, outcome)
    status = results(
        ledger,
        summarise(ledger),
        deleting=deleting,
        ignoring_unreachable=ignoring,
        carried=Carried(carried, {TASK: carried}),
    )
    assert status.tasks is not None
    return status.tasks[0]


def test_result_of_a_search_is_found_where_one_peer_has_it() -> None:
    assert one_task(ABSENT, Holds(Cached()), failed()).result is Result.FOUND


def test_result_of_a_search_is_not_found_where_no_peer_has_it() -> None:
    assert one_task(ABSENT, ABSENT).result is Result.NOT_FOUND


def test_result_of_a_search_is_failed_where_nobody_is_known_to_have_it_and_one_could_not_be_asked() -> None:
    assert one_task(ABSENT, failed()).result is Result.FAILED


def test_result_of_a_deletion_is_deleted_where_one_peer_was_cleared() -> None:
    assert one_task(ABSENT, Cleared(), deleting=True).result is Result.DELETED


def test_result_of_a_deletion_is_failed_where_one_peer_failed() -> None:
    assert one_task(Cleared(), failed(), deleting=True).result is Result.FAILED


def test_result_of_a_deletion_follows_the_wish_to_ignore_unreachable_peers() -> None:
    assert one_task(Cleared(), failed(), deleting=True, ignoring=True).result is Result.DELETED


def test_peers_cleared_before_a_restart_are_not_counted_as_having_had_nothing() -> None:
    task = one_task(ABSENT, ABSENT, Cleared(), deleting=True, carried=1)

    assert (task.peers.deleted, task.peers.already_absent, task.peers.caching) == (2, 1, 2)
    assert one_task(ABSENT, deleting=True, carried=1).result is Result.DELETED


def test_carried_counts_never_exceed_the_peers_that_have_nothing_now() -> None:
    task = one_task(ABSENT, Cleared(), deleting=True, carried=5)

    assert (task.peers.deleted, task.peers.already_absent) == (2, 0)


def test_carried_counts_are_those_of_the_whole_run_too() -> None:
    status = status_of(spread(tasks(1), peers(3), ABSENT), deleting=True, carried=Carried(2))

    assert status.peers is not None
    assert (status.peers.deleted, status.peers.already_absent, status.peers.total) == (2, 1, 3)


def test_failures_and_holders_carry_the_version_that_their_peer_announced() -> None:
    plan = tasks(1)
    hosts = [
        replace(peer, client_version=version) for peer, version in zip(peers(4), ["1.5.10", None] * 2, strict=True)
    ]
    ledger = Ledger(plan)
    ledger.add_hosts(hosts)
    outcomes: list[Outcome] = [failed(), failed(), Holds(Cached()), Holds(Cached())]
    for peer, outcome in zip(hosts, outcomes, strict=True):
        ledger.record(plan[0].id, peer.id, outcome)

    status = status_of(ledger).to_json()

    versions = [
        [each.get("clientVersion") for each in side] for side in (status["failures"], status["tasks"][0]["cachedBy"])
    ]
    assert versions == [["1.5.10", None]] * 2
