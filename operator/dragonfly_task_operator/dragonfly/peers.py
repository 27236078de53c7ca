"""Requests to dfdaemons, on their upload port."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from dragonfly_task_operator.dragonfly.channels import ChannelPool, grpc_target
from dragonfly_task_operator.dragonfly.rpc import RpcError, call
from dragonfly_task_operator.engine.model import (
    ABSENT,
    Cached,
    Downloading,
    FailedStart,
    Host,
    Presence,
    TaskID,
)
from dragonfly_task_operator.protos_gen.dfdaemon_pb2 import (
    DeleteTaskRequest,
    StatLocalTaskRequest,
    StatLocalTaskResponse,
)

STAT = "/dfdaemon.v2.DfdaemonUpload/StatLocalTask"
DELETE = "/dfdaemon.v2.DfdaemonUpload/DeleteTask"


class GrpcPeers:
    """`engine.ports.Peers` over gRPC.

    Args:
        pool: the channels.
        timeout: seconds for one request.
        in_flight: most requests under way at once, over all objects.
    """

    def __init__(self, pool: ChannelPool, *, timeout: float, in_flight: int) -> None:
        self._pool = pool
        self._timeout = timeout
        self._in_flight = asyncio.Semaphore(in_flight)

    async def stat(self, host: Host, task: TaskID) -> Presence:
        """Ask a peer for its own copy.

        NOT_FOUND is the one answer that says that there is none. Of the three times in an answer, finished_at says
        cached and failed_at a failed start; with neither, a download goes on or has died (docs/dragonfly-behaviour.md).

        Raises:
            PeerError: the peer did not answer the question.
        """
        answer = StatLocalTaskResponse()
        try:
            await self._call(host, STAT, StatLocalTaskRequest(task_id=task).SerializeToString(), answer)
        except RpcError as error:
            if error.is_not_found:
                return ABSENT
            raise error.as_peer_error() from None
        kind = (
            Cached if answer.HasField("finished_at") else FailedStart if answer.HasField("failed_at") else Downloading
        )
        return kind(
            content_length=answer.content_length if answer.HasField("content_length") else None,
            piece_length=answer.piece_length if answer.HasField("piece_length") else None,
            created_at=moment(answer.created_at) if answer.HasField("created_at") else None,
            updated_at=moment(answer.updated_at) if answer.HasField("updated_at") else None,
        )

    async def delete(self, host: Host, task: TaskID) -> None:
        """Ask a peer to delete its copy.

        Raises:
            PeerError: the peer answered anything but OK, which proves nothing about the copy.
        """
        try:
            await self._call(host, DELETE, DeleteTaskRequest(task_id=task).SerializeToString(), Empty())
        except RpcError as error:
            raise error.as_peer_error() from None

    async def _call(self, host: Host, method: str, request: bytes, answer: Message) -> None:
        async with self._in_flight, self._pool.connection(grpc_target(host.ip, host.port)) as connection:
            await connection.pace()
            try:
                await call(connection.channel, method, request, answer, timeout=self._timeout)
            except RpcError as error:
                connection.broken |= error.breaks_connection
                raise


def moment(timestamp: Timestamp) -> datetime:
    """Read a timestamp, to the second, in UTC."""
    return datetime.fromtimestamp(timestamp.seconds, UTC)
