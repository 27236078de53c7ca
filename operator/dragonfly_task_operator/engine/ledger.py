"""What is known of every (task, peer) pair of a run. Answers go in one by one; `summary.py` folds them."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import Absent, Host, HostID, PlannedImage, PlannedTask, TaskMetadata
from dragonfly_task_operator.engine.outcomes import Cleared, Failed, HeldUp, Holds, Outcome, known, merged
from dragonfly_task_operator.engine.tally import PeerSet, Tally, members
from dragonfly_task_operator.observability.redaction import redact

__all__ = ["Absent", "Cleared", "Failed", "HeldUp", "Holds", "Ledger", "Outcome", "known"]

MAX_SHARED = 4096
"""Outcomes that are alike and kept once. Most peers fetched the same thing."""

FEW = 200
"""Peers that are as well sorted as looked for among all."""


@dataclass(slots=True)
class Ledger:
    """The state of one run, kept in memory only. Not thread-safe: one event loop writes and reads it.

    Attributes:
        hosts: the peers; only `add_hosts` adds to them.
        departed: peers that could not be reached because they have left the cluster.
        deletions: the peers that were asked to delete a task, or were about to be, whatever they answered.
        first_deletion, last_deletion: when.
    """

    tasks: tuple[PlannedTask, ...]
    images: tuple[PlannedImage, ...] = ()
    hosts: dict[HostID, Host] = field(default_factory=dict)
    metadata: dict[TaskID, TaskMetadata] = field(default_factory=dict)
    silent_schedulers: tuple[str, ...] = ()
    schedulers: int = 0
    listing_notes: tuple[str, ...] = ()
    departed: frozenset[HostID] = frozenset()
    deletions: dict[TaskID, PeerSet] = field(default_factory=dict)
    first_deletion: datetime | None = None
    last_deletion: datetime | None = None
    _tallies: dict[TaskID, Tally] = field(default_factory=dict)
    _planned_urls: dict[TaskID, str | None] = field(default_factory=dict)
    _indexes: dict[HostID, int] = field(default_factory=dict)
    _ids: list[HostID] = field(default_factory=list)
    """By index."""
    _sorted: list[int] = field(default_factory=list)
    """Indexes in order of names; of a time when there may have been fewer."""
    _shared: dict[Outcome, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make room for every task."""
        self._tallies = {task.id: Tally() for task in self.tasks}
        self._planned_urls = {task.id: task.url for task in self.tasks}

    def add_hosts(self, hosts: Iterable[Host]) -> None:
        """Remember peers. One that schedulers no longer list stays: a restarted scheduler lists none for minutes."""
        for host in hosts:
            if host.id not in self.hosts:
                self._indexes[host.id] = len(self._ids)
                self._ids.append(host.id)
            self.hosts[host.id] = host

    def record(self, task: TaskID, host: HostID, outcome: Outcome) -> None:
        """Note an answer in the light of earlier ones about the same pair; URLs in it are redacted."""
        tally, index = self._tallies[task], self._indexes[host]
        if isinstance(outcome, Failed):
            description = redact(outcome.description, self._urls(task))
            if description != outcome.description:
                outcome = replace(outcome, description=description)
        before = tally.outcome(index)
        if before is not None:
            outcome = merged(before, outcome)
        if isinstance(outcome, Holds | Cleared):
            outcome = self._share(outcome)
        tally.put(index, outcome)

    def _share(self, outcome: Outcome) -> Outcome:
        if len(self._shared) >= MAX_SHARED:
            self._shared.clear()
        return self._shared.setdefault(outcome, outcome)

    def _urls(self, task: TaskID) -> Iterator[str]:
        """Give the URLs that a peer may know the task by."""
        metadata = self.metadata.get(task)
        return filter(None, (self._planned_urls[task], metadata.url if metadata else None))

    def note_deletion(self, task: TaskID, host: HostID, at: datetime) -> None:
        """Note that a peer is asked to delete a task."""
        self.deletions[task] = self.deletions.get(task, 0) | 1 << self._indexes[host]
        self.first_deletion = self.first_deletion or at
        self.last_deletion = at

    def has_left(self, host: HostID, outcome: Outcome) -> bool:
        """Whether there is nobody any more whose outcome this would be."""
        return host in self.departed and isinstance(outcome, Failed) and outcome.got_no_answer

    def outcome(self, task: TaskID, host: HostID) -> Outcome | None:
        """Give what is known of a pair; None where nothing is."""
        return self._tallies[task].outcome(self._indexes[host])

    def __iter__(self) -> Iterator[tuple[PlannedTask, Host, Outcome]]:
        """Go through every pair whose outcome is known and not that the peer has nothing."""
        for task in self.tasks:
            for index, outcome in self._tallies[task.id].but_absences():
                yield task, self.hosts[self._ids[index]], outcome

    # Sets of peers

    def tally(self, task: TaskID) -> Tally:
        """Give the outcomes of a task, as sets of peers."""
        return self._tallies[task]

    @property
    def everybody(self) -> PeerSet:
        """All peers."""
        return (1 << len(self._ids)) - 1

    def set_of(self, hosts: Iterable[HostID]) -> PeerSet:
        """Give some peers as a set."""
        peers = 0
        for host in hosts:
            peers |= 1 << self._indexes[host]
        return peers

    def hosts_in(self, peers: PeerSet) -> Iterator[Host]:
        """Give the peers in a set, in no order that means anything."""
        return (self.hosts[self._ids[index]] for index in members(peers))

    def first(self, peers: PeerSet, most: int) -> list[int]:
        """Give the indexes of the peers in a set that come first by hostname, at most so many.

        The time it takes does not follow how many there are, unless few of very many are.
        """
        if peers.bit_count() <= FEW:
            return heapq.nsmallest(most, members(peers), key=self._name)
        if len(self._sorted) != len(self._ids):
            self._sorted = sorted(range(len(self._ids)), key=self._name)
        bits = peers.to_bytes((len(self._ids) + 7) // 8, "little")
        found: list[int] = []
        for index in self._sorted:
            if bits[index >> 3] >> (index & 7) & 1:
                found.append(index)
                if len(found) >= most:
                    break
        return found

    def in_order(self, indexes: Iterable[int]) -> list[int]:
        """Sort indexes of peers by hostname."""
        return sorted(indexes, key=self._name)

    def host(self, index: int) -> Host:
        """Give the peer with this index."""
        return self.hosts[self._ids[index]]

    def _name(self, index: int) -> tuple[str, HostID]:
        host = self.hosts[self._ids[index]]
        return host.hostname, host.id

    async def pairs(self, chosen: Callable[[Tally], PeerSet]) -> dict[HostID, Sequence[TaskID]]:
        """List pairs by peer, giving way to others on the way. Nothing may be recorded meanwhile.

        Args:
            chosen: gives the peers to list for a task.
        """
        sets = []
        for task in self.tasks:
            sets.append(chosen(self._tallies[task.id]))
            await asyncio.sleep(0)
        by_all = self.everybody if sets else 0
        for peers in sets:
            by_all &= peers
        every = tuple(task.id for task in self.tasks)
        some: dict[HostID, list[TaskID]] = {}
        for task, peers in zip(self.tasks, sets, strict=True):
            if left := peers & ~by_all:
                for index in members(left):
                    some.setdefault(self._ids[index], []).append(task.id)
                await asyncio.sleep(0)
        return {**dict.fromkeys((self._ids[index] for index in members(by_all)), every), **some}
