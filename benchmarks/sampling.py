"""What can only be seen by looking again and again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_EVERY_SECONDS = 0.2


@dataclass(slots=True)
class Files:
    """The most that a process had open when it was looked at."""

    most: int = 0


@contextmanager
def most_files(pid: int) -> Iterator[Files]:
    """Look at a process's open files five times a second while the context lasts."""
    seen = Files()
    done = threading.Event()

    def look() -> None:
        while not done.wait(_EVERY_SECONDS):
            seen.most = max(seen.most, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        done.set()
        looking.join()
