"""The run key: what is never to change for an object that there is, whatever is added to the models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
import yaml
from pydantic import Field

from dragonfly_task_operator.api.base import Model
from dragonfly_task_operator.api.specs import Spec, TaskDeletionSpec, TaskSearchSpec, run_key
from dragonfly_task_operator.api.targets import Target

ROWS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parents[2] / "data" / "run_keys.yaml").read_text())
MODELS: dict[str, type[Spec]] = {"TaskSearch": TaskSearchSpec, "TaskDeletion": TaskDeletionSpec}
TASK = "a1" * 32


class Window(Model):
    """A made-up part of a later version."""

    days: int = 7
    zone: str = "UTC"


class LaterTarget(Target):
    """A target with fields of a later version."""

    layers: str = "all"
    aliases: Annotated[list[str], Field(default_factory=list)]
    window: Window = Window()


class LaterSearch(TaskSearchSpec):
    """A search of a later version."""

    WORK: ClassVar[frozenset[str]] = TaskSearchSpec.WORK | {"depth", "zones", "window"}
    targets: list[LaterTarget]  # type: ignore[assignment]
    depth: int = 3
    zones: Annotated[list[str], Field(default_factory=list)]
    window: Window = Window()
    colour: str = "red"


class LaterDeletion(TaskDeletionSpec):
    """A deletion of a later version."""

    WORK: ClassVar[frozenset[str]] = TaskDeletionSpec.WORK | {"depth", "zones", "window"}
    targets: list[LaterTarget]  # type: ignore[assignment]
    depth: int = 3
    zones: Annotated[list[str], Field(default_factory=list)]
    window: Window = Window()
    colour: str = "red"


LATER: dict[str, type[Spec]] = {"TaskSearch": LaterSearch, "TaskDeletion": LaterDeletion}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["key"])
def test_key_is_what_it_was_when_the_object_was_first_kept(row: dict[str, Any]) -> None:
    assert run_key(MODELS[row["kind"]].model_validate(row["spec"])) == row["key"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["key"])
def test_fields_that_a_later_version_adds_do_not_change_the_key_of_what_lacks_them(row: dict[str, Any]) -> None:
    assert run_key(LATER[row["kind"]].model_validate(row["spec"])) == row["key"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["key"])
def test_defaults_that_an_api_server_fills_in_do_not_change_the_key(row: dict[str, Any]) -> None:
    filled = row["spec"] | {"depth": 3, "zones": [], "window": {"days": 7}, "colour": "red"}
    filled["targets"] = [each | {"layers": "all", "aliases": [], "window": {}} for each in filled["targets"]]

    assert run_key(LATER[row["kind"]].model_validate(filled)) == row["key"]


@pytest.mark.parametrize(
    "added",
    [
        {"depth": 4},
        {"zones": ["a"]},
        {"window": {"days": 8}},
        {"targets": [{"taskID": TASK, "layers": "top"}]},
        {"targets": [{"taskID": TASK, "aliases": ["b"]}]},
        {"targets": [{"taskID": TASK, "window": {"zone": "CET"}}]},
    ],
)
@pytest.mark.parametrize("model", [LaterSearch, LaterDeletion])
def test_added_field_of_the_work_that_is_set_makes_another_key(
    model: type[LaterSearch | LaterDeletion], added: dict[str, Any]
) -> None:
    plain = {"targets": [{"taskID": TASK}]}

    assert run_key(model.model_validate(plain | added)) != run_key(model.model_validate(plain))


def test_added_field_that_is_not_of_the_work_is_no_part_of_the_key() -> None:
    plain = {"targets": [{"taskID": TASK}]}

    assert run_key(LaterSearch.model_validate(plain | {"colour": "blue"})) == run_key(LaterSearch.model_validate(plain))
