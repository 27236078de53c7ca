"""How the C library shares out this process's memory.

It gives threads heaps of their own, up to eight for each core, and what one of them has freed, no other takes. gRPC has
a thread for each core and more, and after ten thousand connections a quarter of the memory was held for nothing
(docs/adr/0013-many-objects.md).

What is large it asks of the system, and gives it back at once; but with each such block that was freed it takes that
size for small, up to 32 MiB, and then keeps what is freed. A scheduler's list of ten thousand hosts is 4 MiB.
"""

from __future__ import annotations

import ctypes

MOST = 2
_M_ARENA_MAX = -8
_M_MMAP_THRESHOLD = -3
"""The names of the settings in mallopt(3)."""

LARGE = 256 * 1024
"""Bytes. Said once, it stays so."""


def bound() -> bool:
    """Have no more than two heaps, and what is large in none. To be called before there are threads.

    Returns:
        whether the C library does it.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False  # another C library than glibc
    return bool(mallopt(_M_ARENA_MAX, MOST) and mallopt(_M_MMAP_THRESHOLD, LARGE))
