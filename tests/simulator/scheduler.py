"""A Dragonfly scheduler: what it has heard of hosts and tasks, and nothing about what peers really have.

Everything is in memory, so a restart forgets it, and hosts come back only as each dfdaemon announces itself again. See
"Schedulers and hosts" in docs/dragonfly-behaviour.md.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from dragonfly_task_operator.protos_gen import common_pb2, scheduler_pb2
from tests.simulator import health
from tests.simulator.conditions import Conditions
from tests.simulator.endpoint import EMPTY, Endpoint, Handler, StatusError
from tests.simulator.faults import Fault
from tests.simulator.hosts import AnnouncedHost
from tests.simulator.sockets import Address
from tests.simulator.tasks import LocalTask, State

CALLS = ("list_hosts", "stat_task", "announce_host", "delete_host", "delete_task", "health")
CRASHING = frozenset({"StatFile", "StatImage", "PreheatFile", "PreheatImage"})
_SERVICE = "/scheduler.v2.Scheduler/"
_DFDAEMON_TIMEOUT_SECONDS = 10.0  # how long a dfdaemon waits for a scheduler


@dataclass(slots=True)
class KnownTask:
    """A task as this scheduler heard of it. It outlives the peers that had it, and so does its state."""

    task: LocalTask
    heard_at: Timestamp
    hosts: set[str] = field(default_factory=set)
    state: str = "Running"

    def is_on(self, host_id: str, state: State) -> None:
        """Hear that a host has some or all of it. Once one had it all, it has succeeded, whoever deletes it."""
        self.hosts.add(host_id)
        if state is State.CACHED:
            self.state = "Succeeded"

    def to_bytes(self) -> bytes:
        """Give `common.v2.Task`, as StatTask answers it. Schedulers leave `has_available_peer` unset."""
        task = self.task
        return common_pb2.Task(
            id=task.task_id,
            type=common_pb2.STANDARD,
            url=task.url,
            digest=task.digest,
            tag=task.tag,
            application=task.application,
            content_length=task.content_length,
            piece_count=-(-task.content_length // task.piece_length),
            size_scope=common_pb2.NORMAL,
            state=self.state,
            peer_count=len(self.hosts),
            created_at=self.heard_at,
            updated_at=self.heard_at,
        ).SerializeToString()


class Scheduler(Endpoint):
    """One scheduler. `hosts` are those that it lists, by id; `tasks` those that it has heard of, by id."""

    def __init__(self, *, address: Address, conditions: Conditions) -> None:
        super().__init__(address=address, conditions=conditions, calls=CALLS)
        self.hosts: dict[str, AnnouncedHost] = {}
        self.tasks: dict[str, KnownTask] = {}
        self._listed: dict[int | None, bytes] = {}

    # What it has heard

    def hears_of_host(self, host: AnnouncedHost) -> None:
        """Take an AnnounceHost."""
        self.hosts[host.host_id] = host
        self._listed.clear()

    def hears_of_task(self, task: LocalTask, host_id: str) -> None:
        """Take a peer's registration for a task; one from a host unknown here, or that does not share, is lost."""
        host = self.hosts.get(host_id)
        if host is None or not host.shares or not task.is_announced:
            return
        heard = Timestamp()
        heard.GetCurrentTime()
        self.tasks.setdefault(task.task_id, KnownTask(task, heard)).is_on(host_id, task.state)

    def forgets_hosts(self, host_ids: Iterable[str] | None = None) -> None:
        """List these hosts, or any, no more, until they announce themselves again."""
        for host_id in list(self.hosts if host_ids is None else host_ids):
            self.hosts.pop(host_id, None)
            for known in self.tasks.values():
                known.hosts.discard(host_id)
        self._listed.clear()

    async def restarts(self) -> None:
        """Start anew with nothing in memory; clients lose their connections."""
        await self.goes_down()
        self.forgets_hosts()
        self.tasks.clear()
        await self.comes_back()

    async def told_of_deletion(self, host_id: str, task_id: str) -> None:
        """Take a dfdaemon's DeleteTask. Raises StatusError, as the dfdaemon would see one over the wire."""
        if not self.is_serving:
            raise StatusError(grpc.StatusCode.UNAVAILABLE, "transport error")
        request = scheduler_pb2.DeleteTaskRequest(host_id=host_id, task_id=task_id)
        self.calls["delete_task"] += 1
        try:
            async with asyncio.timeout(_DFDAEMON_TIMEOUT_SECONDS):
                await self.struck("delete_task", request, self._delete_task, _NO_CALLER)
        except TimeoutError:
            raise StatusError(grpc.StatusCode.CANCELLED, "Timeout expired") from None

    # What it answers

    def _methods(self) -> Mapping[str, Handler]:
        return {
            _SERVICE + "ListHosts": self.unary("list_hosts", scheduler_pb2.ListHostsRequest, self._list_hosts),
            _SERVICE + "StatTask": self.unary("stat_task", scheduler_pb2.StatTaskRequest, self._stat_task),
            _SERVICE + "AnnounceHost": self.unary("announce_host", scheduler_pb2.AnnounceHostRequest, self._announce),
            _SERVICE + "DeleteHost": self.unary("delete_host", scheduler_pb2.DeleteHostRequest, self._delete_host),
            _SERVICE + "DeleteTask": self.unary("delete_task", scheduler_pb2.DeleteTaskRequest, self._delete_task),
            health.METHOD: health.health_handler(self),
        }

    def _kills(self, method: str) -> bool:
        """Without Redis and jobs these take the whole process down (docs/dragonfly-behaviour.md)."""
        return method.removeprefix(_SERVICE) in CRASHING

    def _prepared(self, fault: Fault, request: Any) -> Callable[[], None]:
        raise ValueError(f"a scheduler has no content: {fault.kind} is for peers")

    async def _list_hosts(self, request: scheduler_pb2.ListHostsRequest) -> bytes:
        wanted = request.type if request.HasField("type") else None
        listed = self._listed.get(wanted)
        if listed is None:
            hosts = (host.listed for host in self.hosts.values() if wanted in (None, host.type))
            listed = self._listed[wanted] = b"".join(hosts)
        return listed

    async def _stat_task(self, request: scheduler_pb2.StatTaskRequest) -> bytes:
        if not request.host_id:
            details = "invalid StatTaskRequest.HostId: value length must be at least 1 runes"
            raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, details)
        known = self.tasks.get(request.task_id)
        if known is None:
            raise StatusError(grpc.StatusCode.NOT_FOUND, f"task {request.task_id} not found")
        return known.to_bytes()

    async def _announce(self, request: scheduler_pb2.AnnounceHostRequest) -> bytes:
        self.hears_of_host(AnnouncedHost.of(request.host))
        return EMPTY

    async def _delete_host(self, request: scheduler_pb2.DeleteHostRequest) -> bytes:
        if request.host_id not in self.hosts:
            raise StatusError(grpc.StatusCode.NOT_FOUND, f"host {request.host_id} not found")
        self.forgets_hosts([request.host_id])
        return EMPTY

    async def _delete_task(self, request: scheduler_pb2.DeleteTaskRequest) -> bytes:
        if request.host_id not in self.hosts:
            raise StatusError(grpc.StatusCode.NOT_FOUND, f"host {request.host_id} not found")
        if known := self.tasks.get(request.task_id):
            known.hosts.discard(request.host_id)
        return EMPTY


class SchedulerRing:
    """The schedulers as dfdaemons see them: each task is the business of one, by consistent hashing.

    A dfdaemon goes on asking a scheduler that is down until it refreshes its list, minutes later; until then
    deletions of that scheduler's tasks answer an error.
    """

    def __init__(self, schedulers: Sequence[Scheduler]) -> None:
        self.all = schedulers
        self._available = list(schedulers)

    def of(self, task_id: str) -> Scheduler:
        """Give the scheduler of a task. Raises StatusError when dfdaemons see none."""
        if not self._available:
            raise StatusError(grpc.StatusCode.UNAVAILABLE, "available schedulers not found")
        return max(self._available, key=lambda each: _weight(each.target, task_id))

    def refreshes(self) -> None:
        """Let dfdaemons look again which schedulers answer."""
        self._available = [each for each in self.all if each.is_serving]


def _weight(target: str, task_id: str) -> bytes:
    return hashlib.blake2b(f"{target}|{task_id}".encode(), digest_size=8).digest()


class _NoCaller:
    def peer(self) -> NoReturn:
        raise StatusError(grpc.StatusCode.UNAVAILABLE, "connection reset by peer")


_NO_CALLER = _NoCaller()
