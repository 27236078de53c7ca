"""Run a command that cannot outlive the process that started it: `python leash.py COMMAND [ARGUMENT...]`.

The starter holds the other end of standard input and never writes to it. The kernel closes that end however
the starter dies, kill -9 included; a watcher then kills the process group, which is the command, its children
and the watcher. The command replaces this process, so the starter's process id for it is the command's own.

Why not PR_SET_PDEATHSIG: it exists on Linux only, it fires when the starting *thread* ends, and setting it
takes a `preexec_fn`, hence a fork of a process that has threads and perhaps gRPC in it.

The group of its own also keeps Ctrl-C in a terminal from reaching the command before the starter has had its
say. Run as a file, with `python -I -S`, so it may import nothing of this repository.
"""

from __future__ import annotations

import os
import signal
import sys


def watch() -> None:
    """Wait until the starter is gone, then kill the whole group.

    The watcher belongs to the group, so the group's id cannot have been given to anything else meanwhile.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.close(1)
    os.close(2)
    while os.read(0, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main() -> None:
    """Leave a watcher behind and become the command."""
    os.setpgrp()
    if os.fork() == 0:
        watch()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 -- no shell is meant


if __name__ == "__main__":
    main()
