"""What it costs to keep and to fold the answers of very many peers, with no peer and no API server in sight.

    python -m benchmarks.folding [TASKS PEERS]...

Each size is measured in a process of its own, by CPU time: what recording all answers takes a pair, what that adds to
the process's memory, and what a status takes, of which one is made every second. One peer in a hundred has the tasks
and one is down; or, in the second line, every peer has every task. docs/adr/0014-batches.md quotes it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from dragonfly_task_operator.engine.identity import Identity
from dragonfly_task_operator.engine.ledger import Failed, Holds, Ledger, Outcome
from dragonfly_task_operator.engine.model import ABSENT, Cached, Host, HostType, PlannedTask
from dragonfly_task_operator.engine.report import results
from dragonfly_task_operator.engine.summary import summarise
from dragonfly_task_operator.errors import PeerError, PeerReason

SIZES = ((60, 10_000), (150, 10_000))
REPEATS = 5
EPOCH = datetime(2026, 11, 25, tzinfo=UTC)


def hosts(number: int) -> list[Host]:
    return [
        Host(f"10.0.0.1-n{i:05}", f"n{i:05}", "10.0.0.1", 4000, HostType.NORMAL, 1, "default") for i in range(number)
    ]


def answers(number: int, *, holding: int) -> list[Outcome]:
    """Give each peer's answer: `holding` of a hundred have the task, as long as each other, and one is down."""
    error = PeerError(PeerReason.UNREACHABLE, "connection refused", retryable=True)
    found: list[Outcome] = []
    for i in range(number):
        if i % 100 < holding:
            found.append(Holds(Cached(content_length=1 << 30, piece_length=4 << 20)))
        elif i % 100 == holding:
            found.append(Failed.by(error, had_copy=False, at=EPOCH))
        else:
            found.append(ABSENT)
    return found


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure(tasks: int, peers: int, *, holding: int) -> str:
    plan = tuple(PlannedTask(f"{i:064x}", 0, Identity.BLOB_DIGEST, subject=str(i)) for i in range(tasks))
    known, given = hosts(peers), answers(peers, holding=holding)
    memory, began = resident(), time.process_time()
    ledger = Ledger(plan)
    ledger.add_hosts(known)
    for task in plan:
        for host, outcome in zip(known, given, strict=True):
            ledger.record(task.id, host.id, outcome)
    recording = time.process_time() - began
    memory = resident() - memory
    folds = []
    for _ in range(REPEATS):
        began = time.process_time()
        results(ledger, summarise(ledger), deleting=False)
        folds.append(time.process_time() - began)
    return (
        f"{tasks} x {peers}, {holding} of 100 have them: recording {1e6 * recording / tasks / peers:.2f} us a pair,"
        f" {memory / 2**20:.0f} MiB; a status {1e3 * folds[0]:.1f} ms at first, then {1e3 * min(folds[1:]):.1f} ms"
    )


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--one"]:
        tasks, peers, holding = map(int, arguments[1:])
        print(measure(tasks, peers, holding=holding), flush=True)
        return
    numbers = [int(argument) for argument in arguments]
    for tasks, peers in list(zip(numbers[::2], numbers[1::2], strict=True)) or SIZES:
        for holding in (1, 100):
            each = [sys.executable, "-m", "benchmarks.folding", "--one", str(tasks), str(peers), str(holding)]
            subprocess.run(each, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
