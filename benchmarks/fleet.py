"""Dragonfly as the operator meets it: peers and schedulers in Go, in processes of their own, and how to ask them."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.errors import BenchError
from benchmarks.golang import program

PEERS_OF_ONE_PROCESS = 10_000
"""A connection costs a descriptor, and a process has 20,000 of them on many machines."""

_FIRST_ADDRESS = ipaddress.IPv4Address("127.1.0.1")
_ANSWER_SECONDS = 60.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    first: int
    count: int
    port: int
    control: str

    def ask(self, verb: str, **question: Any) -> Any:
        """Use a verb of `peers/serving.go`. Raises BenchError when it is refused."""
        request = urllib.request.Request(f"{self.control}/{verb}", data=json.dumps(question).encode())
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise BenchError(f"{verb}: {refusal.read().decode().strip()}") from None


@dataclass(frozen=True, slots=True)
class Fleet:
    """Peers, numbered from 0, and the schedulers that list them.

    Attributes:
        schedulers: HOST:PORT of each.
        listed_bytes: how long a scheduler's list of hosts is.
    """

    processes: Sequence[_Process]
    schedulers: Sequence[str]
    listed_bytes: int

    @property
    def targets(self) -> list[str]:
        """HOST:PORT of every peer."""
        return [
            f"{_FIRST_ADDRESS + number}:{each.port}"
            for each in self.processes
            for number in range(each.first, each.first + each.count)
        ]

    def cache(self, task_ids: Sequence[str], peers: int) -> None:
        """Have the first so many peers cache tasks, and no others."""
        for each in self.processes:
            here = max(min(peers - each.first, each.count), 0)
            each.ask("caches", task_ids=task_ids, peers=here)

    def still_held(self, task_ids: Sequence[str]) -> int:
        """Count the tasks that any peer has, whatever was answered."""
        held = [each.ask("holders", task_ids=task_ids) for each in self.processes]
        return sum(any(counts) for counts in zip(*held, strict=True))

    def hang(self, *, every: int) -> None:
        """Let every so manieth peer take connections and requests, and answer nothing; 0: none."""
        for each in self.processes:
            each.ask("hangs", every=every)

    def attack(self, number: int, how: str) -> None:
        """Let a peer send garbage, a flood, or a trickle; with no word, let it serve again."""
        process = next(each for each in self.processes if each.first <= number < each.first + each.count)
        process.ask("attacks", index=number - process.first, how=how)

    def delay(self, milliseconds: int) -> None:
        """Let every answer of a peer take so long."""
        for each in self.processes:
            each.ask("delays", milliseconds=milliseconds)

    def requests(self) -> int:
        """How many requests peers got since `forget_calls`."""
        return self._sum("requests")

    def open_connections(self) -> int:
        """How many connections there are to peers."""
        return self._sum("open")

    def listings(self) -> int:
        """How often schedulers were asked for their list since `forget_calls`."""
        return self._sum("listings")

    def most(self, count: str) -> int:
        """Give the most of one peer since `forget_calls`: `connections`, or requests `per_second`."""
        return max(int(each.ask("calls")[f"most_{count}"]) for each in self.processes)

    def forget_calls(self) -> None:
        """Count from zero."""
        for each in self.processes:
            each.ask("forget_calls")

    def _sum(self, count: str) -> int:
        return sum(int(each.ask("calls")[count]) for each in self.processes)


@contextmanager
def fleet(*, clusters: Sequence[int], schedulers: int) -> Iterator[Fleet]:
    """Run so many peers in each scheduler cluster, the ids of which are 1 and on, while the context lasts."""
    total = sum(clusters)
    with ExitStack() as stack:
        processes: list[_Process] = []
        addresses: list[str] = []
        for first in range(0, total, PEERS_OF_ONE_PROCESS):
            count = min(PEERS_OF_ONE_PROCESS, total - first)
            ready = stack.enter_context(_running(first=first, peers=count, schedulers=0 if first else schedulers))
            processes.append(_Process(first=first, count=count, port=ready["port"], control=ready["control"]))
            addresses += ready["schedulers"]
        listed = processes[0].ask("lists", ranges=list(_ranges(processes, clusters)))
        yield Fleet(processes, addresses, listed["bytes"])


def _ranges(processes: Sequence[_Process], clusters: Sequence[int]) -> Iterator[dict[str, int]]:
    """Describe what schedulers list: peers of one process and one scheduler cluster at a time."""
    begin = 0
    for cluster, size in enumerate(clusters, start=1):
        for each in processes:
            first, end = max(begin, each.first), min(begin + size, each.first + each.count)
            if first < end:
                yield {"first": first, "count": end - first, "port": each.port, "cluster": cluster}
        begin += size


@contextmanager
def _running(**flags: int) -> Iterator[dict[str, Any]]:
    command = [str(program()), "serve", *(f"-{name}={value}" for name, value in flags.items())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise BenchError(f"the peers ended with code {process.wait()} before they were ready: see stderr")
            yield json.loads(line)
        finally:
            process.stdin.close()  # it ends by that
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
