"""One run of one object, from its spec to a verdict."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from dragonfly_task_operator.api.specs import Spec, TaskDeletionSpec, UnreachablePeers, deletes
from dragonfly_task_operator.api.status import Status
from dragonfly_task_operator.engine import verdict
from dragonfly_task_operator.engine.census import census
from dragonfly_task_operator.engine.crowd import Crowd
from dragonfly_task_operator.engine.deleting import DeletionPolicy, delete
from dragonfly_task_operator.engine.ledger import Ledger
from dragonfly_task_operator.engine.noting import NotedPeers
from dragonfly_task_operator.engine.pages import Pages
from dragonfly_task_operator.engine.ports import Clock, Peers, Schedulers, Targets
from dragonfly_task_operator.engine.report import NOTHING_CARRIED, Carried, results
from dragonfly_task_operator.engine.rounds import Jitter, Rounds, ignore
from dragonfly_task_operator.engine.searching import search
from dragonfly_task_operator.engine.summary import Summary, summarise
from dragonfly_task_operator.engine.unlooked import require_known
from dragonfly_task_operator.engine.verdict import Verdict
from dragonfly_task_operator.errors import OwnTrouble, RunError


@dataclass(frozen=True, slots=True)
class Means:
    """What every run of an operator shares.

    Attributes:
        parallelism: most peers asked at once for one object whose spec does not say.
        most_at_once: most peers asked at once for one object, whatever its spec says.
        crowd: how many objects may fan out at once.
        count_own: told of each request that was not made because of this process or its node.
    """

    targets: Targets
    schedulers: Schedulers
    peers: Peers
    clock: Clock
    parallelism: int = 256
    most_at_once: int = 2000
    crowd: Crowd = field(default_factory=Crowd)
    jitter: Jitter = random.random
    count_own: Callable[[OwnTrouble], None] = ignore


@dataclass(slots=True)
class Run:
    """A run. `execute` once; `snapshot` at any time.

    Attributes:
        started: when the run began, maybe in an operator that is gone: its deadline counts from there.
        carried: what that operator had written.
    """

    spec: Spec
    namespace: str
    means: Means
    started: datetime
    carried: Carried = NOTHING_CARRIED
    _rounds: Rounds | None = None
    _trouble: RunError | None = None
    _timeout: asyncio.Timeout | None = None
    _before: float = 0.0
    _began: float | None = None
    _last: Summary | None = None
    """The fold of a run that has ended: the verdict and the last snapshot are made of the same."""

    async def execute(self) -> Verdict:
        """Do the work. Whatever happens to peers and schedulers, a verdict comes out.

        Raises:
            asyncio.CancelledError: the run was cancelled: its object was deleted, edited, or suspended.
        """
        self._before = max((self.means.clock.now() - self.started).total_seconds(), 0)
        self._began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._seconds_left()) as self._timeout:
                ledger = await self._work()
        except RunError as error:
            return verdict.stopped_by(error)
        except TimeoutError:
            rounds = self._rounds
            self._last = summarise(self.ledger)
            if rounds is None:
                return verdict.out_of_time(self.spec, self._last, self._trouble)
            return verdict.out_of_time(self.spec, self._last, rounds.trouble, is_in_line=rounds.is_in_line)
        self._last = summarise(ledger, is_complete=True)
        return verdict.judge(self.spec, ledger, self._last, carried=self.carried)

    def adopt(self, spec: Spec) -> None:
        """Go on with an edited spec that asks for the same work: a new deadline counts at once, the rest later."""
        self.spec = spec
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds_left())

    def elapsed(self) -> float:
        """Seconds since the run began; never negative, and in this process by a clock that nobody sets.

        What passed before is told by the wall clocks of two processes. Where the earlier one was ahead, nothing did.
        """
        return self._before + (0 if self._began is None else asyncio.get_running_loop().time() - self._began)

    def _seconds_left(self) -> float:
        return max(self.spec.active_deadline_seconds - self.elapsed(), 0)

    async def _work(self) -> Ledger:
        spec, means = self.spec, self.means
        plan = await means.targets.resolve(spec.targets, namespace=self.namespace, troubled=self._note)
        if isinstance(spec, TaskDeletionSpec):
            require_known(plan.images)
        ledger = Ledger(plan.tasks, plan.images)
        self._rounds = rounds = Rounds(
            ledger=ledger,
            peers=NotedPeers(means.peers, ledger, means.clock) if deletes(spec) else means.peers,
            schedulers=means.schedulers,
            clock=means.clock,
            jitter=means.jitter,
            scheduler_cluster_ids=(
                None if spec.scheduler_cluster_ids is None else frozenset(spec.scheduler_cluster_ids)
            ),
            parallelism=min(spec.parallelism or means.parallelism, means.most_at_once),
            crowd=means.crowd,
            count_own=means.count_own,
        )
        if not plan.tasks:
            return ledger  # every part of every image is kept: there is nothing to ask anybody about
        if deletes(spec):
            await delete(
                rounds,
                DeletionPolicy(backoff_limit=spec.backoff_limit, unfinished_downloads=spec.unfinished_downloads),
            )
        else:
            await search(rounds)
        return ledger

    def _note(self, trouble: RunError | None) -> float:
        self._trouble = trouble
        if isinstance(trouble, OwnTrouble):
            self.means.count_own(trouble)
        return self._seconds_left()

    @property
    def ledger(self) -> Ledger:
        """What is known; nothing, as long as the run has no tasks."""
        return self._rounds.ledger if self._rounds else Ledger(())

    async def pages(self) -> Pages:
        """Lay out what is known of every peer. Only once the run has ended: nothing may be learned meanwhile."""
        return await Pages.of(self.ledger, self._last or summarise(self.ledger))

    def census(self) -> Counter[tuple[str, str]]:
        """Count what became of each peer. Only once the run has ended."""
        if self._rounds is None:
            return Counter()
        return census(self._rounds.ledger, cleared_before=self.carried.peers if deletes(self.spec) else 0)

    def snapshot(self) -> tuple[Status, Verdict]:
        """Tell what is known now: the results, and how far the run is."""
        rounds = self._rounds
        if rounds is None:
            return Status(), verdict.resolving(self._trouble)
        summary = self._last or summarise(rounds.ledger)
        return (
            results(
                rounds.ledger,
                summary,
                deleting=deletes(self.spec),
                ignoring_unreachable=(
                    isinstance(self.spec, TaskDeletionSpec) and self.spec.unreachable_peers is UnreachablePeers.IGNORE
                ),
                carried=self.carried,
            ),
            verdict.progress(self.spec, rounds.ledger, summary, rounds.trouble, is_in_line=rounds.is_in_line),
        )
