"""TaskSearch on 2,000 peers while another search is at one peer that sends garbage, floods, or trickles.

The hostile one is alone in a scheduler cluster of its own, so that whose time it is can be told.
"""

from __future__ import annotations

import statistics

from benchmarks.errors import BenchError
from benchmarks.results import Measurement
from benchmarks.stage import Stage, stage
from hack.controlplane.server import ControlPlane

PEERS = 2000
CACHED_ON = 500
TASK = "a7" * 32
ATTACKS = {
    "garbage": "sends garbage",
    "flood": "floods with 100,000 PINGs a second",
    "trickle": "sends one octet at a time",
}
MOST_TRIES = 3
LEAST_NOISE = 1.1


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with the same search while nobody is asked by another; what must be reached is the spread of those."""
    alone: list[float] = []
    beside: dict[str, list[float]] = {how: [] for how in ATTACKS}
    with stage(control_plane, peers=[PEERS, 1]) as on:
        on.fleet.cache([TASK], CACHED_ON)
        for _ in range(min(tries, MOST_TRIES)):
            for how, doing in ATTACKS.items():
                on.cool_down()
                alone.append(_search(on))
                on.fleet.attack(PEERS, how)
                on.cool_down()
                attacked = on.apply("TaskSearch", targets=[{"taskID": TASK}], schedulerClusterIDs=[2])
                beside[how].append(_search(on))
                if (reason := on.reason_at_the_end("TaskSearch", attacked)) != "PartialResults":
                    raise BenchError(f"a peer that {doing} was said to have answered: {reason}")
                on.fleet.attack(PEERS, "")
        usual = statistics.median(alone)
        noise = max(LEAST_NOISE, max(alone) / usual)
        return [
            Measurement(
                what=f"search on 2,000 peers while one peer {ATTACKS[how]}: time to that without",
                value=statistics.median(seconds) / usual,
                unit=" x",
                at_most=round(noise, 2),
                detail={"without": alone, "seconds": seconds, "ratios": [each / usual for each in seconds]},
            )
            for how, seconds in beside.items()
        ] + [on.operator_memory("search on 2,000 peers beside a hostile one: operator's peak memory", at_most=256)]


def _search(on: Stage) -> float:
    return on.run("TaskSearch", reason="Found", targets=[{"taskID": TASK}], schedulerClusterIDs=[1]).seconds
