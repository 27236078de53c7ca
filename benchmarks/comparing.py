"""The operator beside the bare loop, in turns, so that whatever else the machine does falls on both."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.floor import Answer, Question, ask
from benchmarks.results import Measurement
from benchmarks.stage import BenchError, Finished, Stage

AT_ONCE = 256
"""The operator's default parallelism. The loop gains nothing from more: 2,000 at once took longer than 256."""

FLOORS = 3
"""Tries of the loop beside each run; the fastest counts."""

WRITES_OF_A_SHORT_RUN = 10
SHORT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs of the operator, each with the best floor of its time."""

    runs: Sequence[Finished]
    floors: Sequence[Answer]

    def ratio(self, what: str, *, at_most: float) -> Measurement:
        """Give the median of the ratios of time by the clock."""
        return self._measurement(what, at_most, [run.seconds / floor.seconds for run, floor in self._pairs()])

    def cpu_ratio(self, what: str, *, at_most: float) -> Measurement:
        """Give the median of the ratios of CPU time."""
        return self._measurement(what, at_most, [run.cpu_seconds / floor.cpu_seconds for run, floor in self._pairs()])

    def _pairs(self) -> Iterable[tuple[Finished, Answer]]:
        return zip(self.runs, self.floors, strict=True)

    def _measurement(self, what: str, at_most: float, ratios: Sequence[float]) -> Measurement:
        return Measurement(
            what=what,
            value=statistics.median(ratios),
            unit=" x",
            at_most=at_most,
            detail={
                "ratios": ratios,
                "seconds": [run.seconds for run in self.runs],
                "cpu_seconds": [run.cpu_seconds for run in self.runs],
                "floor_seconds": [floor.seconds for floor in self.floors],
                "floor_cpu_seconds": [floor.cpu_seconds for floor in self.floors],
                "requests": self.floors[0].requests,
            },
        )

    def writes(self, what: str) -> Measurement:
        """Give the most status writes of a run: at most 10 for one under 5 s, and one a second after."""
        return most_writes(what, self.runs)


def most_writes(what: str, runs: Sequence[Finished]) -> Measurement:
    """Give the status writes of the run that has the most for its time: 10 up to 5 s, and one a second after."""

    def allowed(run: Finished) -> float:
        return WRITES_OF_A_SHORT_RUN + max(run.seconds - SHORT_SECONDS, 0) // 1

    worst = max(runs, key=lambda run: run.writes / allowed(run))
    return Measurement(what=what, value=worst.writes, at_most=allowed(worst), detail={"seconds": worst.seconds})


def compare(
    stage: Stage,
    kind: str,
    task_ids: Sequence[str],
    *,
    reason: str,
    tries: int,
    prepare: Callable[[], None] = lambda: None,
    floors: int = FLOORS,
    targets: Sequence[Mapping[str, str]] = (),
) -> Comparison:
    """Run an object and the bare loop in turns; `prepare` puts the tasks on peers before each.

    The object names the tasks by their ids, unless `targets` name them.

    Raises:
        BenchError: the run ended otherwise than with `reason`, or the loop made other requests than the operator.
    """
    question = Question(targets=stage.targets, task_ids=task_ids, deletes=kind == "TaskDeletion", at_once=AT_ONCE)
    targets = targets or [{"taskID": task_id} for task_id in task_ids]
    runs: list[Finished] = []
    best: list[Answer] = []
    for _ in range(tries):
        prepare()
        stage.cool_down()
        stage.forget_requests()
        runs.append(stage.run(kind, reason=reason, targets=targets))
        requests = stage.requests()
        answers: list[Answer] = []
        for _ in range(floors):
            prepare()
            answers.append(ask(question))
            if answers[-1].requests != requests:
                raise BenchError(f"the loop made {answers[-1].requests} requests, the operator {requests}")
        best.append(min(answers, key=lambda answer: answer.seconds))
    return Comparison(runs, best)
