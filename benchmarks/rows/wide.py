"""TaskSearch of one task on 10,000 peers."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.comparing import compare
from benchmarks.results import Measurement
from benchmarks.stage import stage
from hack.controlplane.server import ControlPlane

PEERS = 10_000
CACHED_ON = 500
TASK = "b1" * 32
MEMORY = (
    "most of it is what the operator imports and has at rest; then come ten thousand hosts, what is known of each, and"
    " connections to them"
)


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with the bare loops."""
    what = "search of 1 task on 10,000 peers"
    with stage(control_plane, peers=PEERS) as on:
        on.fleet.cache([TASK], CACHED_ON)
        compared = compare(what, on, "TaskSearch", [TASK], reason="Found", tries=tries, floors=1)
        return [
            compared.wall("Go", at_most=1.2),
            compared.cpu("Go", at_most=None),
            compared.wall("grpc.aio", at_most=None),
            compared.cpu("grpc.aio", at_most=3),
            compared.seconds(),
            compared.cpu_seconds(),
            compared.writes(),
            replace(on.operator_memory(f"{what}: operator's peak memory", at_most=160), obstacle=MEMORY),
        ]
