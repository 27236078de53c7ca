"""Requests to dfdaemons, on their upload port."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from dragonfly_task_operator.dragonfly.announced import trouble_of_address
from dragonfly_task_operator.dragonfly.channels import Endpoint
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.pacing import DEFAULT_REQUESTS_PER_SECOND, Paces
from dragonfly_task_operator.dragonfly.rpc import parse
from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.dragonfly.tls import RotatingCredentials
from dragonfly_task_operator.dragonfly.wire import Request, Wire
from dragonfly_task_operator.engine.crowd import Crowd
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import ABSENT, Cached, Downloading, FailedStart, Host, Presence
from dragonfly_task_operator.engine.ports import Mandate, Tell
from dragonfly_task_operator.errors import PeerError, PeerReason
from dragonfly_task_operator.observability.metrics import Metrics
from dragonfly_task_operator.observability.redaction import cut
from dragonfly_task_operator.protos_gen.dfdaemon_pb2 import (
    DeleteTaskRequest,
    StatLocalTaskRequest,
    StatLocalTaskResponse,
)

T = TypeVar("T")

STAT = "/dfdaemon.v2.DfdaemonUpload/StatLocalTask"
DELETE = "/dfdaemon.v2.DfdaemonUpload/DeleteTask"

_VACANT = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT})
"""What the other side, or the last router before it, answers where nobody is."""

_NEEDED = "StatLocalTask over TCP needs client 1.1.8 or newer"
"""DeleteTask was there before it (read in the client's sources)."""

TOLD_AT_ONCE = 16
"""Tasks that a dead peer was not asked about are told in portions: hundreds of peers may time out at one moment."""

KEPT_QUESTIONS = 16
"""Of runs that go at once."""

MAX_INT64 = (1 << 63) - 1
"""The API server takes no larger number: it would refuse the whole status."""


class GrpcPeers:
    """`engine.ports.Peers` over gRPC.

    With TLS, a peer's certificate must be issued for its IP address, unless the settings name another name.

    Args:
        wire: what carries requests and answers.
        memory: who was seen when; hears of every peer that answers, or does not.
        tls: credentials by the name of a cluster; plaintext where there are none.
        timeout: seconds for one request.
        in_flight: most peers that requests are under way to at once, over all objects.
        requests_per_second: most to one peer in any second, over all objects.
        metrics: where requests are counted.
        mandate: proved before each request; None where there is only one operator.

    Attributes:
        turns: who is being asked, and who is in line.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        memory: HostMemory,
        tls: Mapping[str, RotatingCredentials],
        timeout: float,
        in_flight: int,
        requests_per_second: int = DEFAULT_REQUESTS_PER_SECOND,
        metrics: Metrics | None = None,
        mandate: Mandate | None = None,
    ) -> None:
        self._mandate = mandate
        self._wire = wire
        self._memory = memory
        self._tls = tls
        self._timeout = timeout
        self.turns = Crowd(in_flight)
        self._paces = Paces(requests_per_second)
        self._metrics = metrics or Metrics()  # counted all the same, for nobody

    async def stat(self, host: Host, tasks: Sequence[TaskID], tell: Tell) -> None:
        """Ask a peer for its own copies of tasks.

        NOT_FOUND is the one answer that says that there is none. Of the three times in an answer, finished_at says
        cached and failed_at a failed start; with neither, a download goes on or has died (docs/dragonfly-behaviour.md).

        A peer that has answered nothing yet and can't be asked about one task is not asked about those that have not
        been sent off: an image has hundreds, each of which would wait as long in vain. They are told the same.

        Raises:
            OwnTrouble: those not told were not asked, or their answer is not known.
        """
        await self._ask(host, STAT, _questions(tuple(tasks)), presence_of, tell)

    async def delete(self, host: Host, task: TaskID) -> None:
        """Ask a peer to delete its copy.

        Raises:
            PeerError: the peer answered anything but OK, which proves nothing about the copy.
            OwnTrouble: it was not asked.
        """
        told: list[Empty | PeerError] = []
        request = DeleteTaskRequest(task_id=task).SerializeToString()
        await self._ask(host, DELETE, [(task, request)], _emptiness, lambda _, answer: told.append(answer))
        if isinstance(told[0], PeerError):
            raise told[0]

    async def _ask(
        self,
        host: Host,
        method: str,
        requests: Sequence[Request],
        read: Callable[[bytes | RpcError], T],
        tell: Callable[[TaskID, T | PeerError], None],
    ) -> None:
        """Send requests to a peer, and tell of each what came of it. Raises OwnTrouble.

        Args:
            host: the peer.
            method: what is asked.
            requests: all there are for it.
            read: gives what an answer says. Raises RpcError where it is a failure, or nothing that can be read.
            tell: told of every request, also of those not sent.
        """
        trouble = self._trouble_of_address(host)
        if trouble is not None:
            for task, _ in requests:
                tell(task, trouble)
            return
        hearing = _Hearing(host, self._memory)
        untold = dict.fromkeys(task for task, _ in requests)
        failure: PeerError | None = None
        name = method.rpartition("/")[2]

        def answered(task: TaskID, body: bytes | RpcError, seconds: float | None) -> bool:
            nonlocal failure
            del untold[task]
            hearing.hears(is_answer=not isinstance(body, RpcError) or body.is_answer)
            answer: T | PeerError
            code = body.code if isinstance(body, RpcError) else grpc.StatusCode.OK
            try:
                answer = read(body)
            except RpcError as error:
                code = error.code
                # Its traceback holds this frame, which holds it: see `GrpcWire.ask`.
                answer = failure = self._peer_error(host, error.with_traceback(None))
            self._metrics.rpc_ended(name, code.name, seconds)
            tell(task, answer)
            return hearing.has_hope

        async def ready() -> None:
            await self._paces.of(host.ip, host.port).turn()
            if self._mandate is not None:
                await self._mandate.proven()

        endpoint = Endpoint(host.ip, host.port, self._tls.get(host.cluster), host.ip)
        async with self.turns:
            try:
                await self._wire.ask(endpoint, method, requests, timeout=self._timeout, ready=ready, answered=answered)
            finally:
                hearing.ends()
            if hearing.is_silent:
                await self._note_silence(host)
        if failure is not None:
            await _tell_all(untold, failure, tell)

    async def _note_silence(self, host: Host) -> None:
        vacant = self._memory.is_unlisted(host) and await nobody_listens(host.ip, host.port, timeout=self._timeout)
        self._memory.silent(host, vacant=vacant)

    def _trouble_of_address(self, host: Host) -> PeerError | None:
        trouble = trouble_of_address(host.ip, host.port)
        if trouble is None:
            return None
        self._memory.silent(host, vacant=False)
        return PeerError(
            PeerReason.UNREACHABLE,
            f"the peer announces no address that it can be asked at: {cut(trouble, 128)}; correct host.ip in the"
            f" configuration of its dfdaemon, or its network ({self._memory.last_seen(host)})",
            retryable=False,
        )

    def _peer_error(self, host: Host, error: RpcError) -> PeerError:
        """Tell what a person needs besides: of a peer that is too old its version, of a dead one when it was last seen.

        A dead peer is listed for 15 minutes.
        """
        mapped = error.as_peer_error()
        if mapped.reason is PeerReason.UNIMPLEMENTED:
            announced = f"announced client {host.client_version}" if host.client_version else "announced no version"
            description = f"{mapped.description} ({_NEEDED}; this peer {announced})"
            return PeerError(mapped.reason, description, retryable=mapped.retryable)
        if mapped.reason not in {PeerReason.UNREACHABLE, PeerReason.TIMEOUT}:
            return mapped
        description = f"{mapped.description} ({self._memory.last_seen(host)})"
        return PeerError(mapped.reason, description, retryable=mapped.retryable)


@lru_cache(maxsize=KEPT_QUESTIONS)
def _questions(tasks: tuple[TaskID, ...]) -> tuple[Request, ...]:
    """Ask about tasks. Each peer of a run is asked the same: made anew for each, they would be a million."""
    return tuple((task, StatLocalTaskRequest(task_id=task).SerializeToString()) for task in tasks)


async def _tell_all(tasks: Iterable[TaskID], failure: PeerError, tell: Callable[[TaskID, T | PeerError], None]) -> None:
    for number, task in enumerate(tasks):
        if number % TOLD_AT_ONCE == 0:
            await asyncio.sleep(0)
        tell(task, failure)


class _Hearing:
    """What is heard of a peer while it is asked many things. Memory is told when that changes, and in the end."""

    __slots__ = ("_answered", "_host", "_is_news", "_memory", "is_silent")

    def __init__(self, host: Host, memory: HostMemory) -> None:
        self._host = host
        self._memory = memory
        self._answered = self._is_news = False
        self.is_silent = False

    def hears(self, *, is_answer: bool) -> None:
        """Take note of what came of one request."""
        self.is_silent = not is_answer
        if is_answer and not self._answered:
            self._answered = True
            self._memory.answered(self._host)  # what is said of it next should tell that
        else:
            self._is_news |= is_answer

    @property
    def has_hope(self) -> bool:
        """Whether it makes sense to ask more: not of one that has not answered anything yet, and can't be asked."""
        return self._answered or not self.is_silent

    def ends(self) -> None:
        """Take note of the last answer: of when it was, and of what has been listed since the first."""
        if self._is_news:
            self._memory.answered(self._host)


async def nobody_listens(ip: str, port: int, *, timeout: float) -> bool:
    """Try whether an address takes connections. A dfdaemon that hangs does: its kernel takes them.

    What fails on this side, for want of files for example, tells nothing of the other.
    """
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(ip, port)
    except TimeoutError:
        return True
    except OSError as error:
        return error.errno in _VACANT
    writer.close()
    return False


def presence_of(answer: bytes | RpcError) -> Presence:
    """Read what a peer says of a task. Raises RpcError: it says nothing of it."""
    if isinstance(answer, RpcError):
        if answer.is_not_found:
            return ABSENT
        raise answer
    told = StatLocalTaskResponse()
    parse(answer, told)
    kind = Cached if told.HasField("finished_at") else FailedStart if told.HasField("failed_at") else Downloading
    return kind(
        content_length=length(told.content_length) if told.HasField("content_length") else None,
        piece_length=length(told.piece_length) if told.HasField("piece_length") else None,
        created_at=moment(told.created_at) if told.HasField("created_at") else None,
        updated_at=moment(told.updated_at) if told.HasField("updated_at") else None,
    )


def _emptiness(answer: bytes | RpcError) -> Empty:
    """Read an answer that has nothing to say. Raises RpcError."""
    if isinstance(answer, RpcError):
        raise answer
    told = Empty()
    parse(answer, told)
    return told


def moment(timestamp: Timestamp) -> datetime | None:
    """Read a timestamp, to the second, in UTC. One that no calendar has is none: the rest of the answer counts."""
    try:
        return datetime.fromtimestamp(timestamp.seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def length(number: int) -> int | None:
    """Read a length; None for one that no status can hold."""
    return number if number <= MAX_INT64 else None
