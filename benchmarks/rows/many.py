"""1,000 TaskDeletions applied at once, each of a task of its own on 10 of 50 peers."""

from __future__ import annotations

from benchmarks.crowds import throughput
from benchmarks.results import Measurement
from benchmarks.stage import UNPACED, stage
from hack.controlplane.server import ControlPlane

OBJECTS = 1000
PEERS = 50
CACHED_ON = 10


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """See that all end well, and that the last one applied does not wait for longer than twice what all do."""
    del tries  # a thousand runs are enough
    what = f"{OBJECTS:,} deletions at once, unpaced"
    tasks = [f"{number:064x}" for number in range(1, OBJECTS + 1)]
    with stage(control_plane, peers=PEERS, environment=UNPACED) as on:
        on.fleet.cache(tasks, CACHED_ON)
        ended = on.run_all("TaskDeletion", [{"targets": [{"taskID": task}]} for task in tasks])
        return [
            Measurement(
                what=f"{what}: not Deleted, by status or in truth",
                value=sum(each.reason != "Deleted" for each in ended) + on.fleet.still_held(tasks),
                at_most=0,
            ),
            *throughput(what, ended),
            on.operator_memory(f"{what}: operator's peak memory", at_most=256),
        ]
