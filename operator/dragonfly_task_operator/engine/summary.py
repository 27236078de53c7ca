"""The fold: from a ledger to counts, bounded lists and a verdict's facts. Pure, and the same for the same answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.ledger import Cleared, Failed, HeldUp, Holds, Ledger, Outcome, known
from dragonfly_task_operator.engine.model import Copy, Host, HostID, PlannedImage, PlannedTask
from dragonfly_task_operator.errors import OwnTrouble, PeerReason


@dataclass(slots=True)
class Counts:
    """How many peers; each counted once, under the worst that is known of it.

    Those `gone` have left the cluster before they answered anything, and are in none of the others.
    """

    total: int = 0
    caching: int = 0
    deleted: int = 0
    already_absent: int = 0
    failed: int = 0
    unreachable: int = 0
    gone: int = 0
    held_up: int = 0

    def add(self, outcomes: Iterable[Outcome]) -> None:  # noqa: C901 - one branch for each outcome and each count
        """Count one peer by what it answered about some tasks."""
        caching = cleared = failed = unasked = held_up = False
        for outcome in outcomes:
            match known(outcome):
                case Failed(had_copy=had_copy) as failure:
                    caching |= had_copy
                    unasked |= failure.could_not_be_asked
                    failed |= not failure.could_not_be_asked
                case HeldUp(had_copy=had_copy):
                    caching |= had_copy
                    held_up = True
                case Cleared():
                    caching = cleared = True
                case Holds():
                    caching = True
        self.caching += caching
        if failed:
            self.failed += 1
        elif unasked:
            self.unreachable += 1
        elif held_up:
            self.held_up += 1
        elif cleared:
            self.deleted += 1
        elif not caching:
            self.already_absent += 1


@dataclass(frozen=True, slots=True)
class PeerFailure:
    """A failure and whose it is."""

    task: PlannedTask
    host: Host
    failed: Failed


@dataclass(slots=True)
class TaskSummary:
    """What is known of one task id. `had`: the peers that had it when asked; `answers`: peers with an outcome."""

    task: PlannedTask
    counts: Counts = field(default_factory=Counts)
    had: set[HostID] = field(default_factory=set)
    holders: list[tuple[Host, Copy]] = field(default_factory=list)
    failures: list[PeerFailure] = field(default_factory=list)
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
        failures: those of the tasks to show, sorted by hostname.
        settled, pairs: (task, peer) pairs settled, and all known.
        held_up_by: why some peers could not be asked so far, where that is the operator's own trouble.
    """

    counts: Counts
    tasks: list[TaskSummary]
    failures: list[PeerFailure]
    settled: int
    pairs: int
    images: list[ImageSummary]
    held_up_by: OwnTrouble | None = None

    def failures_by_reason(self) -> list[tuple[PeerReason, int, str]]:
        """Count failures: (reason, how many, an example's description), the most frequent first."""
        counter = Counter(failure.failed.reason for failure in self.failures)
        examples: dict[PeerReason, str] = {}
        for failure in self.failures:
            examples.setdefault(failure.failed.reason, failure.failed.description)
        return [
            (reason, count, examples[reason])
            for reason, count in sorted(counter.items(), key=lambda item: (-item[1], item[0]))
        ]


def summarise(ledger: Ledger, *, is_complete: bool = False) -> Summary:
    """Fold a ledger.

    Args:
        ledger: what is known so far.
        is_complete: whether the run came to its own end: then a failure that might have passed is settled as well.
    """
    by_task = [_summarise_task(task, ledger) for task in ledger.tasks]
    counts = Counts()
    tables = list(ledger.outcomes.values())
    settled = left = 0
    for host in ledger.hosts:
        told = [table[host] for table in tables if host in table]
        outcomes = [outcome for outcome in told if not ledger.has_left(host, outcome)] if ledger.departed else told
        left += len(told) - len(outcomes)
        if told and not outcomes:
            counts.gone += 1
            continue
        counts.total += 1
        settled += sum(is_complete or not _is_pending(outcome) for outcome in outcomes)
        if len(told) == len(tables) or any(isinstance(outcome, Failed | HeldUp) for outcome in outcomes):
            counts.add(outcomes)
    shown = _shown(by_task)
    failures = sorted(
        (failure for summary in shown for failure in summary.failures),
        key=lambda failure: (failure.host.hostname, failure.host.id, failure.task.target, failure.task.id),
    )
    had = {summary.task.id: summary.had for summary in by_task}
    return Summary(
        counts,
        shown,
        failures,
        settled,
        len(ledger.hosts) * len(ledger.tasks) - left,
        [_summarise_image(image, had) for image in ledger.images],
        next((summary.held_up_by for summary in by_task if summary.held_up_by), None),
    )


def _is_pending(outcome: Outcome) -> bool:
    return isinstance(outcome, HeldUp) or (isinstance(outcome, Failed) and outcome.retryable)


def _summarise_task(task: PlannedTask, ledger: Ledger) -> TaskSummary:
    summary = TaskSummary(task, Counts(total=len(ledger.hosts)))
    for host_id, outcome in ledger.outcomes[task.id].items():
        if ledger.has_left(host_id, outcome):
            summary.counts.total -= 1
            summary.counts.gone += 1
            continue
        summary.counts.add((outcome,))
        if isinstance(outcome, HeldUp):
            summary.held_up_by = outcome.trouble
        else:
            summary.answers += 1
        match known(outcome):
            case Holds(copy):
                summary.had.add(host_id)
                summary.holders.append((ledger.hosts[host_id], copy))
            case Cleared():
                summary.had.add(host_id)
            case HeldUp(had_copy=True):
                summary.had.add(host_id)
            case Failed() as failed:
                if failed.had_copy:
                    summary.had.add(host_id)
                summary.failures.append(PeerFailure(task, ledger.hosts[host_id], failed))
    summary.holders.sort(key=lambda holder: (holder[0].hostname, holder[0].id))
    return summary


def _summarise_image(planned: PlannedImage, had: Mapping[TaskID, set[HostID]]) -> ImageSummary:
    blobs_of = Counter(host for ids in planned.blobs for host in set().union(*(had[id_] for id_ in ids)))
    complete = sum(count == len(planned.blobs) for count in blobs_of.values())
    return ImageSummary(planned, peers_with_all=complete, peers_with_some=len(blobs_of) - complete)


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
        failed_on: set[HostID] = {failure.host.id for summary in chosen for failure in summary.failures}
        for summary in candidates:
            if summary not in chosen and any(failure.host.id not in failed_on for failure in summary.failures):
                chosen.append(summary)
                failed_on.update(failure.host.id for failure in summary.failures)
        shown.extend(chosen)
    return sorted(shown, key=lambda summary: (not summary.counts.caching, summary.task.target))
