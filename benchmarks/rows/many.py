"""1,000 TaskDeletions applied at once, each of a task of its own on 10 of 50 peers."""

from __future__ import annotations

import statistics

from benchmarks.results import Measurement
from benchmarks.stage import stage
from hack.controlplane.server import ControlPlane

OBJECTS = 1000
PEERS = 50
CACHED_ON = 10


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """See that all end well, and that the last one applied does not wait for longer than twice what all do."""
    del tries  # a thousand runs are enough
    tasks = [f"{number:064x}" for number in range(1, OBJECTS + 1)]
    with stage(control_plane, peers=PEERS) as on:
        for task in tasks:
            on.cache(task, CACHED_ON)
        ended = on.run_all("TaskDeletion", [{"targets": [{"taskID": task}]} for task in tasks])
        waits = [each.seconds for each in ended]
        still_held = sum(bool(on.simulations[0].control.holders(task)) for task in tasks)
        return [
            Measurement(
                what=f"{OBJECTS:,} deletions at once: not Deleted, by status or in truth",
                value=sum(each.reason != "Deleted" for each in ended) + still_held,
                at_most=0,
            ),
            Measurement(
                what=f"{OBJECTS:,} deletions at once: wait of the last applied, to the mean",
                value=waits[-1] / statistics.mean(waits),
                unit=" x",
                at_most=2,
                detail={"last": waits[-1], "mean": statistics.mean(waits), "longest": max(waits)},
            ),
            on.operator_memory(f"{OBJECTS:,} deletions at once: operator's peak memory", at_most=256),
        ]
