"""The bare loop of `grpc.aio`, one request at a time at each peer. See `yardsticks`.

Its channels have the operator's options, which make it a fifth faster than gRPC's defaults do.

A program, for every try needs a process without a channel: it reads a question as JSON from stdin and writes the
answer to stdout. The clock runs from the first channel to the last answer; imports are not counted.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict

import grpc
import grpc.aio

from benchmarks.yardsticks import Answer, Question
from dragonfly_task_operator.dragonfly.channels import OPTIONS
from dragonfly_task_operator.protos_gen.dfdaemon_pb2 import (
    DeleteTaskRequest,
    StatLocalTaskRequest,
    StatLocalTaskResponse,
)

SECONDS = 5.0
_STAT = "/dfdaemon.v2.DfdaemonUpload/StatLocalTask"
_DELETE = "/dfdaemon.v2.DfdaemonUpload/DeleteTask"


async def loop(question: Question) -> Answer:
    """Ask every target for every task; delete what is there, ask again, and in the end sweep over all once more."""
    grpc.aio.init_grpc_aio()
    stats = [StatLocalTaskRequest(task_id=task).SerializeToString() for task in question.task_ids]
    deletions = [DeleteTaskRequest(task_id=task).SerializeToString() for task in question.task_ids]
    requests = 0
    deleted = False
    started, cpu_started = time.perf_counter(), time.process_time()
    channels = [grpc.aio.insecure_channel(f"ipv4:{target}", options=OPTIONS) for target in question.targets]

    async def is_there(channel: grpc.aio.Channel, request: bytes) -> bool:
        nonlocal requests
        requests += 1
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_STAT)
        try:
            StatLocalTaskResponse.FromString(await call(request, timeout=SECONDS))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def visit(channel: grpc.aio.Channel) -> None:
        nonlocal requests, deleted
        for stat, deletion in zip(stats, deletions, strict=True):
            if await is_there(channel, stat) and question.deletes:
                requests += 1
                call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_DELETE)
                await call(deletion, timeout=SECONDS)
                deleted = not await is_there(channel, stat)

    await _each(channels, visit, question.at_once)
    if deleted:
        await _each(channels, visit, question.at_once)
    answer = Answer(
        seconds=time.perf_counter() - started, cpu_seconds=time.process_time() - cpu_started, requests=requests
    )
    await asyncio.gather(*(channel.close() for channel in channels))
    return answer


async def _each(
    channels: Iterable[grpc.aio.Channel], visit: Callable[[grpc.aio.Channel], Awaitable[None]], at_once: int
) -> None:
    remaining = iter(channels)

    async def work() -> None:
        for channel in remaining:
            await visit(channel)

    await asyncio.gather(*(work() for _ in range(at_once)))


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps(asdict(asyncio.run(loop(Question(**json.load(sys.stdin)))))))
