"""What a situation is, and what is said in it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import yaml

from dragonfly_task_operator.errors import RunError
from tests.messages.stage import Stage

KINDS = ("logins", "answers", "documents", "connections", "secrets")
"""The modules of situations, each with a file under tests/data/messages."""
GOLDEN = Path(__file__).parents[1] / "data" / "messages"

Said = tuple[str, str]
"""A reason, and a message."""
Situation = Callable[[Stage], Awaitable[object]]

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
_ALL: dict[str, dict[str, Situation]] = {}


def situation(title: str) -> Callable[[Situation], Situation]:
    """Register a coroutine as a situation of its module."""

    def register(function: Situation) -> Situation:
        kind = function.__module__.rpartition(".")[2]
        assert title not in _ALL.setdefault(kind, {}), f"there are two situations called {title!r}"
        _ALL[kind][title] = function
        return function

    return register


def situations(kind: str) -> dict[str, Situation]:
    """Give those of a module, by title, in order."""
    importlib.import_module(f"tests.messages.{kind}")
    return _ALL[kind]


async def said(of: Situation) -> Said:
    """Bring a situation about and tell what is said, with a time where there is one in place of the very time.

    Raises:
        AssertionError: nothing was amiss.
    """
    async with Stage.open() as stage:
        try:
            result = await of(stage)
        except RunError as error:
            result = str(error.reason), str(error)
        assert isinstance(result, tuple), "nothing was amiss"
        reason, message = result
        return reason, _TIME.sub("TIME", stage.without_ports(message))


def golden(kind: str) -> dict[str, dict[str, str]]:
    """Read what is to be said, by title."""
    path = GOLDEN / f"{kind}.yaml"
    content: dict[str, dict[str, str]] = yaml.safe_load(path.read_text()) if path.exists() else {}
    return content


def write(kind: str, content: dict[str, dict[str, str]]) -> None:
    """Write it, to be read by people."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(content, sort_keys=False, width=116, allow_unicode=True)
    (GOLDEN / f"{kind}.yaml").write_text(re.sub(r"\n(?=\S)", "\n\n", text.rstrip("\n")) + "\n")
