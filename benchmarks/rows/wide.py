"""TaskSearch of one task on 10,000 peers."""

from __future__ import annotations

from benchmarks.comparing import compare
from benchmarks.results import Measurement
from benchmarks.stage import stage
from hack.controlplane.server import ControlPlane

PEERS = 10_000
CACHED_ON = 500
TASK = "b1" * 32


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with the bare loop's CPU time."""
    with stage(control_plane, peers=PEERS) as on:
        on.cache(TASK, CACHED_ON)
        compared = compare(on, "TaskSearch", [TASK], reason="Found", tries=tries, floors=1)
        return [
            compared.cpu_ratio("search of 1 task on 10,000 peers, CPU, to the bare loop", at_most=3),
            compared.writes("10,000 peers: status writes"),
            on.operator_memory("10,000 peers: operator's peak memory", at_most=256),
        ]
