"""What peers can be asked with, side by side: the client alone, with no API server in sight.

    python -m benchmarks.transports [--peers N] [--tasks N] [--tries N]

Each client is a process of its own and asks the same peers in Go twice: over new connections, then over the same ones.
Clients take turns, and the median of each counts. docs/adr/0015-lean-transport.md quotes it.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import grpc
import grpc.aio

from benchmarks.fleet import fleet
from dragonfly_task_operator.clocks import SteadyClock, SystemClock
from dragonfly_task_operator.dragonfly.channels import OPTIONS, ChannelPool
from dragonfly_task_operator.dragonfly.lean.wire import LeanWire
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.peers import STAT, GrpcPeers
from dragonfly_task_operator.dragonfly.wire import GrpcWire, Wire
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import Absent, Host, HostType, Presence
from dragonfly_task_operator.errors import PeerError
from dragonfly_task_operator.protos_gen.dfdaemon_pb2 import StatLocalTaskRequest

AT_ONCE = 256
SECONDS = 20.0
UNPACED = 100_000
"""Requests a second to a peer: the pace is not what is measured."""

Ask = Callable[[], Awaitable[int]]
"""Asks every peer about every task; returns how many said that they have none."""


def bare(targets: list[str], tasks: list[TaskID]) -> Ask:
    """Ask with nothing but grpc.aio."""
    channels: list[grpc.aio.Channel] = []
    requests = [StatLocalTaskRequest(task_id=task).SerializeToString() for task in tasks]

    async def visit(channel: grpc.aio.Channel, room: asyncio.Semaphore) -> int:
        absent = 0
        async with room:
            for request in requests:
                call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(STAT)
                try:
                    await call(request, timeout=SECONDS)
                except grpc.aio.AioRpcError as error:
                    absent += error.code() is grpc.StatusCode.NOT_FOUND
        return absent

    async def ask() -> int:
        if not channels:
            channels.extend(grpc.aio.insecure_channel(f"ipv4:{target}", options=OPTIONS) for target in targets)
        room = asyncio.Semaphore(AT_ONCE)
        return sum(await asyncio.gather(*(visit(channel, room) for channel in channels)))

    return ask


def through(make: Callable[[ChannelPool], Wire]) -> Callable[[list[str], list[TaskID]], Ask]:
    """Ask as the operator does, over one of its transports."""

    def client(targets: list[str], tasks: list[TaskID]) -> Ask:
        peers = GrpcPeers(
            make(ChannelPool(limit=len(targets), idle=len(targets))),
            memory=HostMemory(SteadyClock(SystemClock())),
            tls={},
            timeout=SECONDS,
            in_flight=AT_ONCE,
            requests_per_second=UNPACED,
        )
        hosts = [
            Host(ip, ip, ip, int(port), HostType.NORMAL, 1, "default")
            for ip, _, port in (each.partition(":") for each in targets)
        ]

        async def ask() -> int:
            absent = 0

            def tell(_: TaskID, answer: Presence | PeerError) -> None:
                nonlocal absent
                absent += isinstance(answer, Absent)

            await asyncio.gather(*(peers.stat(host, tasks, tell) for host in hosts))
            return absent

        return ask

    return client


CLIENTS = {
    "a bare loop of grpc.aio": bare,
    "peerTransport: grpc": through(GrpcWire),
    "peerTransport: lean": through(lambda pool: LeanWire(pool, secured=GrpcWire(pool))),
}


async def measure(name: str, targets: list[str], tasks: list[TaskID]) -> tuple[float, float, float]:
    """Give CPU seconds over new connections and over open ones, and KiB of memory for each."""
    ask = CLIENTS[name](targets, tasks)
    before, spent = _resident(), []
    for _ in range(2):
        began = time.process_time()
        absent = await ask()
        spent.append(time.process_time() - began)
        if absent != len(targets) * len(tasks):
            raise click.ClickException(f"{name}: {absent} answers for {len(targets)} peers and {len(tasks)} tasks")
    return spent[0], spent[1], (_resident() - before) / 1024 / len(targets)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--peers", default=2000)
@click.option("--tasks", default=1)
@click.option("--tries", default=5)
@click.option("--one", hidden=True, help="A client, to be measured in this process; what to ask comes on stdin.")
def main(*, peers: int, tasks: int, tries: int, one: str | None) -> None:
    """Measure what peers can be asked with."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if one is not None:
        print(json.dumps(asyncio.run(measure(one, **json.load(sys.stdin)))), flush=True)
        os._exit(0)  # channels are not closed one by one
    figures: dict[str, list[list[float]]] = {name: [] for name in CLIENTS}
    with fleet(clusters=[peers], schedulers=1) as running:
        question = json.dumps({"targets": running.targets, "tasks": [f"{number:064x}" for number in range(tasks)]})
        for _ in range(tries):
            for name, measured in figures.items():
                command = [sys.executable, "-m", "benchmarks.transports", "--one", name]
                done = subprocess.run(command, input=question, stdout=subprocess.PIPE, text=True, check=True)
                measured.append(json.loads(done.stdout))
    print(f"{tasks} tasks, {peers} peers, {AT_ONCE} at once, medians of {tries}\n")
    print("| | CPU s, new connections | CPU s, open ones | KiB a connection |\n|---|---|---|---|")
    for name, measured in figures.items():
        cold, warm, memory = (statistics.median(column) for column in zip(*measured, strict=True))
        print(f"| {name} | {cold:.2f} | {warm:.2f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
