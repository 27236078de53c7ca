"""TaskSearch of one task on 50,000 peers in five scheduler clusters, by one operator: what docs/scale.md rests on."""

from __future__ import annotations

from benchmarks.apiserver import Load
from benchmarks.results import Measurement
from benchmarks.sampling import most_files
from benchmarks.stage import stage
from hack.controlplane.server import ControlPlane

CLUSTERS = [10_000] * 5
CACHED_ON = 5000
TASK = "c5" * 32


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Tell what it takes, and what one of the clusters does; nothing must be reached."""
    del tries  # of fifty thousand answers
    what = f"search of 1 task on {sum(CLUSTERS):,} peers in {len(CLUSTERS)} clusters"
    with stage(control_plane, peers=CLUSTERS) as on:
        on.fleet.cache([TASK], CACHED_ON)
        on.cool_down()
        before = Load.of(control_plane)
        with most_files(on.operator.pid) as files:
            run = on.run("TaskSearch", reason="Found", targets=[{"taskID": TASK}])
        load = Load.of(control_plane) - before
        on.cool_down()
        one = on.run("TaskSearch", reason="Found", targets=[{"taskID": TASK}], schedulerClusterIDs=[1])
        return [
            Measurement(what=f"{what}: from apply to Finished", value=run.seconds, unit=" s"),
            Measurement(what=f"{what}: CPU of the operator", value=run.cpu_seconds, unit=" s"),
            on.operator_memory(f"{what}: operator's peak memory", at_most=None),
            Measurement(what=f"{what}: most open files of the operator", value=files.most),
            Measurement(what=f"{what}: a scheduler's list of hosts", value=on.fleet.listed_bytes / 2**20, unit=" MiB"),
            *load.measurements(what, runs=1),
            Measurement(
                what=f"{what}: from apply to Finished, of one cluster alone",
                value=one.seconds,
                unit=" s",
                detail={"cpu_seconds": one.cpu_seconds},
            ),
        ]
