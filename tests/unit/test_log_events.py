"""What docs/logs.md promises of the log, the code keeps: each event, its level and its fields."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.log_lines import COMMON, DOCUMENT, LESS, events, types

ROOT = Path(__file__).parents[2] / "operator" / "dragonfly_task_operator"
LEVELS = {"debug", "info", "warning", "error", "exception"}
ABOUT_A_RUN = {"object", "uid", "run"}
"""What `_named` and `about` give."""


@dataclass(frozen=True, slots=True)
class Call:
    where: str
    events: tuple[str, ...]
    level: str
    fields: frozenset[str]


def calls() -> Iterator[Call]:
    """Every `log.LEVEL("event", extra=fields(...))` of the operator."""
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).removeprefix("log.") in LEVELS:
                method = ast.unparse(node.func).removeprefix("log.")
                extra = next((each.value for each in node.keywords if each.arg == "extra"), None)
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield Call(where, _names(node.args[0]), _level(method), frozenset(_fields(extra, tree)))


def _level(method: str) -> str:
    return "error" if method == "exception" else method


def _names(first: ast.expr) -> tuple[str, ...]:
    if isinstance(first, ast.Constant):
        return (str(first.value),)
    return ("watch.refused", "watch.lost")  # the one that is chosen where it is said


def _fields(extra: ast.expr | None, tree: ast.Module) -> set[str]:
    if extra is None:
        return set()
    if isinstance(extra, ast.Name):  # made just before
        made = (node.value for node in ast.walk(tree) if isinstance(node, ast.Assign) and _is_named(node, extra.id))
        return _fields(next(made), tree)
    assert isinstance(extra, ast.Call), ast.unparse(extra)
    given = {each.arg for each in extra.keywords if each.arg is not None}
    is_about_a_run = ast.unparse(extra.func).endswith("_named") or any(each.arg is None for each in extra.keywords)
    return given | (ABOUT_A_RUN if is_about_a_run else set())


def _is_named(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


CALLS = list(calls())


def test_calls_are_found() -> None:
    assert len(CALLS) > 40


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.where.replace("/", "."))
def test_event_is_documented_with_its_level_and_its_fields(call: Call) -> None:
    promised = events()
    for name in call.events:
        assert name in promised, f"{name} of {call.where} is not in {DOCUMENT.name}"
        assert call.level == promised[name].level
        if name in LESS:
            assert call.fields <= promised[name].fields
        else:
            assert call.fields == promised[name].fields


def test_no_event_is_promised_that_nothing_tells() -> None:
    assert set(events()) == {name for call in CALLS for name in call.events}


def test_every_field_of_an_event_has_a_type_and_none_is_that_of_each_line() -> None:
    used = {field for event in events().values() for field in event.fields}

    assert used == set(types())
    assert used & COMMON == set()


def test_events_have_names_of_one_form() -> None:
    assert [name for name in events() if not re.fullmatch(r"[a-z]+\.[a-z_]+", name)] == []
