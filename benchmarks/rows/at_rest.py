"""10,000 finished objects, and an operator that starts: it leaves them alone."""

from __future__ import annotations

from benchmarks.results import Measurement
from benchmarks.stage import API, PATIENCE, PLURALS, stage
from benchmarks.watch import watch
from hack.controlplane.server import ControlPlane

OBJECTS = 10_000
SPEC = {"targets": [{"taskID": "e" * 64}]}


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Let one operator finish them, and start another."""
    del tries
    with stage(control_plane, peers=1) as on:
        on.run_all("TaskSearch", [SPEC] * OBJECTS)
    made: list[str] = []
    writes = 0
    with (
        watch(control_plane, f"{API}/{PLURALS['TaskSearch']}", patience=PATIENCE) as sightings,
        stage(control_plane, peers=1) as on,
    ):
        # Two searches of its own, of one request each: the second is seen after all that was there at the start.
        on.run("TaskSearch", reason="NotFound", **SPEC)
        for seen in sightings:
            if seen.kind == "ADDED":
                made.append(seen.name)
            elif seen.name not in made:
                writes += 1
            elif seen.is_finished and len(made) > 1:
                break
        return [
            Measurement(what=f"restart with {OBJECTS:,} finished objects: status writes", value=writes, at_most=0),
            Measurement(
                what=f"restart with {OBJECTS:,} finished objects: requests to peers",
                value=on.requests() - len(made),
                at_most=0,
            ),
            on.operator_memory(f"restart with {OBJECTS:,} finished objects: operator's peak memory", at_most=250),
        ]
