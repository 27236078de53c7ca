"""Requests to dfdaemons, on their upload port."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping
from datetime import UTC, datetime

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from dragonfly_task_operator.dragonfly.announced import trouble_of_address
from dragonfly_task_operator.dragonfly.channels import ChannelPool, Endpoint
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.pacing import DEFAULT_REQUESTS_PER_SECOND, Paces
from dragonfly_task_operator.dragonfly.rpc import RpcError, call
from dragonfly_task_operator.dragonfly.tls import RotatingCredentials
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import ABSENT, Cached, Downloading, FailedStart, Host, Presence
from dragonfly_task_operator.engine.ports import Mandate
from dragonfly_task_operator.errors import PeerError, PeerReason
from dragonfly_task_operator.observability.redaction import cut
from dragonfly_task_operator.protos_gen.dfdaemon_pb2 import (
    DeleteTaskRequest,
    StatLocalTaskRequest,
    StatLocalTaskResponse,
)

STAT = "/dfdaemon.v2.DfdaemonUpload/StatLocalTask"
DELETE = "/dfdaemon.v2.DfdaemonUpload/DeleteTask"

_VACANT = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT})
"""What the other side, or the last router before it, answers where nobody is."""

_NEEDED = "StatLocalTask over TCP needs client 1.1.8 or newer"
"""DeleteTask was there before it (read in the client's sources)."""

MAX_INT64 = (1 << 63) - 1
"""The API server takes no larger number: it would refuse the whole status."""


class GrpcPeers:
    """`engine.ports.Peers` over gRPC.

    With TLS, a peer's certificate must be issued for its IP address, unless the settings name another name.

    Args:
        pool: the channels.
        memory: who was seen when; hears of every answer.
        tls: credentials by the name of a cluster; plaintext where there are none.
        timeout: seconds for one request.
        in_flight: most requests under way at once, over all objects.
        requests_per_second: most to one peer in any second, over all objects.
        mandate: proved before each request; None where there is only one operator.
    """

    def __init__(
        self,
        pool: ChannelPool,
        *,
        memory: HostMemory,
        tls: Mapping[str, RotatingCredentials],
        timeout: float,
        in_flight: int,
        requests_per_second: int = DEFAULT_REQUESTS_PER_SECOND,
        mandate: Mandate | None = None,
    ) -> None:
        self._mandate = mandate
        self._pool = pool
        self._memory = memory
        self._tls = tls
        self._timeout = timeout
        self._in_flight = asyncio.Semaphore(in_flight)
        self._paces = Paces(requests_per_second)

    async def stat(self, host: Host, task: TaskID) -> Presence:
        """Ask a peer for its own copy.

        NOT_FOUND is the one answer that says that there is none. Of the three times in an answer, finished_at says
        cached and failed_at a failed start; with neither, a download goes on or has died (docs/dragonfly-behaviour.md).

        Raises:
            PeerError: the peer did not answer the question.
            OwnTrouble: it was not asked.
        """
        answer = StatLocalTaskResponse()
        try:
            await self._call(host, STAT, StatLocalTaskRequest(task_id=task).SerializeToString(), answer)
        except RpcError as error:
            if error.is_not_found:
                return ABSENT
            raise self._peer_error(host, error) from None
        kind = (
            Cached if answer.HasField("finished_at") else FailedStart if answer.HasField("failed_at") else Downloading
        )
        return kind(
            content_length=length(answer.content_length) if answer.HasField("content_length") else None,
            piece_length=length(answer.piece_length) if answer.HasField("piece_length") else None,
            created_at=moment(answer.created_at) if answer.HasField("created_at") else None,
            updated_at=moment(answer.updated_at) if answer.HasField("updated_at") else None,
        )

    async def delete(self, host: Host, task: TaskID) -> None:
        """Ask a peer to delete its copy.

        Raises:
            PeerError: the peer answered anything but OK, which proves nothing about the copy.
            OwnTrouble: it was not asked.
        """
        try:
            await self._call(host, DELETE, DeleteTaskRequest(task_id=task).SerializeToString(), Empty())
        except RpcError as error:
            raise self._peer_error(host, error) from None

    async def _call(self, host: Host, method: str, request: bytes, answer: Message) -> None:
        trouble = trouble_of_address(host.ip, host.port)
        if trouble is not None:
            self._memory.silent(host, vacant=False)
            raise PeerError(
                PeerReason.UNREACHABLE,
                f"the peer announces no address that it can be asked at: {cut(trouble, 128)}; correct host.ip in the"
                f" configuration of its dfdaemon, or its network ({self._memory.last_seen(host)})",
                retryable=False,
            )
        endpoint = Endpoint(host.ip, host.port, self._tls.get(host.cluster), host.ip)
        async with self._in_flight:
            with await self._pool.connection(endpoint) as connection:
                await self._paces.of(host.ip, host.port).turn()
                if self._mandate is not None:
                    await self._mandate.proven()
                try:
                    await call(connection, method, request, answer, timeout=self._timeout)
                except RpcError as error:
                    if error.is_answer:
                        self._memory.answered(host)
                    else:
                        vacant = self._memory.is_unlisted(host) and await nobody_listens(
                            host.ip, host.port, timeout=self._timeout
                        )
                        self._memory.silent(host, vacant=vacant)
                    raise
                self._memory.answered(host)

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


def moment(timestamp: Timestamp) -> datetime | None:
    """Read a timestamp, to the second, in UTC. One that no calendar has is none: the rest of the answer counts."""
    try:
        return datetime.fromtimestamp(timestamp.seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def length(number: int) -> int | None:
    """Read a length; None for one that no status can hold."""
    return number if number <= MAX_INT64 else None
