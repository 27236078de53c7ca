"""Which event loop the operator runs on: libuv's where there is one for this platform, else Python's own.

Connections are what a search costs, and each is a few entries in the loop's books: a sixth of the CPU time
(docs/adr/0015-lean-transport.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Give what makes the loop."""
    try:
        import uvloop  # noqa: PLC0415 - there is none for every platform
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def name_of(loop: asyncio.AbstractEventLoop) -> str:
    """Say for logs whose loop it is: `uvloop` or `asyncio`."""
    return type(loop).__module__.partition(".")[0]
