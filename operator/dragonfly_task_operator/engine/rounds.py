"""One round of a run: learn who the peers are, then ask the ones that are due about the tasks that are due."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from dragonfly_task_operator.engine.clearing import Note
from dragonfly_task_operator.engine.crowd import Crowd
from dragonfly_task_operator.engine.fanout import TASKS_AT_ONCE, fan_out
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.lateness import Lateness
from dragonfly_task_operator.engine.ledger import HeldUp, Ledger, Outcome
from dragonfly_task_operator.engine.model import Host, HostID, PlannedTask
from dragonfly_task_operator.engine.ports import Clock, Peers, Schedulers
from dragonfly_task_operator.engine.tally import Mark
from dragonfly_task_operator.errors import NoPeersKnown, NoSchedulerReachable, OwnTrouble, RunError

T = TypeVar("T")

Ask: TypeAlias = Callable[[Host, Sequence[TaskID], Note], Awaitable[None]]
"""Asks a peer about tasks, and notes what came of each. May raise OwnTrouble, which came of those not noted."""

Pairs: TypeAlias = Mapping[HostID, Sequence[TaskID]]
"""Whom to ask about what. Peers to be asked about every task share one list of them."""

ListPairs: TypeAlias = Callable[[], Awaitable[Pairs]]

Jitter = Callable[[], float]
"""Gives a number from 0 to 1."""

RETRIES_OF_DEPARTED = 2
"""Rounds for a peer that seems to have left: one that restarts where it was is off the lists for some seconds."""

FIRST_BACKOFF = 0.5
MAX_BACKOFF = 30.0
OWN_ROUNDS = 3
"""The pauses while this process is in trouble grow no longer than before this round, 4 s: it mostly passes soon."""


def backoff(round_: int, jitter: Jitter) -> float:
    """Seconds to wait before retry round `round_`, counted from 0: exponential, capped, jittered downwards by half."""
    # 2**16 seconds is far above the cap, and keeps the float small whatever the round.
    return float(min(FIRST_BACKOFF * 2 ** min(round_, 16), MAX_BACKOFF)) * (1 - jitter() / 2)


def own_backoff(round_: int, jitter: Jitter) -> float:
    """Seconds to wait before trying again what this process's own trouble held up `round_` times before."""
    return backoff(min(round_, OWN_ROUNDS), jitter)


def these(pairs: Pairs) -> ListPairs:
    """List pairs that are known already."""

    async def listed() -> Pairs:
        return pairs

    return listed


def ignore(trouble: OwnTrouble) -> None:
    """Count own trouble for nobody."""


@dataclass(slots=True)
class Rounds:
    """The means of a run, and its rounds.

    Attributes:
        scheduler_cluster_ids: only peers of these; None for all.
        parallelism: most peers asked at once.
        crowd: how many objects may fan out at once; all others wait in line.
        trouble: why no round could be held lately, if none could.
        is_in_line: whether it has yet to be this run's turn for the first time.
        was_late: whether this process was late itself when it asked peers last.
        count_own: told of each request that this process could not make.
    """

    ledger: Ledger
    peers: Peers
    schedulers: Schedulers
    clock: Clock
    jitter: Jitter
    scheduler_cluster_ids: frozenset[int] | None
    parallelism: int
    crowd: Crowd
    trouble: RunError | None = None
    is_in_line: bool = False
    was_late: bool = False
    count_own: Callable[[OwnTrouble], None] = ignore

    async def learn_hosts(self) -> list[Host]:
        """List hosts on every scheduler, until there are any. Returns those that are new to this run."""
        return await self._once_there_are_hosts(self._list_hosts_if_able)

    async def _once_there_are_hosts(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what needs hosts, again until there are any.

        Never gives up: the run's deadline ends it. `trouble` says meanwhile what is wrong.
        """
        round_ = 0
        while True:
            try:
                return await work()
            except (NoSchedulerReachable, NoPeersKnown) as trouble:
                self.trouble = trouble
            await asyncio.sleep(backoff(round_, self.jitter))
            round_ += 1

    async def _list_hosts_if_able(self) -> list[Host]:
        """List hosts once, as soon as this process can. Raises NoSchedulerReachable, NoPeersKnown."""
        waits = 0
        while True:
            try:
                new = await self._list_hosts()
            except OwnTrouble as trouble:
                self.trouble = trouble
                self.count_own(trouble)
                await asyncio.sleep(own_backoff(waits, self.jitter))
                waits += 1
            else:
                self.trouble = None
                return new

    async def _list_hosts(self) -> list[Host]:
        listing = await self.schedulers.hosts()
        ledger = self.ledger
        ledger.silent_schedulers, ledger.schedulers = listing.silent, listing.schedulers
        ledger.listing_notes = listing.notes
        wanted = self.scheduler_cluster_ids
        hosts = [host for host in listing.hosts if wanted is None or host.scheduler_cluster_id in wanted]
        new = [host for host in hosts if host.id not in ledger.hosts]
        ledger.add_hosts(hosts)
        if not ledger.hosts:
            raise NoPeersKnown("; ".join((_no_peers(listing.hosts, wanted), *listing.notes)))
        return new

    async def ask_everyone(self, ask: Ask) -> None:
        """Hold the first round: every peer about every task, and meanwhile the schedulers about what they know.

        Hosts are learnt when it is this run's turn: while a thousand runs wait in line, none of them knows ten thousand
        hosts. Where there are none to learn, the turn goes to the next until it is tried again.
        """
        learning: asyncio.Task[None] | None = None

        async def learn_and_list() -> Pairs:
            nonlocal learning
            self.is_in_line = False
            await self._list_hosts_if_able()
            learning = asyncio.get_running_loop().create_task(self._learn_metadata())
            return self.pairs_of(self.ledger.hosts)

        async def wait_and_hold() -> None:
            self.is_in_line = True
            await self.hold(learn_and_list, ask)

        try:
            await self._once_there_are_hosts(wait_and_hold)
            if learning is not None:
                await learning
        finally:
            if learning is not None:
                learning.cancel()
                await asyncio.wait({learning})

    async def _learn_metadata(self) -> None:
        """Ask the schedulers what they know of each task. What they don't know stays unknown."""

        async def learn(task: PlannedTask) -> None:
            waits = 0
            while True:
                try:
                    metadata = await self.schedulers.metadata(task.id)
                except OwnTrouble as trouble:
                    self.count_own(trouble)
                    await asyncio.sleep(own_backoff(waits, self.jitter))
                    waits += 1
                    continue
                if metadata is not None:
                    self.ledger.metadata[task.id] = metadata
                return

        await fan_out(self.ledger.tasks, learn, at_once=TASKS_AT_ONCE)

    def pairs_of(self, hosts: Iterable[HostID]) -> Pairs:
        """Every task, for these hosts."""
        ids = tuple(task.id for task in self.ledger.tasks)
        return dict.fromkeys(hosts, ids)

    async def hold(self, pairs: ListPairs, ask: Ask) -> None:
        """Ask these peers about these tasks and note what they answer.

        Peers that could not be asked because of this process are asked until they have been: what it is short of says
        nothing of them. The run's deadline ends that.

        Args:
            pairs: gives whom to ask about what. It is called when it is this run's turn: while a thousand runs wait in
                line, none of them has a list of its pairs.
            ask: asks one peer.
        """
        waits = 0
        self.was_late = False
        while left := await self._ask_once(pairs, ask):
            await asyncio.sleep(own_backoff(waits, self.jitter))
            waits += 1
            pairs = these(left)

    async def _ask_once(self, pairs: ListPairs, ask: Ask) -> Pairs:
        """Ask each peer once. Returns what it was not asked about because of this process."""
        left: dict[HostID, Sequence[TaskID]] = {}

        async def visit(item: tuple[HostID, Sequence[TaskID]]) -> None:
            host, tasks = self.ledger.hosts[item[0]], item[1]
            noted: set[TaskID] = set()
            held_up: list[TaskID] = []
            counted: OwnTrouble | None = None

            def note(task: TaskID, outcome: Outcome) -> None:
                nonlocal counted
                noted.add(task)
                if isinstance(outcome, HeldUp):
                    held_up.append(task)
                    if outcome.trouble is not counted:
                        counted = outcome.trouble
                        self.count_own(counted)
                self.ledger.record(task, host.id, outcome)

            try:
                await ask(host, tasks, note)
            except OwnTrouble as trouble:
                for task in tasks:
                    if task not in noted:
                        note(task, HeldUp(trouble))
            if held_up:
                left[host.id] = held_up

        async with self.crowd:
            due = list((await pairs()).items())
            with Lateness() as lateness:
                await fan_out(due, visit, at_once=self.parallelism)
        self.was_late |= lateness.was_late
        self._note_departed()
        return left

    async def confirm_departed(self) -> Pairs:
        """List hosts once more where peers seem to have left the cluster. Returns the pairs to ask for on that account.

        Those are of peers that have come back, or are new. Where no scheduler answers now, nobody has left.
        """
        before = self.ledger.departed
        if not before:
            return {}
        try:
            new = await self._list_hosts_if_able()
        except (NoSchedulerReachable, NoPeersKnown):
            self.ledger.departed = frozenset()
            return {}
        self._note_departed()
        back = self.ledger.set_of(before - self.ledger.departed)
        due = await self.ledger.pairs(lambda tally: tally.of(Mark.SILENT) & back)
        return {**due, **self.pairs_of(host.id for host in new)}

    def _note_departed(self) -> None:
        """Tell the peers that have left the cluster from those that can't be reached."""
        ledger = self.ledger
        silent = 0
        for task in ledger.tasks:
            silent |= ledger.tally(task.id).of(Mark.SILENT)
        departed = self.schedulers.departed(ledger.hosts_in(silent))
        # A result needs somebody who gave it.
        ledger.departed = departed if len(departed) < len(ledger.hosts) else frozenset()


def _no_peers(listed: Sequence[Host], wanted: frozenset[int] | None) -> str:
    if listed and wanted is not None:
        known = sorted({host.scheduler_cluster_id for host in listed})
        return (
            f"no peer belongs to spec.schedulerClusterIDs {sorted(wanted)}; the schedulers list peers of"
            f" {known}: correct the ids"
        )
    return (
        "the schedulers list no peers, which is no proof that nothing is cached (a restarted scheduler lists none"
        " until they announce themselves again, within 5 minutes); check that dfdaemons run and reach the schedulers"
    )
