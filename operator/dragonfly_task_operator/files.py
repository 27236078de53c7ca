"""How many files this process may have open, and who may have how many of them: each connection is one.

A pod has the limit that its container runtime gives: some give a soft limit of 1,024, which a process may raise to the
hard one by itself. What is left after everything else is for connections to peers and schedulers, so that they neither
run out of files nor leave others without.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

MOST = 1 << 20
"""More are not made use of. Some systems have no limit at all."""

OF_THE_PROCESS = 48
"""Standard streams, event loops, probes and metrics, logs, certificates, name look-ups, Kopf's watches, the lease."""

LEAST = 8
"""Connections, whatever the limit is. With few enough files, some requests are waited with until others are over."""

MOST_TO_API = 16
"""Each takes 300 KB for TLS, and an API server on few cores serves no more writes for more connections."""

MOST_TO_REGISTRIES = 128
MOST_PROBES = 128
MOST_CONNECTIONS = 8192
IMAGE_CONNECTIONS = 8
"""To a registry at once for one image."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Who may have how many files open.

    Attributes:
        limit: of the process.
        api: connections to the API server.
        images: image targets that may be resolved at once.
        probes: looks at what is wrong with a connection, at once.
        connections: to peers and schedulers, in use or kept.
    """

    limit: int
    api: int
    images: int
    probes: int
    connections: int


def budget(limit: int) -> Budget:
    """Share out a limit."""
    limit = min(limit, MOST)
    api = min(max(limit // 8, 4), MOST_TO_API)
    images = min(max(limit // 8 // IMAGE_CONNECTIONS, 1), MOST_TO_REGISTRIES // IMAGE_CONNECTIONS)
    probes = min(max(limit // 16, 1), MOST_PROBES)
    left = limit - OF_THE_PROCESS - api - images * IMAGE_CONNECTIONS - probes
    return Budget(limit, api, images, probes, connections=min(max(left, LEAST), MOST_CONNECTIONS))


def raise_limit() -> tuple[int, int]:
    """Raise the soft limit of open files to the hard one, if it may be, and give what it was and what it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # by a sandbox, or because fs.nr_open has become lower than the hard limit
            return soft, soft
    return soft, wanted


def shares() -> tuple[int, Budget]:
    """Raise the limit, and share it out. Returns what the soft limit was, and who may have how many."""
    soft, limit = raise_limit()
    return soft, budget(limit)
