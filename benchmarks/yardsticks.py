"""The bare loops: the same requests to the same peers, with nothing around them, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from benchmarks.golang import program


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to do.

    Attributes:
        targets: HOST:PORT of each peer.
        at_once: how many of them are asked at once.
        pipeline: how many requests are under way at each of them.
        deletes: delete what is there, ask again, and in the end sweep over all once more.
    """

    targets: Sequence[str]
    task_ids: Sequence[str]
    deletes: bool
    at_once: int
    pipeline: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What it took: seconds by the clock and of this process's CPU, and how many requests."""

    seconds: float
    cpu_seconds: float
    requests: int


Loop = Callable[[Question], Answer]
"""May raise CalledProcessError."""


def go_loop(question: Question) -> Answer:
    """Ask by grpc-go: `peers/loop.go`."""
    return _ask([str(program()), "loop"], question)


def aio_loop(question: Question) -> Answer:
    """Ask by grpc.aio: `floor.py`."""
    return _ask([sys.executable, "-m", "benchmarks.floor"], question)


def _ask(command: Sequence[str], question: Question) -> Answer:
    done = subprocess.run(command, input=json.dumps(asdict(question)), stdout=subprocess.PIPE, text=True, check=True)
    return Answer(**json.loads(done.stdout))
