"""The plugin in a process of its own: in a pipe, as scripts run it, and at a terminal, as people do."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("kubectl-dragonfly")
COMPLETER = Path(sys.executable).with_name("kubectl_complete-dragonfly")
SECONDS = 120.0
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ROWS, COLUMNS = 40, 80


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a command."""

    code: int
    out: str
    err: str = ""


class Plugin:
    """`kubectl dragonfly` of one person.

    Args:
        kubeconfig: the person's.
        home: of the person.
    """

    def __init__(self, kubeconfig: Path, home: Path) -> None:
        self.environment = os.environ | {"KUBECONFIG": str(kubeconfig), "HOME": str(home), "TERM": "xterm-256color"}
        self.environment.pop("NO_COLOR", None)
        self.environment.pop("COLUMNS", None)

    def __call__(self, *words: str, given: str = "", program: Path = PROGRAM, **environment: str) -> Done:
        """Run it in a pipe."""
        done = subprocess.run(
            [program, *words],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            env=self.environment | environment,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def begun(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Start it in a pipe; it is killed if it has not ended with the block."""
        process = subprocess.Popen(
            [PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment
        )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    @contextmanager
    def at_terminal(self, *words: str, **environment: str) -> Iterator[Terminal]:
        """Start it at a terminal."""
        with at_terminal(PROGRAM, *words, environment=self.environment | environment) as terminal:
            yield terminal


@contextmanager
def at_terminal(program: str | Path, *words: str, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """Start a program at a terminal of 80 columns."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.execve(program, [str(program), *words], environment)
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    terminal = Terminal(pid, descriptor)
    try:
        yield terminal
    finally:
        terminal.close()


@dataclass(slots=True)
class Terminal:
    """A terminal, and the one process that runs at it.

    Attributes:
        raw: all that was written.
        events: what was written when, in seconds from the start.
    """

    pid: int
    descriptor: int
    raw: str = ""
    code: int | None = None
    events: list[tuple[float, str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def text(self) -> str:
        """All that was written, without colours and without moving the cursor."""
        return _ESCAPES.sub("", self.raw).replace("\r\n", "\n")

    def until(self, words: str, times: int = 1) -> None:
        """Wait until something is written so many times. Raises AssertionError."""
        give_up = time.monotonic() + SECONDS
        while self.text.count(words) < times:
            assert self._read(give_up), f"not written: {words!r} in {self.text[-500:]!r}"

    def types(self, line: str) -> None:
        """Type a line."""
        os.write(self.descriptor, f"{line}\n".encode())

    def presses(self, sign: str) -> None:
        """Press a key."""
        os.write(self.descriptor, sign.encode())

    def ends(self) -> int:
        """Wait for its end, and give the exit code. Raises AssertionError."""
        give_up = time.monotonic() + SECONDS
        while self._read(give_up):
            pass
        return self._wait(give_up)

    def hangs_up(self) -> int:
        """Take the terminal away, and give the exit code. Raises AssertionError."""
        os.close(self.descriptor)
        self.descriptor = -1
        return self._wait(time.monotonic() + SECONDS)

    def close(self) -> None:
        """Kill it if it has not ended."""
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.descriptor >= 0:
            os.close(self.descriptor)

    def _wait(self, give_up: float) -> int:
        while self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            else:
                assert time.monotonic() < give_up, f"it has not ended: {self.text[-500:]!r}"
                select.select([], [], [], 0.05)
        return self.code

    def _read(self, give_up: float) -> bool:
        """Read something. Gives whether there was, before the other end was closed or the time was over."""
        ready, _, _ = select.select([self.descriptor], [], [], max(give_up - time.monotonic(), 0))
        if not ready:
            return False
        try:
            data = os.read(self.descriptor, 1 << 16)
        except OSError:  # what Linux says when nobody has the other end any more
            return False
        text = data.decode(errors="replace")
        self.raw += text
        self.events.append((time.monotonic() - self.began, text))
        return bool(data)
