"""What the demo says: which step comes next and when, and what holds."""

from __future__ import annotations

import time


class DemoError(Exception):
    """Something is not as it must be."""


def check(what: str, *, holds: bool) -> None:
    """Say that something holds. Raises DemoError when it does not."""
    print(f"  {'ok' if holds else 'NOT OK':6} {what}", flush=True)
    if not holds:
        raise DemoError(what)


class Teller:
    """Says what comes next, and how long after the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    def tell(self, step: str) -> None:
        """Say what comes next, and when."""
        print(f"\n[{self.seconds:5.1f} s] {step}", flush=True)


def show(output: str) -> None:
    """Print what a program printed, a little to the right."""
    print("".join(f"  {line}\n" if line else "\n" for line in output.splitlines()), end="", flush=True)
