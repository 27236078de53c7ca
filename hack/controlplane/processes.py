"""Child processes, started on a leash, ended by process id, their output kept to explain a failure."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hack.controlplane.errors import ControlPlaneError

_LEASH = Path(__file__).with_name("leash.py")
_HEARTBEAT_SECONDS = 10.0


def say(message: str) -> None:
    """Tell the person waiting; standard output is kept for what scripts read."""
    print(f"controlplane: {message}", file=sys.stderr, flush=True)


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path | None,
    environment: Mapping[str, str],
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command that dies with this process, its output appended to `log`, or where this process's goes.

    The process id is the command's own, so it may be signalled. `end` stops it and lets go of the leash.
    """
    with contextlib.nullcontext() if log is None else log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LEASH), *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=None if log is None else subprocess.STDOUT,
            env=dict(environment),
            cwd=directory,
        )


def end(process: subprocess.Popen[bytes], *, kill: bool = False, patience: float = 20.0) -> None:
    """Stop a spawned process and wait for it: SIGTERM, then SIGKILL after `patience` seconds or if `kill`."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdin is not None:
        process.stdin.close()


def run_aloud(
    command: Sequence[str | Path],
    *,
    what: str,
    remedy: str,
    log: Path,
    environment: Mapping[str, str],
    directory: Path | None = None,
) -> None:
    """Run a command to its end, saying every few seconds that it still runs.

    Raises ControlPlaneError with the end of its output when it fails; `remedy` tells what to do about that.
    """
    say(what)
    started = time.monotonic()
    log.unlink(missing_ok=True)
    process = spawn(command, log=log, environment=environment, directory=directory)
    try:
        while (code := _wait(process, _HEARTBEAT_SECONDS)) is None:
            say(f"{what}, {time.monotonic() - started:.0f} s so far ...")
    finally:
        end(process, kill=True)
    if code != 0:
        raise ControlPlaneError(f"{what} failed with exit code {code}; {remedy}", log=tail(log))


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def tail(log: Path, *, start: int = 0, lines: int = 25) -> str:
    """Read the last lines of a log file after the byte `start`, indented; empty if there are none."""
    try:
        with log.open("rb") as file:
            file.seek(start)
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
