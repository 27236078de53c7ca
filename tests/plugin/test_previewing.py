"""The question at a terminal, whatever is typed and whenever."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator

import pytest

from tests.plugin.terminal import Terminal, at_terminal

QUESTION = "Delete it? [y/N]: "
AGREED, REFUSED = 10, 11
ASKS = """
import asyncio, os, signal, sys
from dragonfly_task_operator.plugin.previewing import is_agreed

signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
signal.signal(signal.SIGINT, signal.SIG_IGN)
codes = set()
for _ in range(int(sys.argv[1])):
    child = os.fork()  # the plugin asks once
    if not child:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.exit(AGREED if asyncio.run(is_agreed()) else REFUSED)
    codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
sys.exit(codes.pop() if len(codes) == 1 else 1)
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
    """Where read() waits for the answer, some are lost that come just before: mostly one of a hundred, or several."""
    asked.presses("\x03")
    for _ in range(99):
        written = b""
        while not written.endswith(QUESTION.encode()):  # at once: what `until` does in between takes too long
            assert select.select([asked.descriptor], [], [], 30)[0], "a Ctrl-C was not heard"
            written += os.read(asked.descriptor, 1 << 10)
        os.write(asked.descriptor, b"\x03")

    assert asked.ends() == REFUSED


def test_who_has_left_the_terminal_has_not_agreed(asked: Terminal) -> None:
    assert asked.hangs_up() not in (0, AGREED)
