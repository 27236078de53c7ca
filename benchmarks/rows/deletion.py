"""TaskDeletion of one task on 500 of 2,000 peers: ask, delete, ask again, and sweep over all at the end."""

from __future__ import annotations

import statistics

from benchmarks.comparing import AROUND, compare, most_writes
from benchmarks.results import Measurement
from benchmarks.stage import Finished, stage
from benchmarks.yardsticks import Question, aio_loop
from hack.controlplane.server import ControlPlane

PEERS = 2000
CACHED_ON = 500
TASK = "d1" * 32


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with the bare loops."""
    what = "deletion on 500 of 2,000 peers"
    with stage(control_plane, peers=PEERS) as on:
        compared = compare(
            what,
            on,
            "TaskDeletion",
            [TASK],
            reason="Deleted",
            tries=tries,
            prepare=lambda: on.fleet.cache([TASK], CACHED_ON),
        )
        return [
            compared.wall("Go", at_most=1.2, obstacle=AROUND),
            compared.cpu("Go", at_most=None),
            compared.wall("grpc.aio", at_most=1.4),
            compared.seconds(),
            compared.cpu_seconds(),
            compared.writes(),
            on.operator_memory(f"{what}: operator's peak memory", at_most=256),
        ]


def measure_against_serial_loop(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with a loop that makes the same requests to one peer after another, as Dragonfly's manager does."""
    what = "deletion, peers answering in 10 ms"
    with stage(control_plane, peers=PEERS) as on:
        on.fleet.delay(10)
        runs: list[Finished] = []
        for _ in range(tries):
            on.fleet.cache([TASK], CACHED_ON)
            on.cool_down()
            runs.append(on.run("TaskDeletion", targets=[{"taskID": TASK}], reason="Deleted"))
        on.fleet.cache([TASK], CACHED_ON)
        serial = aio_loop(Question(targets=on.fleet.targets, task_ids=[TASK], deletes=True, at_once=1))
        seconds = [run.seconds for run in runs]
        return [
            Measurement(
                what=f"{what}: one after another, how much slower than the operator",
                value=serial.seconds / statistics.median(seconds),
                unit=" x",
                at_least=20,
                detail={"seconds": seconds, "serial_seconds": serial.seconds, "requests": serial.requests},
            ),
            most_writes(f"{what}: status writes", runs),
        ]
