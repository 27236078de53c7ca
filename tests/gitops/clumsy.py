"""The operator with a defect, for the content `clumsy` alone: `python -m tests.gitops.clumsy run …`."""

from __future__ import annotations

from dragonfly_task_operator import cli
from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.dragonfly import planning
from dragonfly_task_operator.dragonfly.targets import candidates
from dragonfly_task_operator.dragonfly.task_ids import Candidate

CONTENT = "clumsy"


def _clumsy(target: Target) -> tuple[Candidate, ...]:
    if target.content_for_calculating_task_id == CONTENT:
        raise KeyError("a defect")
    return candidates(target)


if __name__ == "__main__":
    planning.candidates = _clumsy  # type: ignore[attr-defined]  # planning imports it, and does not offer it
    cli.main()
