"""Finished objects, and an operator that starts: it leaves them alone, and keeps nothing of them.

5,000 with large statuses are what once took more memory than the Deployment has; 10,000 small ones are what takes time.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request

from benchmarks.finished import plant
from benchmarks.results import Measurement
from benchmarks.stage import API, PATIENCE, PLURALS, stage, wait_for
from benchmarks.watch import watch
from hack.controlplane.ports import free_port
from hack.controlplane.server import ControlPlane

SMALL, MIDDLE, LARGE = 10_000, 3_500, 1_500
MIDDLE_KIB, LARGE_KIB = 53, 132
START_SECONDS = 15
MEMORY_MB = 256


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Start an operator on many small objects, and another one when large ones have come to them."""
    del tries
    plant(control_plane, SMALL, kibibytes=0.5)
    measured = _start(control_plane, f"{SMALL:,} finished objects", at_most=START_SECONDS)
    plant(control_plane, MIDDLE, kibibytes=MIDDLE_KIB)
    plant(control_plane, LARGE, kibibytes=LARGE_KIB)
    many = f"{MIDDLE:,} more of {MIDDLE_KIB} KiB and {LARGE:,} of {LARGE_KIB} KiB"
    return measured + _start(control_plane, many, at_most=None)


def _start(control_plane: ControlPlane, what: str, *, at_most: float | None) -> list[Measurement]:
    port = free_port()
    collection = f"{API}/{PLURALS['TaskDeletion']}"
    with (
        watch(control_plane, collection, patience=PATIENCE) as sightings,
        stage(control_plane, peers=1, settings=[f"--health-bind-address=127.0.0.1:{port}"]) as on,
    ):
        wait_for("both kinds to be watched", lambda: _is_ready(port))
        seconds = time.monotonic() - on.operator_started
        # One of its own, which asks nobody: its status is written after all that was there at the start has been seen.
        own = on.apply("TaskDeletion", suspend=True, targets=[{"taskID": "f" * 64}])
        writes = 0
        for seen in sightings:
            if seen.is_write and seen.name == own:
                break
            writes += seen.is_write
        of_the_stage = 1
        return [
            Measurement(what=f"restart with {what}: until all are seen", value=seconds, unit=" s", at_most=at_most),
            Measurement(what=f"restart with {what}: status writes", value=writes, at_most=0),
            Measurement(
                what=f"restart with {what}: requests to peers",
                value=on.fleet.requests() - of_the_stage,
                at_most=0,
            ),
            on.operator_memory(f"restart with {what}: operator's peak memory", at_most=MEMORY_MB),
        ]


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False
