"""What an object needs now, from its spec, its status and the time."""

from __future__ import annotations

from datetime import UTC, datetime

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.specs import TaskSearchSpec
from dragonfly_task_operator.api.status import Status
from dragonfly_task_operator.engine.lifecycle import Begin, Rest, decide
from dragonfly_task_operator.kube.composing import fail

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SPEC = TaskSearchSpec.model_validate({"targets": [{"taskID": "a1" * 32}]})


def test_untouched_object_is_run() -> None:
    assert isinstance(decide(SPEC, Status(), generation=1, now=NOW), Begin)


def test_object_that_the_operator_gave_up_on_is_not_tried_over_and_over() -> None:
    given_up = fail(Status(), Reason.INTERNAL_ERROR, "see the log", spec=SPEC, generation=1, now=NOW)

    assert decide(SPEC, given_up, generation=1, now=NOW) == Rest()
