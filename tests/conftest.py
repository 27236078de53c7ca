"""What holds for every test."""

from __future__ import annotations

import asyncio


def pytest_configure() -> None:
    """Have no event loop but those that tests ask for.

    looptime asks the policy for one before every test, and the policy would make one for a test that is not async,
    which nobody closes: a ResourceWarning at whatever test the garbage collector runs in. Told that there is none, the
    policy makes none.
    """
    asyncio.set_event_loop(None)
