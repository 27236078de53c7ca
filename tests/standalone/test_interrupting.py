"""`exec` that is told to stop, or nobody listens to any more: what was done is told all the same."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from typing import IO, Any

import pytest
import yaml

from tests.objects import succeeded, wait_for
from tests.simulator.control import Control
from tests.standalone.conftest import SECONDS, Exec, Start, by_task

TASK, OTHER = "b1" * 32, "b2" * 32


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_done_is_printed(start: Start, world: Control, number: int) -> None:
    world.forget_calls()
    world.caches(TASK, on="n1,n2,n3")
    world.fails("fails", "delete", on="n3", code="INTERNAL", details="not yet")
    process = start(by_task("TaskDeletion", "purge", TASK, backoffLimit=100), by_task("TaskSearch", "after", TASK))
    wait_for(lambda: world.holders(TASK) == {"n3"}, "the other peers to be rid of it", seconds=SECONDS)
    wait_for(lambda: [name for name, _ in world.delete_requests()].count("n3") > 1, "a second round", seconds=SECONDS)

    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=SECONDS)

    first, second = yaml.safe_load_all(stdout)
    assert (process.returncode, succeeded(first["status"])) == (130, ("Unknown", "Suspended")), stderr
    assert first["status"]["peers"]["deleted"] == 2
    assert first["status"]["conditions"][0]["message"].startswith("interrupted after ")
    assert "completionTime" not in first["status"]
    assert (succeeded(second["status"]), "tasks" in second["status"]) == (("Unknown", "Pending"), False)
    assert stderr.splitlines()[-2:] == [
        f"TaskDeletion purge: Suspended: {first['status']['conditions'][0]['message']} ({seconds_of(stderr)} s)",
        "TaskSearch after: Pending: not begun: interrupted before",
    ]


def seconds_of(stderr: str) -> str:
    return stderr.splitlines()[-2].rpartition("(")[2].partition(" ")[0]


def test_peers_that_never_answer_keep_nobody_from_stopping(start: Start, world: Control) -> None:
    world.forget_calls()
    world.fails("hangs", "stat", on="all")
    process = start(by_task("TaskSearch", "find", TASK))
    wait_for(lambda: bool(world.calls()["by_peer"]), "peers to be asked", seconds=SECONDS)

    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=SECONDS)

    (found,) = yaml.safe_load_all(stdout)
    assert (process.returncode, found["status"]["reason"]) == (130, "Suspended"), stderr


def test_interrupting_it_while_it_reads_ends_with_130_too(command: list[str], environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [*command, "-f", "-"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        pipe = process.stdin
        pipe.write("# more will come\n")
        pipe.flush()
        wait_for(lambda: unread(pipe) == 0, "it to read", seconds=SECONDS)

        process.send_signal(signal.SIGINT)

        assert process.wait(SECONDS) == 130
        assert process.stdout is not None
        assert process.stderr is not None
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


def unread(pipe: IO[str]) -> int:
    """How many octets of a pipe nobody has read."""
    told = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
    return int.from_bytes(told, sys.byteorder)


def test_second_signal_ends_it_at_once(start: Start, world: Control) -> None:
    world.forget_calls()
    world.fails("hangs", "stat", on="all")
    process = start(by_task("TaskSearch", "find", TASK), stdout=subprocess.DEVNULL)
    wait_for(lambda: bool(world.calls()["by_peer"]), "peers to be asked", seconds=SECONDS)

    while process.poll() is None:
        process.send_signal(signal.SIGINT)

    assert process.returncode in (130, -signal.SIGINT)


def test_reader_that_goes_away_is_no_error_to_be_shown(start: Start, world: Control) -> None:
    world.caches(TASK, on="n1")
    process = start(by_task("TaskSearch", "find", TASK))
    assert process.stdout is not None
    process.stdout.close()

    process.stdout = None
    _, stderr = process.communicate(timeout=SECONDS)

    assert "Traceback" not in stderr


def test_pipe_gets_a_line_now_and_then(start: Start, world: Control) -> None:
    world.fails("fails", "stat", on="n1", code="UNAVAILABLE", details="soon")
    process = start(by_task("TaskSearch", "find", TASK, activeDeadlineSeconds=60))
    assert process.stderr is not None

    line = process.stderr.readline()

    assert line.startswith("TaskSearch find: "), line
    assert "\x1b" not in line


def on_a_terminal(start: Start, *objects: dict[str, Any]) -> tuple[str, subprocess.Popen[str]]:
    """Start `exec` with a terminal for its stderr, and give all that was shown on that."""
    shown, terminal = pty.openpty()
    process = start(*objects, stderr=terminal)
    os.close(terminal)
    seen = b""
    while True:
        try:
            more = os.read(shown, 4096)
        except OSError:  # how Linux says that nobody has the other end open any more
            break
        if not more:
            break
        seen += more
    os.close(shown)
    return seen.decode(), process


def test_terminal_gets_a_bar_that_is_drawn_over(start: Start, world: Control) -> None:
    world.caches(OTHER, on="n1")
    world.conditions(latency=0.5)
    try:
        seen, process = on_a_terminal(start, by_task("TaskSearch", "find", OTHER))
    finally:
        world.conditions(latency=0.0)

    drawn = seen.split("\r\x1b[2K")
    assert process.wait(SECONDS) == 0
    assert any(each.startswith("find  [-") for each in drawn), drawn
    assert drawn[-1].startswith("TaskSearch find: Found: cached on 1 of 7 peers ("), drawn


def test_terminal_that_can_do_nothing_gets_lines(
    execute: Exec, start: Start, environment: dict[str, str], world: Control
) -> None:
    environment["TERM"] = "dumb"

    seen, _ = on_a_terminal(start, by_task("TaskSearch", "find", TASK))

    assert "\x1b" not in seen
