"""All that a run learned of its peers, in pages: a row for each peer that has something to tell, whatever the tasks.

Rows are made when they are asked for, and made again when they are asked for again: so no more than one page is ever
held beside the ledger, and the event loop is never kept for longer than some rows take.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dragonfly_task_operator.api.page import MAX_PAGE_BYTES, MAX_PAGES, MAX_ROWS, FailedTasks, Owner, Page, Row
from dragonfly_task_operator.api.room import most_bytes
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.ledger import Cleared, Failed, HeldUp, Holds, Ledger, known
from dragonfly_task_operator.engine.model import Absent, Host, HostID, PlannedImage
from dragonfly_task_operator.engine.summary import Summary
from dragonfly_task_operator.observability.redaction import cut, redact

DESCRIPTIONS = (1024, 256, 64)
"""Characters of a description: fewer where there would be more pages than a run may have."""

MAX_WORD = 512
"""Characters of what else a peer, or a scheduler, says of itself."""

MAX_TASKS = 5000
"""Tasks that are told of, those cached anywhere first. All pages list them, in the order of the status."""

MAX_ALONE = 4
"""Failures of a peer that are told one by one. Of more, those that are alike are told once, for all tasks."""

MAX_UNALIKE = 9
"""Failures of a peer that are told, then. Of more, the first for each reason is, for all tasks."""

FRAME_BYTES = 8 << 10
"""For what a page has besides tasks and rows."""

_OUTCOMES_AT_ONCE = 5000
_ROWS_AT_ONCE = 100
"""Before others get a turn: some milliseconds."""


@dataclass(slots=True)
class _Told:
    """What is to be told of a peer, by indexes into the tasks, in no order: a row is sorted when it is made.

    A peer has what it answered to have, until it answers otherwise: a deletion that failed took nothing away.
    """

    host: Host
    holds: list[int] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    failed: dict[int, Failed] = field(default_factory=dict)

    def add(self, task: int, outcome: Holds | Cleared | Failed | HeldUp) -> None:
        """Take note of an outcome. Of one that is held up, nothing else is known."""
        if isinstance(outcome, Failed):
            self.failed[task] = outcome
            if outcome.had_copy and not outcome.got_no_answer:
                self.holds.append(task)
        elif isinstance(outcome, Cleared):
            self.deleted.append(task)
        else:
            self.holds.append(task)


@dataclass(frozen=True, slots=True)
class Leaf:
    """What one page tells: rows, and the ids that these refer to by index."""

    tasks: Sequence[TaskID]
    rows: Sequence[Row]

    def page(self, of: Owner, *, run_key: str, run_id: str | None, page: int, pages: int, complete: bool) -> Page:
        """Make the page of this number, of so many that the object's run has."""
        return Page(
            of=of,
            run_key=run_key,
            run_id=run_id,
            page=page,
            pages=pages,
            complete=complete,
            rows=len(self.rows),
            tasks=list(self.tasks),
            peers=list(self.rows),
        )


class Pages:
    """The pages of a run that has ended, to whose ledger nothing is added. The same for the same answers.

    Attributes:
        omitted: peers that have something to tell, and no row.
    """

    def __init__(self, tasks: Sequence[TaskID], images: Sequence[PlannedImage], told: Sequence[_Told]) -> None:
        self.omitted = 0
        self._tasks, self._told = tasks, told
        self._blobs_of, self._blobs = _blobs(tasks, images)
        self._description = DESCRIPTIONS[0]
        self._ends: list[int] = []

    @classmethod
    async def of(cls, ledger: Ledger, summary: Summary) -> Pages:
        """Lay out the pages of a run: none where no peer has anything to tell."""
        tasks = [each.task.id for each in summary.tasks[:MAX_TASKS]]
        told = await _collect(ledger, {task: index for index, task in enumerate(tasks)})
        pages = cls(tasks, ledger.images, sorted(told, key=lambda each: (each.host.hostname, each.host.id)))
        for length in DESCRIPTIONS:
            await pages._lay_out(length)
            if not pages.omitted:
                break
        return pages

    def __len__(self) -> int:
        """How many pages there are."""
        return len(self._ends)

    async def leaf(self, page: int) -> Leaf:
        """Make what the page with this number, from 0, tells."""
        rows = []
        for n, told in enumerate(self._told[self._ends[page - 1] if page else 0 : self._ends[page]]):
            if n % _ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
            rows.append(self._row(told))
        return Leaf(self._tasks, rows)

    async def _lay_out(self, description: int) -> None:
        """Decide where pages end, with descriptions of at most so many characters."""
        self._description = description
        self._ends.clear()
        frame = FRAME_BYTES + most_bytes(self._tasks)
        size, first = frame, 0
        for n, told in enumerate(self._told):
            if n % _ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)
            needed = most_bytes(self._row(told).to_json()) + len(", ")
            if n - first == MAX_ROWS or size + needed > MAX_PAGE_BYTES:
                self._ends.append(n)
                if len(self._ends) == MAX_PAGES:
                    break
                size, first = frame, n
            size += needed
        else:
            if self._told:
                self._ends.append(len(self._told))
        self.omitted = len(self._told) - (self._ends[-1] if self._ends else 0)

    def _row(self, told: _Told) -> Row:
        host = told.host
        return Row(
            host_id=cut(host.id, MAX_WORD),
            hostname=cut(host.hostname, MAX_WORD),
            ip=cut(host.ip, MAX_WORD),
            host_type=host.type,
            scheduler_cluster_id=host.scheduler_cluster_id,
            client_version=None if host.client_version is None else cut(host.client_version, MAX_WORD),
            holds=sorted(told.holds) or None,
            deleted=sorted(told.deleted) or None,
            complete=self._share(told.holds) if self._blobs else None,
            failed=[
                FailedTasks(
                    task=first,
                    also=also or None,
                    reason=failed.reason,
                    description=cut(redact(failed.description), self._description) or "no description",
                    attempts=failed.attempts,
                    last_attempt_time=failed.at.replace(microsecond=0),
                )
                for failed, (first, *also) in _told_together(told.failed)
            ]
            or None,
        )

    def _share(self, holds: Sequence[int]) -> float:
        """Tell which share of the images' blobs a peer has: 1 only of all, and whatever the number of ids of a blob."""
        blobs = set().union(*(self._blobs_of[task] for task in holds if task in self._blobs_of))
        return math.floor(10_000 * len(blobs) / self._blobs) / 10_000


async def _collect(ledger: Ledger, indexes: dict[TaskID, int]) -> list[_Told]:
    """Go through a ledger once, and give the peers that have something to tell."""
    told: dict[HostID, _Told] = {}
    for n, (task, host, latest) in enumerate(ledger):
        if n % _OUTCOMES_AT_ONCE == 0:
            await asyncio.sleep(0)
        outcome = known(latest)
        if isinstance(outcome, Absent) or (isinstance(outcome, HeldUp) and not outcome.had_copy):
            continue
        index = indexes.get(task.id)
        if index is None or ledger.has_left(host.id, outcome):
            continue
        each = told.get(host.id)
        if each is None:
            each = told[host.id] = _Told(host)
        each.add(index, outcome)
    return list(told.values())


def _told_together(failed: Mapping[int, Failed]) -> list[tuple[Failed, list[int]]]:
    """Give each failure that is told, with the tasks that it is told of."""
    tasks = sorted(failed)
    if len(tasks) <= MAX_ALONE:
        return [(failed[task], [task]) for task in tasks]
    alike = _grouped(failed, tasks, lambda failure: (failure.reason, failure.description))
    return alike if len(alike) <= MAX_UNALIKE else _grouped(failed, tasks, lambda failure: failure.reason)


def _grouped(
    failed: Mapping[int, Failed], tasks: Sequence[int], key: Callable[[Failed], object]
) -> list[tuple[Failed, list[int]]]:
    groups: dict[object, tuple[Failed, list[int]]] = {}
    for task in tasks:
        failure = failed[task]
        of = key(failure)
        if of not in groups:
            groups[of] = (failure, [])
        groups[of][1].append(task)
    return list(groups.values())


def _blobs(tasks: Sequence[TaskID], images: Sequence[PlannedImage]) -> tuple[dict[int, set[int]], int]:
    """Give the blobs that each task is, by its index, and how many blobs there are: each once, whoever shares it."""
    blobs = dict.fromkeys(ids for image in images for ids in image.blobs)
    by_task: defaultdict[TaskID, set[int]] = defaultdict(set)
    for blob, ids in enumerate(blobs):
        for task in ids:
            by_task[task].add(blob)
    return {index: by_task[task] for index, task in enumerate(tasks) if task in by_task}, len(blobs)
