"""The fold: from a ledger to counts, bounded lists and a verdict's facts. Pure, and the same for the same answers.

It reads sets of peers (`tally.py`) and the few outcomes that it lists: a status is made of it once a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.ledger import Ledger
from dragonfly_task_operator.engine.model import Copy, Host, PlannedImage, PlannedTask
from dragonfly_task_operator.engine.outcomes import Failed, HeldUp, Holds
from dragonfly_task_operator.engine.tally import Mark, PeerSet, members
from dragonfly_task_operator.engine.views import Counts, View, count_peers
from dragonfly_task_operator.errors import OwnTrouble, PeerReason

LISTED = 100
"""Most entries of a list of a summary. A status shows fewer; who wants all goes through the ledger."""


@dataclass(frozen=True, slots=True)
class PeerFailure:
    """A failure and whose it is."""

    task: PlannedTask
    host: Host
    failed: Failed


@dataclass(slots=True)
class TaskSummary:
    """What is known of one task id.

    Attributes:
        had: the peers that had it when asked.
        holders: the first by hostname of those that have it: one at least, where there is any.
        holder_count: all of them.
        failing: the peers that failed.
        answers: how many peers have an outcome, and were asked lately.
    """

    task: PlannedTask
    counts: Counts
    had: PeerSet = 0
    holders: list[tuple[Host, Copy]] = field(default_factory=list)
    holder_count: int = 0
    failing: PeerSet = 0
    answers: int = 0
    held_up_by: OwnTrouble | None = None

    @property
    def is_answered(self) -> bool:
        """Whether all there is to know is known: there are peers, and each was asked."""
        return 0 < self.counts.total == self.answers


@dataclass(frozen=True, slots=True)
class ImageSummary:
    """How many peers had every config and layer of an image when asked, and how many had some, but not all."""

    planned: PlannedImage
    peers_with_all: int
    peers_with_some: int


@dataclass(slots=True)
class Summary:
    """What is known of a run.

    Attributes:
        counts: over all tasks.
        tasks: those to show: those cached anywhere first, then in the order of the targets.
        failures: the first of those of the tasks to show, by hostname.
        failure_count: all of them.
        reasons: why: a reason, how many failures, of how many peers, and the description of the first.
        settled, pairs: (task, peer) pairs settled, and all known.
        held_up_by: why some peers could not be asked so far, where that is the operator's own trouble.
    """

    counts: Counts
    tasks: list[TaskSummary]
    failures: list[PeerFailure]
    failure_count: int
    reasons: list[tuple[PeerReason, int, int, str]]
    settled: int
    pairs: int
    images: list[ImageSummary]
    held_up_by: OwnTrouble | None = None

    def failures_by_reason(self) -> list[tuple[PeerReason, int, str]]:
        """Count failures: (reason, how many, an example's description), the most frequent first."""
        reasons = sorted(self.reasons, key=lambda each: (-each[1], each[0]))
        return [(reason, count, example) for reason, count, _, example in reasons]

    def failing_peers(self) -> list[tuple[PeerReason, int]]:
        """Count the peers that failed for a reason, the most frequent first: one that is down fails with each task."""
        return sorted(((reason, peers) for reason, _, peers, _ in self.reasons), key=lambda each: (-each[1], each[0]))


def summarise(ledger: Ledger, *, is_complete: bool = False) -> Summary:
    """Fold a ledger.

    Args:
        ledger: what is known so far.
        is_complete: whether the run came to its own end: then a failure that might have passed is settled as well.
    """
    departed = ledger.set_of(ledger.departed)
    views = {task.id: View.of(ledger.tally(task.id), departed) for task in ledger.tasks}
    by_task = [_summarise_task(task, ledger, views[task.id]) for task in ledger.tasks]
    shown = _shown(by_task)
    _list_holders(ledger, shown)
    failures = [(summary.task, views[summary.task.id]) for summary in shown]
    failures.sort(key=lambda each: (each[0].target, each[0].id))
    return Summary(
        counts=count_peers(list(views.values()), ledger.everybody),
        tasks=shown,
        failures=_first_failures(ledger, failures),
        failure_count=sum(summary.failing.bit_count() for summary in shown),
        reasons=_reasons(ledger, failures),
        settled=sum((view.told & ~(0 if is_complete else view.pending)).bit_count() for view in views.values()),
        pairs=len(ledger.hosts) * len(ledger.tasks) - sum(view.left.bit_count() for view in views.values()),
        images=[_summarise_image(image, views) for image in ledger.images],
        held_up_by=next((summary.held_up_by for summary in by_task if summary.held_up_by), None),
    )


def _summarise_task(task: PlannedTask, ledger: Ledger, view: View) -> TaskSummary:
    return TaskSummary(
        task,
        count_peers([view], ledger.everybody),
        had=view.caching,
        holder_count=view.tally.of(Mark.HOLDING).bit_count(),
        failing=view.failing,
        answers=(view.told & ~view.waiting).bit_count(),
        held_up_by=next(_troubles(view), None),
    )


def _troubles(view: View) -> Iterator[OwnTrouble]:
    for index in members(view.waiting):
        outcome = view.tally.outcome(index)
        if isinstance(outcome, HeldUp):
            yield outcome.trouble


def _list_holders(ledger: Ledger, shown: Sequence[TaskSummary]) -> None:
    """List the first holders over all tasks, and of each task one that tells how large it is."""
    room = LISTED
    for summary in shown:
        tally = ledger.tally(summary.task.id)
        for index in ledger.first(tally.of(Mark.HOLDING), max(room, 1)):
            match tally.known(index):
                case Holds(copy):
                    summary.holders.append((ledger.host(index), copy))
        room -= min(room, len(summary.holders))


def _first_failures(ledger: Ledger, tasks: Sequence[tuple[PlannedTask, View]]) -> list[PeerFailure]:
    failing = 0
    for _, view in tasks:
        failing |= view.failing
    failures: list[PeerFailure] = []
    for index in ledger.first(failing, LISTED):
        for task, view in tasks:
            failure = _failure(view, index)
            if failure is not None:
                failures.append(PeerFailure(task, ledger.host(index), failure))
                if len(failures) == LISTED:
                    return failures
    return failures


def _reasons(ledger: Ledger, tasks: Sequence[tuple[PlannedTask, View]]) -> list[tuple[PeerReason, int, int, str]]:
    found = []
    for reason in PeerReason:
        count, peers = 0, 0
        for _, view in tasks:
            failing = view.tally.failing(reason) & ~view.left
            count += failing.bit_count()
            peers |= failing
        for index in ledger.first(peers, 1):
            failures = (_failure(view, index) for _, view in tasks)
            example = next(each.description for each in failures if each is not None and each.reason is reason)
            found.append((reason, count, peers.bit_count(), example))
    return found


def _failure(view: View, index: int) -> Failed | None:
    """Give a peer's failure, if it failed and has not left."""
    failed = view.tally.known(index)
    return failed if isinstance(failed, Failed) and not view.left >> index & 1 else None


def _summarise_image(planned: PlannedImage, views: Mapping[TaskID, View]) -> ImageSummary:
    some, all_ = 0, None
    for ids in planned.blobs:
        having = 0
        for id_ in ids:
            having |= views[id_].caching
        some |= having
        all_ = having if all_ is None else all_ & having
    complete = (all_ or 0).bit_count()
    return ImageSummary(planned, peers_with_all=complete, peers_with_some=some.bit_count() - complete)


def _shown(summaries: list[TaskSummary]) -> list[TaskSummary]:
    """Leave out candidate ids that nobody caches, but for the first of each subject.

    A candidate that a peer failed on is left out too when a shown one of the same subject failed there: a peer that is
    down is one failure, not one for each rule that an id can be made by.
    """
    subjects: dict[str, list[TaskSummary]] = {}
    for summary in summaries:
        subjects.setdefault(summary.task.subject, []).append(summary)
    shown: list[TaskSummary] = []
    for candidates in subjects.values():
        cached = [summary for summary in candidates if summary.counts.caching]
        chosen = cached or candidates[:1]
        failed_on = 0
        for summary in chosen:
            failed_on |= summary.failing
        for summary in candidates:
            if summary not in chosen and summary.failing & ~failed_on:
                chosen.append(summary)
                failed_on |= summary.failing
        shown.extend(chosen)
    return sorted(shown, key=lambda summary: (not summary.counts.caching, summary.task.target))
