"""A Dragonfly of plain objects behind the engine's ports: peers with copies and bad habits, on the event loop's time.

Nothing here knows gRPC. The loop's time is virtual (`pytest.mark.looptime`), so that hours of backoff take no time and
a test can say to the second when something happened.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from dragonfly_task_operator.api.specs import Spec, TaskDeletionSpec, TaskSearchSpec
from dragonfly_task_operator.api.status import Status
from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.fanout import TASKS_AT_ONCE, fan_out
from dragonfly_task_operator.engine.identity import Identity, TaskID
from dragonfly_task_operator.engine.ledger import Ledger
from dragonfly_task_operator.engine.model import (
    ABSENT,
    Cached,
    Copy,
    Downloading,
    Host,
    HostID,
    HostListing,
    HostType,
    Plan,
    PlannedTask,
    Presence,
    TaskMetadata,
)
from dragonfly_task_operator.engine.ports import Targets, Tell, Troubled
from dragonfly_task_operator.engine.report import NOTHING_CARRIED, Carried
from dragonfly_task_operator.engine.rounds import Rounds
from dragonfly_task_operator.engine.run import Means, Run
from dragonfly_task_operator.engine.verdict import Verdict
from dragonfly_task_operator.errors import PeerError, PeerReason, RunError

EPOCH = datetime(2026, 11, 24, tzinfo=UTC)
TASK = "a1" * 32
OTHER_TASK = "b2" * 32


def host(name: str, *, number: int = 1, cluster_id: int = 1) -> Host:
    return Host(f"10.0.0.{number}-{name}", name, f"10.0.0.{number}", 4000, HostType.NORMAL, cluster_id, "default")


def planned(task: TaskID = TASK, *, target: int = 0, identity: Identity = Identity.TASK_ID) -> PlannedTask:
    return PlannedTask(id=task, target=target, identity=identity, subject=str(target))


class LoopClock:
    """Wall-clock time that goes with the loop's."""

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())


@dataclass(slots=True)
class _Fault:
    call: str
    error: PeerError
    times: float
    skip: int
    after: bool


@dataclass(slots=True)
class FakePeer:
    """A dfdaemon. `asked` is every request: (seconds, call, task)."""

    host: Host
    appears_at: float = 0.0
    forgotten_at: float = math.inf
    leaves_at: float = math.inf
    asked: list[tuple[float, str, TaskID]] = field(default_factory=list)
    _copies: dict[TaskID, Copy] = field(default_factory=dict)
    _finish: dict[TaskID, float] = field(default_factory=dict)
    _faults: list[_Fault] = field(default_factory=list)
    _gone: set[TaskID] = field(default_factory=set)
    _recaches: float = 0
    _keeps: bool = False

    # What there is, and what goes wrong

    def caches(self, task: TaskID = TASK, copy: Copy | None = None) -> FakePeer:
        self._copies[task] = copy or Cached()
        return self

    def downloads(self, task: TaskID = TASK, *, until: float = math.inf) -> FakePeer:
        self._copies[task] = Downloading()
        self._finish[task] = until
        return self

    def fails(
        self,
        call: str,
        reason: PeerReason = PeerReason.UNREACHABLE,
        description: str = "connection refused",
        *,
        retryable: bool = True,
        times: float = math.inf,
        skip: int = 0,
        after: bool = False,
    ) -> FakePeer:
        """So many `times`, not counting the first few to `skip`. `after`: the call has done its work by then."""
        self._faults.append(_Fault(call, PeerError(reason, description, retryable=retryable), times, skip, after))
        return self

    def recaches(self, *, times: float = math.inf) -> FakePeer:
        """Once the peer has said that a deleted task is gone, it fetches it again, so many times."""
        self._recaches = times
        return self

    def leaves(self, *, at: float = 0.0) -> FakePeer:
        """From then on it is known to have left the cluster, for as long as it does not answer."""
        self.leaves_at = at
        return self

    def keeps(self) -> FakePeer:
        """Answers OK to deletions and deletes nothing."""
        self._keeps = True
        return self

    # What is true

    def holds(self, task: TaskID = TASK) -> bool:
        return task in self._copies

    def times_asked(self, call: str) -> list[float]:
        return [at for at, asked, _ in self.asked if asked == call]

    # What it answers

    def stat(self, task: TaskID) -> Presence:
        fault = self._meets("stat", task)
        if fault:
            raise fault.error
        if self._finish.get(task, math.inf) <= asyncio.get_running_loop().time():
            self._copies[task] = Cached()
        copy = self._copies.get(task)
        if copy is not None:
            return copy
        if task in self._gone and self._recaches > 0:
            self._recaches -= 1
            self._copies[task] = Cached()
        self._gone.discard(task)
        return ABSENT

    def delete(self, task: TaskID) -> None:
        fault = self._meets("delete", task)
        if (fault is None or fault.after) and not self._keeps:
            del self._copies[task]
            self._finish.pop(task, None)
            self._gone.add(task)
        if fault:
            raise fault.error

    def _meets(self, call: str, task: TaskID) -> _Fault | None:
        self.asked.append((asyncio.get_running_loop().time(), call, task))
        for fault in self._faults:
            if fault.call == call and fault.skip > 0:
                fault.skip -= 1
            elif fault.call == call and fault.times > 0:
                fault.times -= 1
                return fault
        return None


class ByTaskID:
    """`engine.ports.Targets` for targets that are ids."""

    async def resolve(self, targets: Sequence[Target], *, namespace: str, troubled: Troubled) -> Plan:
        return Plan(tuple(planned(target.task_id or "", target=index) for index, target in enumerate(targets)))


@dataclass
class World:
    """Peers and schedulers. Each of `peers` answers after `latency` seconds."""

    latency: float = 0.0
    targets: Targets = field(default_factory=ByTaskID)
    parallelism: int = 256
    metadata_of: dict[TaskID, TaskMetadata] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    schedulers: int = 1
    listed_at: list[float] = field(default_factory=list)
    most_in_flight: int = 0
    most_in_flight_to_one: int = 0
    _peers: dict[str, FakePeer] = field(default_factory=dict)
    _trouble: RunError | None = None
    _trouble_left: float = 0
    _trouble_from: float = 0
    _in_flight: Counter[str] = field(default_factory=Counter)

    # What there is, and what goes wrong

    def peer(
        self, name: str, *, appears_at: float = 0.0, forgotten_at: float = math.inf, cluster_id: int = 1
    ) -> FakePeer:
        """Give the peer of this name; the first time, make it. Schedulers list it from one time to the other."""
        if name not in self._peers:
            number = len(self._peers) + 1
            self._peers[name] = FakePeer(host(name, number=number, cluster_id=cluster_id), appears_at, forgotten_at)
        return self._peers[name]

    def schedulers_fail(self, error: RunError | None, *, times: float = math.inf, since: float = 0) -> None:
        """So many `times`, `since` then. With no error they list nobody."""
        self._trouble, self._trouble_left, self._trouble_from = error, times, since

    def schedulers_list_nobody(self, *, times: float = math.inf) -> None:
        self.schedulers_fail(None, times=times)

    # What is done to it

    def means(self) -> Means:
        return Means(self.targets, self, self, LoopClock(), parallelism=self.parallelism, jitter=lambda: 0.0)

    def run(self, spec: Spec, *, carried: Carried = NOTHING_CARRIED) -> Run:
        return Run(spec, "default", self.means(), LoopClock().now(), carried)

    def search(self, *tasks: TaskID, **spec: Any) -> Run:
        return self.run(TaskSearchSpec.model_validate({"targets": _targets(tasks), **spec}))

    def deletion(self, *tasks: TaskID, carried: Carried = NOTHING_CARRIED, **spec: Any) -> Run:
        return self.run(TaskDeletionSpec.model_validate({"targets": _targets(tasks), **spec}), carried=carried)

    def rounds(self, *tasks: TaskID, clusters: frozenset[int] | None = None) -> Rounds:
        ledger = Ledger(tuple(planned(task, target=index) for index, task in enumerate(tasks or (TASK,))))
        means = self.means()
        return Rounds(ledger, self, self, means.clock, means.jitter, clusters, self.parallelism, means.crowd)

    # The ports

    async def hosts(self) -> HostListing:
        now = asyncio.get_running_loop().time()
        self.listed_at.append(now)
        if self._trouble_left > 0 and now >= self._trouble_from:
            self._trouble_left -= 1
            if self._trouble is not None:
                raise self._trouble
            return HostListing((), (), self.schedulers)
        listed = tuple(peer.host for peer in self._peers.values() if peer.appears_at <= now < peer.forgotten_at)
        return HostListing(listed, self.silent, self.schedulers)

    def departed(self, hosts: Iterable[Host]) -> frozenset[HostID]:
        now = asyncio.get_running_loop().time()
        return frozenset(host.id for host in hosts if self._peers[host.hostname].leaves_at <= now)

    async def metadata(self, task: TaskID) -> TaskMetadata | None:
        return self.metadata_of.get(task)

    async def stat(self, host: Host, tasks: Sequence[TaskID], tell: Tell) -> None:
        async def ask(task: TaskID) -> None:
            try:
                answer: Presence | PeerError = await self.look(host, task)
            except PeerError as error:
                answer = error
            tell(task, answer)

        await fan_out(tasks, ask, at_once=TASKS_AT_ONCE)

    async def look(self, host: Host, task: TaskID) -> Presence:
        """Answer for one task."""
        await self._travel(host)
        return self._peers[host.hostname].stat(task)

    async def delete(self, host: Host, task: TaskID) -> None:
        await self._travel(host)
        self._peers[host.hostname].delete(task)

    async def _travel(self, host: Host) -> None:
        self._in_flight[host.hostname] += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight.total())
        self.most_in_flight_to_one = max(self.most_in_flight_to_one, self._in_flight[host.hostname])
        await asyncio.sleep(self.latency)
        self._in_flight[host.hostname] -= 1


def _targets(tasks: Sequence[TaskID]) -> list[dict[str, str]]:
    return [{"taskID": task} for task in tasks or (TASK,)]


async def end_of(run: Run) -> tuple[Status, Verdict]:
    """Execute a run; give the results and the verdict."""
    verdict = await run.execute()
    return run.snapshot()[0], verdict


def now() -> float:
    """Seconds since the test began."""
    return asyncio.get_running_loop().time()
