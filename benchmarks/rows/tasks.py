"""TaskSearch of 20 tasks on 1,000 peers: one connection to each peer carries all."""

from __future__ import annotations

from benchmarks.comparing import compare
from benchmarks.results import Measurement
from benchmarks.stage import stage
from hack.controlplane.server import ControlPlane

PEERS = 1000
CACHED_ON = 100
TASKS = [f"{number:02x}" * 32 for number in range(1, 21)]
MOST_TRIES = 3


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with the bare loop, and count connections."""
    what = "search of 20 tasks on 1,000 peers"
    with stage(control_plane, peers=PEERS) as on:
        on.fleet.cache(TASKS, CACHED_ON)
        compared = compare(
            what, on, "TaskSearch", TASKS, reason="Found", tries=min(tries, MOST_TRIES), floors=1, pipeline=4
        )
        on.cool_down()
        on.fleet.forget_calls()
        on.run("TaskSearch", reason="Found", targets=[{"taskID": task} for task in TASKS])
        return [
            compared.wall("Go", at_most=None),
            compared.wall("grpc.aio", at_most=1.3),
            compared.writes(),
            Measurement(what=f"{what}: most connections to one peer", value=on.fleet.most("connections"), at_most=1),
            on.operator_memory(f"{what}: operator's peak memory", at_most=256),
        ]
