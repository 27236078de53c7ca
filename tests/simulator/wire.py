"""Dragonfly's calls made barely, one channel each: to look at an endpoint with nothing of the operator in between."""

from __future__ import annotations

from typing import TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from dragonfly_task_operator.protos_gen import common_pb2, dfdaemon_pb2, scheduler_pb2

DFDAEMON = "/dfdaemon.v2.DfdaemonUpload/"
SCHEDULER = "/scheduler.v2.Scheduler/"
_SECONDS = 10.0
_OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)  # channels of one process else share connections and backoff

Answer = TypeVar("Answer", bound=Message)


async def ask(
    target: str,
    method: str,
    request: Message,
    answer: type[Answer],
    *,
    seconds: float = _SECONDS,
    credentials: grpc.ChannelCredentials | None = None,
) -> Answer:
    """Call one method by its full name.

    Raises grpc.aio.AioRpcError for any status but OK, and when time is over; DecodeError for an answer that is no
    message (given a deserialiser, grpc.aio would log that and answer None).
    """
    if credentials is None:
        opened = grpc.aio.insecure_channel(target, _OWN_CONNECTION)
    else:
        opened = grpc.aio.secure_channel(target, credentials, _OWN_CONNECTION)
    async with opened as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[Message, bytes] = channel.unary_unary(
            method, request_serializer=type(request).SerializeToString
        )
        return answer.FromString(await call(request, timeout=seconds))


async def stat(target: str, task_id: str, *, seconds: float = _SECONDS) -> dfdaemon_pb2.StatLocalTaskResponse:
    """Ask a peer for a task."""
    request = dfdaemon_pb2.StatLocalTaskRequest(task_id=task_id)
    return await ask(target, DFDAEMON + "StatLocalTask", request, dfdaemon_pb2.StatLocalTaskResponse, seconds=seconds)


async def delete(target: str, task_id: str, *, seconds: float = _SECONDS) -> None:
    """Tell a peer to delete a task."""
    request = dfdaemon_pb2.DeleteTaskRequest(task_id=task_id)
    await ask(target, DFDAEMON + "DeleteTask", request, Empty, seconds=seconds)


async def list_hosts(target: str) -> list[common_pb2.Host]:
    """Ask a scheduler for the hosts that it knows."""
    request = scheduler_pb2.ListHostsRequest()
    return list((await ask(target, SCHEDULER + "ListHosts", request, scheduler_pb2.ListHostsResponse)).hosts)


async def stat_task(target: str, task_id: str) -> common_pb2.Task:
    """Ask a scheduler for a task."""
    request = scheduler_pb2.StatTaskRequest(host_id="somebody", task_id=task_id)
    return await ask(target, SCHEDULER + "StatTask", request, common_pb2.Task)
