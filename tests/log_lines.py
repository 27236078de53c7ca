"""The promise of docs/logs.md, read from its tables; and whether a line of JSON keeps it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hack.installation import ROOT

DOCUMENT = ROOT / "docs" / "logs.md"
COMMON = {"time", "level", "logger", "event", "exception"}
OWN = "dragonfly_task_operator"
LESS = {"audit.lost", "run.broken", "worker.broken"}
"""Events of which some lines have fewer fields."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
_IS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "list of strings": lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
}


@dataclass(frozen=True, slots=True)
class Event:
    level: str
    fields: frozenset[str]


def events() -> dict[str, Event]:
    """Every event that is promised."""
    return {
        name: Event(level, frozenset(_words(fields)))
        for names, level, fields, _ in _rows("event", 4)
        for name in _words(names)
    }


def types() -> dict[str, str]:
    """Every field, and its type."""
    return {name: type_ for names, type_, _ in _rows("field", 3) for name in _words(names)}


def troubles(line: str) -> list[str]:
    """What a line does not keep of the promise."""
    told: dict[str, Any] = json.loads(line)
    event = str(told.get("event"))
    found = [f"no {name}" for name in COMMON - {"exception"} if not isinstance(told.get(name), str)]
    if not _TIME.fullmatch(str(told.get("time"))):
        found.append("time")
    if not str(told.get("logger")).startswith(OWN):
        return found
    promised = events().get(event)
    if promised is None:
        return [*found, "an event that is not promised"]
    given = set(told) - COMMON
    if told["level"] != promised.level:
        found.append("level")
    if given != promised.fields and not (event in LESS and given <= promised.fields):
        found.append(f"fields {sorted(given ^ promised.fields)}")
    return found + [f"type of {name}" for name in given if name in types() and not _IS[types()[name]](told[name])]


def _rows(first: str, columns: int) -> Iterator[tuple[str, ...]]:
    """The rows of the table whose first column has this title."""
    table = DOCUMENT.read_text().split(f"\n| {first} |", 1)[1].split("\n\n", 1)[0]
    for line in table.splitlines()[2:]:
        cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
        assert len(cells) == columns, line
        yield cells


def _words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)
