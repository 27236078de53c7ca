"""TaskSearch of 20 tasks on 1,000 peers: one connection to each peer carries all."""

from __future__ import annotations

from benchmarks.comparing import compare
from benchmarks.results import Measurement
from benchmarks.stage import stage
from hack.controlplane.server import ControlPlane

PEERS = 1000
CACHED_ON = 100
TASKS = [f"{number:02x}" * 32 for number in range(1, 21)]


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with the bare loop, and count connections."""
    with stage(control_plane, peers=PEERS) as on:
        for task in TASKS:
            on.cache(task, CACHED_ON)
        compared = compare(on, "TaskSearch", TASKS, reason="Found", tries=tries)
        on.cool_down()
        on.forget_requests()
        on.run("TaskSearch", reason="Found", targets=[{"taskID": task} for task in TASKS])
        return [
            compared.ratio("search of 20 tasks on 1,000 peers, to the bare loop", at_most=1.3),
            compared.writes("20 tasks: status writes"),
            Measurement(what="20 tasks: most connections to one peer", value=on.most("connections"), at_most=1),
            on.operator_memory("20 tasks: operator's peak memory", at_most=256),
        ]
