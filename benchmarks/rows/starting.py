"""How soon an object has a status while 100 others keep the operator busy."""

from __future__ import annotations

from benchmarks.errors import BenchError
from benchmarks.results import Measurement
from benchmarks.stage import stage
from hack.controlplane.server import ControlPlane

OTHERS = 100
PEERS = 1000
EVERY = 100
"""Of the peers one hangs, so that none of the others has ended before all have begun."""


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Apply a deletion once each of 100 searches has said that it runs."""
    del tries
    with stage(control_plane, peers=PEERS) as on:
        on.fleet.hang(every=EVERY)
        running: set[str] = set()
        finished: set[str] = set()
        with on.watch("TaskSearch") as sightings:
            specs = [{"targets": [{"taskID": f"{number:064x}"}]} for number in range(1, OTHERS + 1)]
            others = on.apply_all("TaskSearch", specs)
            for seen in sightings:
                if seen.name in others and seen.is_write:
                    running.add(seen.name)
                    finished |= {seen.name} if seen.is_finished else set()
                    if len(running) == OTHERS:
                        break
        if finished:
            raise BenchError(f"{len(finished)} of the others had finished before all ran: they must take longer")
        on.fleet.hang(every=0)
        run = on.run("TaskDeletion", reason="NothingToDelete", targets=[{"taskID": "f" * 64}])
        return [
            Measurement(
                what="first status while 100 other runs go",
                value=run.first_status,
                unit=" s",
                at_most=1,
                detail={"seconds": run.seconds},
            ),
        ]
