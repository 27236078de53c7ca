"""How the C library shares out this process's memory.

It gives threads heaps of their own, up to eight for each core, and what one of them has freed, no other takes. gRPC has
a thread for each core and more, and after ten thousand connections a quarter of the memory was held for nothing
(docs/adr/0013-many-objects.md).
"""

from __future__ import annotations

import ctypes

MOST = 2
_M_ARENA_MAX = -8
"""The name of the setting in mallopt(3)."""


def bound() -> bool:
    """Have no more than two heaps. To be called before there are threads. Returns whether the C library does it."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False  # another C library than glibc
    return bool(mallopt(_M_ARENA_MAX, MOST))
