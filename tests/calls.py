"""Dragonfly's calls made barely and synchronously, a channel for each, with nothing of the operator in between.

For tests that talk to other processes, which may be the simulator or Dragonfly itself. Tests in whose event loop the
simulator runs have `tests.simulator.wire`.
"""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from dragonfly_task_operator.protos_gen import common_pb2, dfdaemon_pb2, scheduler_pb2

DFDAEMON = "/dfdaemon.v2.DfdaemonUpload/"
SCHEDULER = "/scheduler.v2.Scheduler/"
_SECONDS = 15.0  # a dfdaemon waits 10 s for a scheduler before it answers
_OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)  # channels of one process else share connections and backoff

Answer = TypeVar("Answer", bound=Message)


def ask(target: str, method: str, request: Message, answer: type[Answer]) -> Answer:
    """Call one method by its full name. Raises grpc.RpcError, which has a `code()` and `details()`."""
    with grpc.insecure_channel(target, _OWN_CONNECTION) as channel:
        call: grpc.UnaryUnaryMultiCallable[Message, Answer] = channel.unary_unary(
            method, request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString
        )
        return call(request, timeout=_SECONDS)


def codes_at_once(target: str, method: str, request: Message, *, times: int) -> Counter[grpc.StatusCode]:
    """Call one method so many times over one connection, waiting for no answer in between; counts the statuses."""
    with grpc.insecure_channel(target, _OWN_CONNECTION) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        raw = request.SerializeToString()
        return Counter(each.code() for each in [call.future(raw, timeout=_SECONDS) for _ in range(times)])


def stat(target: str, task_id: str) -> dfdaemon_pb2.StatLocalTaskResponse:
    """Ask a peer for a task."""
    request = dfdaemon_pb2.StatLocalTaskRequest(task_id=task_id)
    return ask(target, DFDAEMON + "StatLocalTask", request, dfdaemon_pb2.StatLocalTaskResponse)


def delete(target: str, task_id: str) -> None:
    """Tell a peer to delete a task."""
    ask(target, DFDAEMON + "DeleteTask", dfdaemon_pb2.DeleteTaskRequest(task_id=task_id), Empty)


def list_hosts(target: str, *, host_type: int | None = None) -> list[common_pb2.Host]:
    """Ask a scheduler for the hosts that it knows, of one type where it is given."""
    request = scheduler_pb2.ListHostsRequest(type=host_type)
    return list(ask(target, SCHEDULER + "ListHosts", request, scheduler_pb2.ListHostsResponse).hosts)


def stat_task(target: str, task_id: str, *, host_id: str = "somebody") -> common_pb2.Task:
    """Ask a scheduler for a task."""
    request = scheduler_pb2.StatTaskRequest(host_id=host_id, task_id=task_id)
    return ask(target, SCHEDULER + "StatTask", request, common_pb2.Task)
