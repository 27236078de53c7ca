"""What one run writes to the API server, on 2,000 peers of which 500 have the task."""

from __future__ import annotations

from benchmarks.apiserver import Load
from benchmarks.results import Measurement
from benchmarks.stage import stage
from hack.controlplane.server import ControlPlane

PEERS = 2000
CACHED_ON = 500
TASK = "a9" * 32


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Tell of a search that finds, and of a deletion that deletes."""
    measured: list[Measurement] = []
    with stage(control_plane, peers=PEERS) as on:
        for what, kind, reason in (("search", "TaskSearch", "Found"), ("deletion", "TaskDeletion", "Deleted")):
            before = Load.of(control_plane)
            for _ in range(tries):
                on.fleet.cache([TASK], CACHED_ON)
                on.run(kind, reason=reason, targets=[{"taskID": TASK}])
            load = Load.of(control_plane) - before
            measured += load.measurements(f"{what} on 2,000 peers, found on 500", runs=tries)
    return measured
