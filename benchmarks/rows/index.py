"""TaskSearch of an index of eight platforms on 10,000 peers, which no pace holds back: one and a half million answers.

150 ids: of 74 parts (an index, 8 manifests, 8 configs, 57 layers), of a tag, and of one more task.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.images import push_index
from benchmarks.metered import FILE_VARIABLE, late_beats
from benchmarks.results import Measurement
from benchmarks.stage import UNPACED, stage
from benchmarks.yardsticks import Question, go_loop
from hack.controlplane.server import ControlPlane
from tests.registry.real import real_registry

PEERS = 10_000
CACHED_ON = 100
PLATFORMS, LAYERS = 8, 57
TASK = "e1" * 32
AT_ONCE, PIPELINE = 256, 4
DEADLINE = 300
"""The default deadline of a search, in seconds. The run is given more: how much it takes is what is asked."""
PATIENT = 1800
ONE_TURN = (
    "what hundreds of peers have sent and are to be sent in one turn, and a look of Python's for garbage in between"
)
"""What stands in the way, by a sampler beside the loop."""


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Run it once, beside the bare Go loop."""
    del tries  # a million and a half answers are enough
    with TemporaryDirectory() as folder, real_registry(Path(folder, "registry")) as registry:
        index = push_index(registry, platforms=PLATFORMS, layers=LAYERS)
        ids = [*index.ids, TASK]
        late = Path(folder, "late-beats")
        with stage(
            control_plane,
            peers=PEERS,
            settings=[f"--registry-allowlist={registry.origin}"],
            environment=UNPACED | {FILE_VARIABLE: str(late)},
            program=("-m", "benchmarks.metered"),
        ) as on:
            on.fleet.cache(ids, CACHED_ON)
            on.cool_down()
            on.fleet.forget_calls()
            run = on.run(
                "TaskSearch",
                reason="Found",
                targets=[{"imageManifestURL": index.url}, {"taskID": TASK}],
                activeDeadlineSeconds=PATIENT,
            )
            requests = on.fleet.requests()
            memory = on.operator_memory(_what("operator's peak memory"), at_most=256)
            beats = list(late_beats(late, since=run.applied))
            on.cool_down()
            floor = go_loop(
                Question(targets=on.fleet.targets, task_ids=ids, deletes=False, at_once=AT_ONCE, pipeline=PIPELINE)
            )
        pairs = len(ids) * PEERS
        detail = {
            "seconds": run.seconds,
            "cpu_seconds": run.cpu_seconds,
            "floor_seconds": floor.seconds,
            "floor_cpu_seconds": floor.cpu_seconds,
            "requests": requests,
        }
        return [
            Measurement(what=_what("pairs that were not asked once"), value=abs(requests - pairs), at_most=0),
            Measurement(what=_what("from apply to Finished"), value=run.seconds, unit=" s", at_most=DEADLINE),
            Measurement(
                what=_what("CPU of the operator a pair"),
                value=run.cpu_seconds / pairs * 1e6,
                unit=" us",
                at_most=60,
                detail=detail,
            ),
            Measurement(
                what=_what("time to the Go loop's, 4 requests at a time to a peer"),
                value=run.seconds / floor.seconds,
                unit=" x",
                detail=detail,
            ),
            Measurement(
                what=_what("longest that the loop computed in one go"),
                value=max((each.computed for each in beats), default=0.0) * 1000,
                unit=" ms",
                at_most=100,
                obstacle=ONE_TURN,
            ),
            Measurement(
                what=_what("longest that the loop did not come round, the machine being busy"),
                value=max((each.seconds for each in beats), default=0.0) * 1000,
                unit=" ms",
            ),
            Measurement(what=_what("status writes"), value=run.writes, detail={"seconds": run.seconds}),
            memory,
        ]


def _what(figure: str) -> str:
    return f"search of an index of 150 ids on 10,000 peers, unpaced: {figure}"
