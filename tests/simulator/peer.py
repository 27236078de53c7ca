"""A dfdaemon: what is really in its storage, and what it answers on its upload port.

The answers are those of docs/dragonfly-behaviour.md, "Answers and what they mean", traps included: storage is cleared
before the scheduler is told, an absent task is INTERNAL, and deleting under a running download does harm that no answer
shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import grpc

from dragonfly_task_operator.protos_gen import dfdaemon_pb2
from tests.simulator import health, hosts
from tests.simulator.conditions import Conditions
from tests.simulator.endpoint import EMPTY, Endpoint, Handler, StatusError
from tests.simulator.faults import Fault, FaultKind, Link
from tests.simulator.scheduler import SchedulerRing
from tests.simulator.sockets import Address
from tests.simulator.tasks import DEFAULT_CONTENT_LENGTH, DEFAULT_PIECE_LENGTH, LocalTask, State

CALLS = ("stat", "delete", "stat_task", "health")
_GOING_ON = (State.STARTING, State.DOWNLOADING)
_SERVICE = "/dfdaemon.v2.DfdaemonUpload/"


class DeleteRequest(NamedTuple):
    """A peer was asked to delete a task, whatever came of it."""

    hostname: str
    task_id: str


class Peer(Endpoint):
    """One dfdaemon.

    `tasks` is its storage, by task id. `hung_downloads` are tasks that were deleted under a running download: the
    harm that a deletion can do.
    """

    def __init__(
        self,
        *,
        hostname: str,
        address: Address,
        seed: bool,
        conditions: Conditions,
        ring: SchedulerRing,
        delete_requests: list[DeleteRequest],
    ) -> None:
        super().__init__(address=address, conditions=conditions, calls=CALLS)
        self.hostname = hostname
        self.is_seed = seed
        self.tasks: dict[str, LocalTask] = {}
        self.hung_downloads: set[str] = set()
        self._starting: dict[str, LocalTask] = {}  # these go on whatever becomes of the task
        self.disable_shared = False
        self.client_version: str | None = hosts.CLIENT_VERSION
        self.host_id = hosts.host_id(ip=address[0], hostname=hostname, seed=seed)
        self._ring = ring
        self._delete_requests = delete_requests
        self._requests_per_second = lambda: conditions.requests_per_second

    # What is on its disk

    def caches(
        self,
        task_id: str,
        *,
        content_length: int = DEFAULT_CONTENT_LENGTH,
        piece_length: int = DEFAULT_PIECE_LENGTH,
        state: State | str = State.CACHED,
        uploading: int = 0,
        url: str = "",
        tag: str | None = None,
        application: str | None = None,
    ) -> LocalTask:
        """Have this task, and let its scheduler know as dfdaemons do. Lengths are in bytes."""
        return self.stores(
            LocalTask(
                task_id=task_id,
                content_length=content_length,
                piece_length=piece_length,
                state=State(state),
                uploading=uploading,
                url=url,
                tag=tag,
                application=application,
            )
        )

    def downloads(
        self, task_id: str, *, finishes_after: float | None = None, content_length: int = DEFAULT_CONTENT_LENGTH
    ) -> LocalTask:
        """Be in the middle of a download, which finishes after so many seconds, or when told to (`finishes`)."""
        task = LocalTask(task_id=task_id, content_length=content_length, state=State.DOWNLOADING)
        return self.stores(task, finishes_after=finishes_after)

    def finishes(self, task_id: str) -> None:
        """Complete a download that is going on; one that hangs or was cut off stays as it is."""
        task = self._starting.pop(task_id, None) or self.tasks.get(task_id)
        if task is not None and task.state in _GOING_ON:
            self.stores(task.turned(State.CACHED))

    def stores(self, task: LocalTask, *, finishes_after: float | None = None) -> LocalTask:
        """Have this very task. Its scheduler hears of it when it is up and knows this host."""
        if finishes_after is not None:
            self._conditions.background.later(finishes_after, lambda: self.finishes(task.task_id))
        self.tasks[task.task_id] = task
        if task.state is State.STARTING:
            self._starting[task.task_id] = task
        if self._ring.all:
            scheduler = self._ring.of(task.task_id)
            if scheduler.is_serving:
                scheduler.hears_of_task(task, self.host_id)
        return task

    # Its life

    @property
    def announcement(self) -> hosts.AnnouncedHost:
        """What it tells schedulers of itself."""
        ip, port = self.address
        return hosts.host(
            ip=ip,
            hostname=self.hostname,
            port=port,
            seed=self.is_seed,
            disable_shared=self.disable_shared,
            version=self.client_version,
        )

    def announces(self) -> None:
        """Announce itself to every scheduler that is up, as a dfdaemon does when it starts and every few minutes."""
        announcement = self.announcement
        for scheduler in self._ring.all:
            if scheduler.is_serving:
                scheduler.hears_of_host(announcement)

    def disables_sharing(self) -> None:
        """Be configured with `disable_shared`: schedulers hear of no task that it has from now on."""
        self.disable_shared = True
        self.announces()

    def is_of_version(self, version: str | None) -> None:
        """Be of another version from now on, or tell none."""
        self.client_version = version
        self.announces()

    async def becomes(self, link: Link | str) -> None:
        """Change what there is at the address.

        Whoever stops serving has its downloads cut off; storage stays, and schedulers go on listing it. Whoever serves
        again announces itself.
        """
        await super().becomes(link)
        if self.is_serving:
            self.announces()
            return
        self._starting.clear()
        for task in list(self.tasks.values()):
            if task.state in _GOING_ON:
                self.tasks[task.task_id] = task.turned(State.ABANDONED)

    async def leaves(self) -> None:
        """Stop in good order: schedulers are told, and list it no more."""
        await self.goes_down()
        for scheduler in self._ring.all:
            scheduler.forgets_hosts([self.host_id])

    # Faults that only a peer can have; the rest are Endpoint's

    def keeps(self, *, times: int | None = None, task_id: str | None = None) -> Fault:
        """Answer OK to deletions and delete nothing."""
        return self.faults.add(Fault(FaultKind.KEEPS, "delete", times=times, task_id=task_id))

    def recaches(self, *, after_seconds: float = 0.0, times: int | None = None, task_id: str | None = None) -> Fault:
        """Have a task again so long after each deletion (0: before the deletion's answer)."""
        return self.faults.add(Fault(FaultKind.RECACHES, "delete", seconds=after_seconds, times=times, task_id=task_id))

    # What it answers

    def _methods(self) -> Mapping[str, Handler]:
        return {
            _SERVICE + "StatLocalTask": self.unary("stat", dfdaemon_pb2.StatLocalTaskRequest, self._stat),
            _SERVICE + "DeleteTask": self.unary(
                "delete", dfdaemon_pb2.DeleteTaskRequest, self._delete, asked=self._is_asked_to_delete
            ),
            # StatTaskRequest has the same fields; what it answers is of no use to anybody, which is why it is served.
            _SERVICE + "StatTask": self.unary("stat_task", dfdaemon_pb2.StatLocalTaskRequest, self._stat_task),
            health.METHOD: health.health_handler(self),
        }

    def _kills(self, method: str) -> bool:
        """A CacheTask call can abort a dfdaemon (docs/dragonfly-behaviour.md)."""
        return method.startswith(_SERVICE) and method.endswith("CacheTask")

    def _prepared(self, fault: Fault, request: Any) -> Callable[[], None]:
        task = self.tasks.get(request.task_id)

        def cache_again() -> None:
            if task is not None and task.task_id not in self.tasks:
                self.stores(task.turned(State.CACHED))

        return lambda: self._conditions.background.later(fault.seconds, cache_again)

    def _is_asked_to_delete(self, request: dfdaemon_pb2.DeleteTaskRequest) -> None:
        self._delete_requests.append(DeleteRequest(self.hostname, request.task_id))

    async def _stat(self, request: dfdaemon_pb2.StatLocalTaskRequest) -> bytes:
        task = self.tasks.get(request.task_id)
        if task is None:
            raise StatusError(grpc.StatusCode.NOT_FOUND, f"local task not found: {request.task_id}")
        return task.answer

    async def _delete(self, request: dfdaemon_pb2.DeleteTaskRequest) -> bytes:
        task_id = request.task_id
        task = self.tasks.pop(task_id, None)
        if task is None:
            raise StatusError(grpc.StatusCode.INTERNAL, f"task {task_id} not found")
        if task.state is State.DOWNLOADING:
            self.hung_downloads.add(task_id)
        try:
            await self._ring.of(task_id).told_of_deletion(self.host_id, task_id)
        except StatusError as status:  # the content is gone all the same
            details = f"status: {status.code.name}, message: {status.details}"
            raise StatusError(grpc.StatusCode.INTERNAL, details) from None
        return EMPTY

    async def _stat_task(self, request: dfdaemon_pb2.StatLocalTaskRequest) -> bytes:
        known = self._ring.of(request.task_id).tasks.get(request.task_id)
        if known is None:
            raise StatusError(grpc.StatusCode.INTERNAL, f"task {request.task_id} not found")
        return known.to_bytes()
