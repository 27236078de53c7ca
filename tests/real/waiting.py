"""Waiting for a condition, with a deadline, and saying what was waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_POLL_SECONDS = 0.05
_SECONDS = 30.0

Found = TypeVar("Found")


def until(what: str, look: Callable[[], Found], *, seconds: float = _SECONDS) -> Found:
    """Look until what is seen is true, and return it. Raises TimeoutError, which says what was waited for."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}; last seen: {found!r}")
        time.sleep(_POLL_SECONDS)
    return found
