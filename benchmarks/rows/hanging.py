"""TaskSearch of one task on 2,000 peers, of which 5 % take requests and never answer."""

from __future__ import annotations

import statistics

from benchmarks.results import Measurement
from benchmarks.stage import stage
from hack.controlplane.server import ControlPlane

PEERS = 2000
CACHED_ON = 500
EVERY = 20
RPC_TIMEOUT = 5.0
TASK = "a5" * 32
LAST = (
    "who is silent is not known before: the last of them is asked when most others have answered, and the status is"
    " written after its time has passed"
)
MOST_TRIES = 3


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with the same search while all answer."""
    what = f"search of 1 task on 2,000 peers, {100 // EVERY} % of which hang"
    well, ill = [], []
    with stage(control_plane, peers=PEERS, settings=[f"--rpc-timeout={RPC_TIMEOUT:g}s"]) as on:
        on.fleet.cache([TASK], CACHED_ON)
        for _ in range(min(tries, MOST_TRIES)):
            on.cool_down()
            well.append(on.run("TaskSearch", reason="Found", targets=[{"taskID": TASK}]).seconds)
            on.fleet.hang(every=EVERY)
            on.cool_down()
            ill.append(on.run("TaskSearch", reason="PartialResults", targets=[{"taskID": TASK}]).seconds)
            on.fleet.hang(every=0)
        return [
            Measurement(
                what=f"{what}: how much longer than without (rpcTimeout {RPC_TIMEOUT:g} s)",
                value=statistics.median(ill) - statistics.median(well),
                unit=" s",
                at_most=RPC_TIMEOUT,
                obstacle=LAST,
                detail={"without": well, "seconds": ill},
            ),
            on.operator_memory(f"{what}: operator's peak memory", at_most=256),
        ]
