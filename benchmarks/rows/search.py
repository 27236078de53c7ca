"""TaskSearch of one task on 2,000 peers that the operator has no connection to."""

from __future__ import annotations

from benchmarks.comparing import AROUND, compare
from benchmarks.results import Measurement
from benchmarks.stage import stage
from hack.controlplane.server import ControlPlane

PEERS = 2000
CACHED_ON = 500
TASK = "a1" * 32


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with the bare loops."""
    with stage(control_plane, peers=PEERS) as on:
        on.fleet.cache([TASK], CACHED_ON)
        compared = compare("search of 1 task on 2,000 peers", on, "TaskSearch", [TASK], reason="Found", tries=tries)
        return [
            compared.wall("Go", at_most=1.2),
            compared.cpu("Go", at_most=1.2),
            compared.wall("grpc.aio", at_most=0.7, obstacle=AROUND),
            compared.cpu("grpc.aio", at_most=None),
            compared.wall("grpc.aio", at_most=1.3, note=", at the least"),
            compared.seconds(),
            compared.cpu_seconds(),
            compared.writes(),
            on.operator_memory("search of 1 task on 2,000 peers: operator's peak memory", at_most=256),
        ]
