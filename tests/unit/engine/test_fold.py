"""The fold by sets of peers gives what going through every pair would, and takes no longer for more pairs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.ledger import Cleared, Failed, HeldUp, Holds, Ledger, Outcome, known
from dragonfly_task_operator.engine.model import ABSENT, Cached, Downloading, Host, Image, PlannedImage
from dragonfly_task_operator.engine.outcomes import merged
from dragonfly_task_operator.engine.report import results
from dragonfly_task_operator.engine.summary import LISTED, Summary, summarise
from dragonfly_task_operator.engine.views import Counts
from dragonfly_task_operator.errors import OwnKind, OwnTrouble, PeerReason
from tests.unit.world import EPOCH, host, planned

TASKS = (
    planned("0" * 64),
    planned("1" * 64),  # another candidate for the same
    planned("2" * 64, target=1),
    planned("3" * 64, target=1),
    planned("4" * 64, target=2),
)
IDS = [task.id for task in TASKS]
HOSTS = [host("same", number=1), host("same", number=2), host("b", number=3), host("a", number=4), host("c", number=5)]
IMAGE = PlannedImage(
    target=1,
    reference="image",
    image=Image("sha256:ab", (), (), foreign_layers=0, kept=0),
    blobs=(frozenset(IDS[:2]), frozenset(IDS[2:3]), frozenset(IDS[3:])),
)
TROUBLE = OwnTrouble(OwnKind.FILES, "out of files")


def failed(reason: PeerReason, *, had_copy: bool, retryable: bool) -> Failed:
    return Failed(reason, f"{reason} {retryable}", retryable=retryable, had_copy=had_copy, at=EPOCH)


OUTCOMES: list[Outcome] = [
    ABSENT,
    Holds(Cached()),
    Holds(Downloading(content_length=7)),
    Cleared(),
    HeldUp(TROUBLE),
    HeldUp(TROUBLE, had_copy=True),
    *(
        failed(reason, had_copy=had_copy, retryable=retryable)
        for reason in (PeerReason.UNREACHABLE, PeerReason.TIMEOUT, PeerReason.INTERNAL, PeerReason.DOWNLOADING)
        for had_copy in (False, True)
        for retryable in (False, True)
    ),
]


@dataclass
class Plain:
    """The same by the rules as they are written down, one pair at a time."""

    hosts: dict[str, Host] = field(default_factory=dict)
    departed: frozenset[str] = frozenset()
    outcomes: dict[TaskID, dict[str, Outcome]] = field(default_factory=lambda: {task: {} for task in IDS})

    def record(self, task: TaskID, host: str, outcome: Outcome) -> None:
        before = self.outcomes[task].get(host)
        self.outcomes[task][host] = outcome if before is None else merged(before, outcome)

    def has_left(self, host: str, outcome: Outcome) -> bool:
        return host in self.departed and isinstance(outcome, Failed) and outcome.got_no_answer

    def there(self, task: TaskID) -> dict[str, Outcome]:
        """Give the outcomes of a task but those of peers that have left."""
        return {host: each for host, each in self.outcomes[task].items() if not self.has_left(host, each)}

    def counts(self, tasks: list[TaskID]) -> Counts:
        counts = Counts()
        for host_id in self.hosts:
            told = [self.outcomes[task][host_id] for task in tasks if host_id in self.outcomes[task]]
            outcomes = [each for each in told if not self.has_left(host_id, each)]
            if told and not outcomes:
                counts.gone += 1
                continue
            counts.total += 1
            if len(told) == len(tasks) or any(isinstance(each, Failed | HeldUp) for each in outcomes):
                add(counts, outcomes)
        return counts

    def had(self, task: TaskID) -> set[str]:
        return {host for host, each in self.there(task).items() if flags(each)["caching"]}

    def failures(self, tasks: list[TaskID]) -> list[tuple[str, str, int, TaskID, Failed]]:
        return sorted(
            (
                (self.hosts[host].hostname, host, TASKS[IDS.index(task)].target, task, outcome)
                for task in tasks
                for host, each in self.there(task).items()
                if isinstance(outcome := known(each), Failed)
            ),
            key=lambda failure: failure[:4],
        )


def flags(outcome: Outcome) -> dict[str, bool]:
    match known(outcome):
        case Failed() as failure:
            return {
                "caching": failure.had_copy,
                "unasked": failure.could_not_be_asked,
                "failed": not failure.could_not_be_asked,
            }
        case HeldUp(had_copy=had_copy):
            return {"caching": had_copy, "held_up": True}
        case Cleared():
            return {"caching": True, "cleared": True}
        case Holds():
            return {"caching": True}
        case _:
            return {"caching": False}


def add(counts: Counts, outcomes: list[Outcome]) -> None:
    said = {name for outcome in outcomes for name, is_so in flags(outcome).items() if is_so}
    counts.caching += "caching" in said
    if "failed" in said:
        counts.failed += 1
    elif "unasked" in said:
        counts.unreachable += 1
    elif "held_up" in said:
        counts.held_up += 1
    elif "cleared" in said:
        counts.deleted += 1
    elif "caching" not in said:
        counts.already_absent += 1


def pending(outcome: Outcome) -> bool:
    return isinstance(outcome, HeldUp) or (isinstance(outcome, Failed) and outcome.retryable)


def check(ledger: Ledger, plain: Plain, *, is_complete: bool) -> None:
    summary = summarise(ledger, is_complete=is_complete)
    there = [outcome for task in IDS for outcome in plain.there(task).values()]

    assert summary.counts == plain.counts(IDS)
    assert summary.settled == sum(is_complete or not pending(outcome) for outcome in there)
    left = sum(len(plain.outcomes[task]) - len(plain.there(task)) for task in IDS)
    assert summary.pairs == len(plain.hosts) * len(IDS) - left
    check_tasks(summary, plain)
    check_failures(summary, plain)
    blobs = Counter(host for ids in IMAGE.blobs for host in set().union(*(plain.had(task) for task in ids)))
    complete = sum(count == len(IMAGE.blobs) for count in blobs.values())
    (image,) = summary.images
    assert (image.peers_with_all, image.peers_with_some) == (complete, len(blobs) - complete)
    assert (summary.held_up_by is TROUBLE) == any(isinstance(each, HeldUp) for each in there)
    assert {(task.id, host.id): outcome for task, host, outcome in ledger} == {
        (task, host): outcome for task in IDS for host, outcome in plain.outcomes[task].items() if outcome != ABSENT
    }


def check_tasks(summary: Summary, plain: Plain) -> None:
    assert {task.task.subject for task in summary.tasks} == {task.subject for task in TASKS}
    for task in summary.tasks:
        there = plain.there(task.task.id)
        assert task.counts == plain.counts([task.task.id])
        assert task.answers == sum(not isinstance(outcome, HeldUp) for outcome in there.values())
        assert (task.held_up_by is TROUBLE) == any(isinstance(outcome, HeldUp) for outcome in there.values())
        holders = sorted(
            (plain.hosts[host].hostname, host, repr(outcome.copy))
            for host, each in there.items()
            if isinstance(outcome := known(each), Holds)
        )
        assert [(who.hostname, who.id, repr(copy)) for who, copy in task.holders] == holders
        assert task.holder_count == len(holders)


def check_failures(summary: Summary, plain: Plain) -> None:
    failures = plain.failures([task.task.id for task in summary.tasks])
    assert [
        (each.host.hostname, each.host.id, each.task.target, each.task.id, each.failed) for each in summary.failures
    ] == failures
    assert summary.failure_count == len(failures)
    reasons = Counter(each.reason for *_, each in failures)
    peers = Counter(reason for _, reason in {(host, each.reason) for _, host, _, _, each in failures})
    examples: dict[PeerReason, str] = {}
    for *_, each in failures:
        examples.setdefault(each.reason, each.description)
    assert summary.reasons == [
        (reason, reasons[reason], peers[reason], examples[reason]) for reason in PeerReason if reason in reasons
    ]


Step = tuple[str, Any]

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("answer"),
            st.tuples(st.sampled_from(IDS), st.sampled_from(range(len(HOSTS))), st.sampled_from(OUTCOMES)),
        ),
        st.tuples(st.just("answers"), st.tuples(st.sampled_from(range(len(HOSTS))), st.sampled_from(OUTCOMES))),
        st.tuples(st.just("leave"), st.frozensets(st.sampled_from([each.id for each in HOSTS]), max_size=4)),
    ),
    max_size=30,
)


@settings(deadline=None, max_examples=300)  # a busy machine is no defect
@given(steps=STEPS, late=st.integers(0, len(HOSTS) - 1), is_complete=st.booleans())
@example(steps=[("leave", frozenset(each.id for each in HOSTS[:2]))], late=2, is_complete=True)
def test_sets_of_peers_are_folded_to_what_pairs_are(steps: list[Step], late: int, *, is_complete: bool) -> None:
    """Peers after `late` are listed half way."""
    ledger, plain = Ledger(TASKS, (IMAGE,)), Plain()

    def list_hosts(hosts: list[Host]) -> None:
        ledger.add_hosts(hosts)
        plain.hosts |= {each.id: each for each in hosts}

    list_hosts(HOSTS[: late + 1])
    for number, (what, how) in enumerate(steps):
        if number == len(steps) // 2:
            list_hosts(HOSTS)
            check(ledger, plain, is_complete=is_complete)
        if what == "leave":
            ledger.departed = plain.departed = how & plain.hosts.keys()
            continue
        index = how[1] if what == "answer" else how[0]
        if HOSTS[index].id not in plain.hosts:
            continue
        for task in [how[0]] if what == "answer" else IDS:
            ledger.record(task, HOSTS[index].id, how[-1])
            plain.record(task, HOSTS[index].id, how[-1])

    check(ledger, plain, is_complete=is_complete)


@pytest.mark.parametrize("chosen", [0b0, 0b1, 0b10110, (1 << 5000) - 1, ((1 << 5000) - 1) // 3])
@pytest.mark.parametrize("most", [1, 3, 500])
def test_first_of_a_set_are_those_that_sorting_all_would_put_first(chosen: int, most: int) -> None:
    ledger = Ledger(TASKS)
    ledger.add_hosts(host(f"{number * 7919 % 5003:05}", number=number) for number in range(5000))

    found = [ledger.host(index).hostname for index in ledger.first(chosen, most)]

    assert found == sorted(peer.hostname for peer in ledger.hosts_in(chosen))[:most]


async def test_pairs_are_listed_by_peer_in_the_order_of_tasks() -> None:
    ledger = Ledger(TASKS)
    ledger.add_hosts(HOSTS)

    pairs = await ledger.pairs(lambda tally: 0b10011 if tally is not ledger.tally(IDS[2]) else 0b00110)

    expected = {HOSTS[0].id: [*IDS[:2], *IDS[3:]], HOSTS[1].id: IDS, HOSTS[2].id: [IDS[2]]}
    expected |= {HOSTS[4].id: [*IDS[:2], *IDS[3:]]}
    assert {who: list(tasks) for who, tasks in pairs.items()} == expected


# What a status costs


def steps_of(work: Callable[[], object]) -> int:
    """Count the lines of Python that are run, and the calls of C functions besides: time on no clock."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        count += 1
        return trace

    def profile(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event == "c_call"

    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.settrace(None)
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "outcome", [ABSENT, Holds(Cached()), failed(PeerReason.UNREACHABLE, had_copy=False, retryable=True)], ids=repr
)
def test_status_costs_what_it_shows_and_not_what_is_known(outcome: Outcome) -> None:
    def cost_of(peers: int) -> int:
        ledger = Ledger(TASKS, (IMAGE,))
        ledger.add_hosts(host(f"{number:05}", number=number) for number in range(peers))
        for task in IDS:
            for who in ledger.hosts:
                ledger.record(task, who, outcome)

        def status() -> None:
            summary = summarise(ledger)
            results(ledger, summary, deleting=False)

        status()  # hosts are sorted once
        return steps_of(status)

    assert cost_of(8 * LISTED) <= 1.1 * cost_of(4 * LISTED)
