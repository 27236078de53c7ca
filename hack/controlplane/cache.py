"""Where built things are kept, and the lock that lets one process at a time put something there."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.processes import say

_POLL_SECONDS = 0.5
_HEARTBEAT_SECONDS = 10.0


def cache_folder() -> Path:
    """Return the project's cache folder, made if need be; TASK_OPERATOR_CACHE names another one."""
    if chosen := os.environ.get("TASK_OPERATOR_CACHE"):
        folder = Path(chosen).expanduser().absolute()
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        folder = Path(base).expanduser().absolute() / "dragonfly-task-operator"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ControlPlaneError(
            f"cannot make the cache folder {folder} ({error.strerror});"
            " set TASK_OPERATOR_CACHE to a folder that can be written"
        ) from error
    return folder


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; wait for it, and say so, while another process builds there."""
    with (folder / "lock").open("a") as lock:
        started = time.monotonic()
        said = 0.0
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - started
                if said == 0.0 or waited - said >= _HEARTBEAT_SECONDS:
                    said = max(waited, 0.001)
                    say(f"waiting for another process that builds in {folder}, {waited:.0f} s so far ...")
                time.sleep(_POLL_SECONDS)
        yield
