"""The operator beside the bare loops, in turns, so that whatever else the machine does falls on all."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.errors import BenchError
from benchmarks.results import Measurement
from benchmarks.stage import Finished, Stage
from benchmarks.yardsticks import Answer, Loop, Question, aio_loop, go_loop

AT_ONCE = 256
"""The operator's default parallelism. The loops gain nothing from more: 2,000 at once took longer than 256."""

FLOORS = 3
"""Tries of each loop beside each run; the fastest counts."""

BOTH: Mapping[str, Loop] = {"Go": go_loop, "grpc.aio": aio_loop}
GO_ALONE: Mapping[str, Loop] = {"Go": go_loop}

AROUND = (
    "what no loop does is in it: listing the hosts on three schedulers and telling who is who, a status on the way, and"
    " at the end a TaskReport and then the status that names it, for as long as the API server takes"
)
"""What stands in the way, by the marks of a run's steps."""

WRITES_OF_A_SHORT_RUN = 10
SHORT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs of the operator of one name, each with the best floor of its time by each loop."""

    what: str
    runs: Sequence[Finished]
    floors: Mapping[str, Sequence[Answer]]

    def wall(self, loop: str, *, at_most: float | None, note: str = "", obstacle: str = "") -> Measurement:
        """Give the median of the ratios of time by the clock."""
        floors = self.floors[loop]
        ratios = [run.seconds / floor.seconds for run, floor in zip(self.runs, floors, strict=True)]
        return self._measurement(f"time to the {loop} loop's{note}", at_most, ratios, floors, obstacle)

    def cpu(self, loop: str, *, at_most: float | None) -> Measurement:
        """Give the median of the ratios of CPU time."""
        floors = self.floors[loop]
        ratios = [run.cpu_seconds / floor.cpu_seconds for run, floor in zip(self.runs, floors, strict=True)]
        return self._measurement(f"CPU to the {loop} loop's", at_most, ratios, floors)

    def _measurement(
        self,
        what: str,
        at_most: float | None,
        ratios: Sequence[float],
        floors: Sequence[Answer],
        obstacle: str = "",
    ) -> Measurement:
        return Measurement(
            what=f"{self.what}: {what}",
            value=statistics.median(ratios),
            unit=" x",
            at_most=at_most,
            obstacle=obstacle,
            detail={
                "ratios": ratios,
                **self._took(),
                "floor_seconds": [floor.seconds for floor in floors],
                "floor_cpu_seconds": [floor.cpu_seconds for floor in floors],
                "requests": floors[0].requests,
            },
        )

    def seconds(self) -> Measurement:
        """Give the median of the seconds by the clock, which no other machine needs to reach."""
        value = statistics.median(run.seconds for run in self.runs)
        return Measurement(what=f"{self.what}: from apply to Finished", value=value, unit=" s", detail=self._took())

    def cpu_seconds(self) -> Measurement:
        """Give the median of the operator's CPU seconds."""
        value = statistics.median(run.cpu_seconds for run in self.runs)
        return Measurement(what=f"{self.what}: CPU of the operator", value=value, unit=" s", detail=self._took())

    def _took(self) -> dict[str, Any]:
        return {
            "seconds": [run.seconds for run in self.runs],
            "cpu_seconds": [run.cpu_seconds for run in self.runs],
        }

    def writes(self) -> Measurement:
        """Give the most status writes of a run: at most 10 for one under 5 s, and one a second after."""
        return most_writes(f"{self.what}: status writes", self.runs)


def most_writes(what: str, runs: Sequence[Finished]) -> Measurement:
    """Give the status writes of the run that has the most for its time: 10 up to 5 s, and one a second after."""

    def allowed(run: Finished) -> float:
        return WRITES_OF_A_SHORT_RUN + max(run.seconds - SHORT_SECONDS, 0) // 1

    worst = max(runs, key=lambda run: run.writes / allowed(run))
    return Measurement(what=what, value=worst.writes, at_most=allowed(worst), detail={"seconds": worst.seconds})


def compare(
    what: str,
    stage: Stage,
    kind: str,
    task_ids: Sequence[str],
    *,
    reason: str,
    tries: int,
    prepare: Callable[[], None] = lambda: None,
    loops: Mapping[str, Loop] = BOTH,
    floors: int = FLOORS,
    pipeline: int = 1,
    targets: Sequence[Mapping[str, str]] = (),
) -> Comparison:
    """Run an object and the bare loops in turns; `prepare` puts the tasks on peers before each.

    The object names the tasks by their ids, unless `targets` name them. `pipeline` is for loops that can.

    Raises:
        BenchError: the run ended otherwise than with `reason`, or a loop made other requests than the operator.
    """
    question = Question(
        targets=stage.fleet.targets,
        task_ids=task_ids,
        deletes=kind == "TaskDeletion",
        at_once=AT_ONCE,
        pipeline=pipeline,
    )
    targets = targets or [{"taskID": task_id} for task_id in task_ids]
    runs: list[Finished] = []
    best: dict[str, list[Answer]] = {name: [] for name in loops}
    for _ in range(tries):
        prepare()
        stage.cool_down()
        stage.fleet.forget_calls()
        runs.append(stage.run(kind, reason=reason, targets=targets))
        requests = stage.fleet.requests()
        for name, loop in loops.items():
            answers: list[Answer] = []
            for _ in range(floors):
                prepare()
                answers.append(loop(question))
                if answers[-1].requests != requests:
                    raise BenchError(f"the {name} loop made {answers[-1].requests} requests, the operator {requests}")
            best[name].append(min(answers, key=lambda answer: answer.seconds))
    return Comparison(what, runs, best)
