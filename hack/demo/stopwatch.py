"""How long each object took from being applied to being finished, as a watch sees it."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from hack.kubectl import Kubectl

_LINE = r'{.object.metadata.name} {.object.status.conditions[?(@.type=="Finished")].status}{"\n"}'


class Stopwatch:
    """Times of objects, by name."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._finished: dict[str, float] = {}
        self._changed = threading.Condition()

    def seconds(self, name: str, *, patience: float = 10.0) -> float:
        """Give seconds from first seen to first seen finished. Raises TimeoutError when that does not come."""
        with self._changed:
            if not self._changed.wait_for(lambda: name in self._finished, timeout=patience):
                raise TimeoutError(f"the watch has not shown that {name} finished within {patience:.0f} s")
            return self._finished[name] - self._seen[name]

    def read(self, lines: IO[str]) -> None:
        """Take times until the watch ends."""
        for line in lines:
            now = time.monotonic()
            name, _, finished = line.strip().partition(" ")
            with self._changed:
                self._seen.setdefault(name, now)
                if finished == "True":
                    self._finished.setdefault(name, now)
                self._changed.notify_all()


@contextmanager
def stopwatch(kubectl: Kubectl, *kinds: str) -> Iterator[Stopwatch]:
    """Watch these kinds while the context lasts."""
    watch = Stopwatch()
    with ExitStack() as stack:
        for kind in kinds:
            process = stack.enter_context(
                subprocess.Popen(
                    [
                        kubectl.binary,
                        f"--kubeconfig={kubectl.kubeconfig}",
                        *("get", kind, "--watch", "--output-watch-events", f"-o=jsonpath={_LINE}"),
                    ],
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.terminate)
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            threading.Thread(target=watch.read, args=(process.stdout,), daemon=True).start()
        yield watch
