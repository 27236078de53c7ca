"""TaskDeletion of one task on 500 of 2,000 peers: ask, delete, ask again, and sweep over all at the end."""

from __future__ import annotations

import statistics

from benchmarks.comparing import compare, most_writes
from benchmarks.floor import Question, ask
from benchmarks.results import Measurement
from benchmarks.stage import Finished, stage
from hack.controlplane.server import ControlPlane

PEERS = 2000
CACHED_ON = 500
TASK = "d1" * 32


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with the bare loop."""
    with stage(control_plane, peers=PEERS) as on:
        compared = compare(
            on, "TaskDeletion", [TASK], reason="Deleted", tries=tries, prepare=lambda: on.cache(TASK, CACHED_ON)
        )
        return [
            compared.ratio("deletion on 500 of 2,000 peers, to the bare loop", at_most=1.4),
            compared.writes("deletion: status writes"),
            on.operator_memory("deletion: operator's peak memory", at_most=256),
        ]


def measure_against_serial_loop(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with a loop that makes the same requests to one peer after another, as Dragonfly's manager does."""
    with stage(control_plane, peers=PEERS, latency_ms=10) as on:
        runs: list[Finished] = []
        for _ in range(tries):
            on.cache(TASK, CACHED_ON)
            on.cool_down()
            runs.append(on.run("TaskDeletion", targets=[{"taskID": TASK}], reason="Deleted"))
        on.cache(TASK, CACHED_ON)
        serial = ask(Question(targets=on.targets, task_ids=[TASK], deletes=True, at_once=1))
        seconds = [run.seconds for run in runs]
        return [
            Measurement(
                what="one peer after another, peers answering in 10 ms: slower than the operator",
                value=serial.seconds / statistics.median(seconds),
                unit=" x",
                at_least=20,
                detail={"seconds": seconds, "serial_seconds": serial.seconds, "requests": serial.requests},
            ),
            most_writes("deletion, peers answering in 10 ms: status writes", runs),
        ]
