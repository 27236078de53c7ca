"""Loopback ports to listen on."""

from __future__ import annotations

import random
import socket

# Below the ports that Linux (32768) and macOS (49152) give to outgoing connections. A listener's port must
# not come from those: while the API server is down for a restart, a client that dials its port may be given
# that very port as its own, and then it is connected to itself and the server cannot come back.
_FIRST, _LAST = 20_000, 32_000


def free_port() -> int:
    """Choose a TCP port of 127.0.0.1 that nothing listens on now; another process may yet be quicker."""
    while True:
        port = random.randint(_FIRST, _LAST)  # noqa: S311 -- no secret
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
