"""The question at a terminal, whatever is typed and whenever."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from tests.plugin.terminal import Terminal, at_terminal

QUESTION = "Delete it? [y/N]: "
AGREED, REFUSED = 10, 11
ASKS = """
import asyncio, signal, sys
from dragonfly_task_operator.plugin.previewing import is_agreed

async def ask(times):
    agreed = [await is_agreed() for _ in range(times)]
    return AGREED if all(agreed) else REFUSED if not any(agreed) else 1

signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
sys.exit(asyncio.run(ask(int(sys.argv[1]))))
""".replace("AGREED", str(AGREED)).replace("REFUSED", str(REFUSED))


@pytest.fixture
def asked(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    with at_terminal(sys.executable, "-c", ASKS, str(getattr(request, "param", 1)), environment=os.environ) as terminal:
        terminal.until(QUESTION)
        yield terminal


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("y\n", AGREED),
        ("Yes\n", AGREED),
        (" y \n", AGREED),
        ("n\n", REFUSED),
        ("NO\n", REFUSED),
        ("\n", REFUSED),
        ("\x03", REFUSED),
        ("\x04", REFUSED),
        ("ye\x03", REFUSED),
        ("y\x04", REFUSED),
    ],
)
def test_question_has_two_answers(asked: Terminal, typed: str, answer: int) -> None:
    asked.presses(typed)

    assert asked.ends() == answer


@pytest.mark.parametrize("typed", ["yy\n", "maybe\n", "n?\n", "\xff\n", "yes please\n", "DELETE\n"])
def test_question_is_asked_again_until_it_is_answered(asked: Terminal, typed: str) -> None:
    asked.presses(typed)
    asked.until("Error: invalid input")
    asked.until(QUESTION, times=2)
    asked.types("y")

    assert asked.ends() == AGREED


@pytest.mark.parametrize("asked", [100], indirect=True)
def test_ctrl_c_is_heard_however_soon_it_is_pressed(asked: Terminal) -> None:
    """Where read() waits for the answer, one of ten is lost: the one that comes just before."""
    for times in range(1, 101):
        asked.until(QUESTION, times)
        asked.presses("\x03")

    assert asked.ends() == REFUSED


def test_who_has_left_the_terminal_has_not_agreed(asked: Terminal) -> None:
    assert asked.hangs_up() not in (0, AGREED)
