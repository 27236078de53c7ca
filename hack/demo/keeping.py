"""`make demo KEEP=1`: the demo stays in the background, after its result has been told."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable

STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_CHUNK = 1 << 16


def in_background(work: Callable[[Callable[[], None]], int]) -> int:
    """Run `work` in a child in a session of its own, and return its result while the child goes on.

    `work` gives an exit code. It is given a function to call once all is well and told: that returns when a signal
    asks the child to stop. What the child and its own children print goes through this process, so that whoever waits
    for the end of the demo's output has it when this process ends.
    """
    output, write_output = os.pipe()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        for end in (1, 2):
            os.dup2(write_output, end)
        for end in (output, told, write_output):
            os.close(end)
        _work(work, tell)
    os.close(write_output)
    os.close(tell)
    try:
        return _relay(output, told)
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise


def _work(work: Callable[[Callable[[], None]], int], tell: int) -> None:
    def hold() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
        sys.stdout.flush()
        os.write(tell, b"0")
        os.close(tell)
        signal.sigwait(STOP)

    code = 1
    try:
        code = work(hold)
    except BaseException:  # noqa: BLE001 - the end of this process: what is not printed here is lost
        traceback.print_exc()
    with contextlib.suppress(OSError):  # it has been told already, and nobody listens any more
        sys.stdout.flush()
        os.write(tell, str(code).encode())
    os._exit(code)


def _relay(output: int, told: int) -> int:
    """Print what comes until the result is told, or never will be."""
    while True:
        ready, _, _ = select.select([output, told], [], [])
        if output in ready:
            # What was printed before the result is printed first.
            sys.stdout.buffer.write(os.read(output, _CHUNK))
            sys.stdout.buffer.flush()
        elif told in ready:
            return int(os.read(told, _CHUNK) or 1)
