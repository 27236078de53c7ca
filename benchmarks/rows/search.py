"""TaskSearch of one task on 2,000 peers that the operator has no connection to."""

from __future__ import annotations

from benchmarks.comparing import compare
from benchmarks.results import Measurement
from benchmarks.stage import stage
from hack.controlplane.server import ControlPlane

PEERS = 2000
CACHED_ON = 500
TASK = "a1" * 32


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with the bare loop."""
    with stage(control_plane, peers=PEERS) as on:
        on.cache(TASK, CACHED_ON)
        compared = compare(on, "TaskSearch", [TASK], reason="Found", tries=tries)
        return [
            compared.ratio("search of 1 task on 2,000 peers, to the bare loop", at_most=1.3),
            compared.writes("search: status writes"),
            on.operator_memory("search: operator's peak memory", at_most=256),
        ]
