"""Ports to listen on."""

from __future__ import annotations

import fcntl
import random
import socket

from hack.controlplane.cache import cache_folder

_PORTS = range(20_000, 32_000)
"""Below the ports that Linux (32768) and macOS (49152) give to outgoing connections.

A listener's port must not come from those: while the API server is down for a restart, a client that dials its port may
be given that very port as its own, and then it is connected to itself and the server cannot come back.
"""


def free_port() -> int:
    """Choose a TCP port that nothing listens on at any address of this machine.

    What is given one binds it seconds later, so all processes that use the same cache folder take turns: none is given
    a port that any has been given lately.

    Raises:
        ControlPlaneError: the cache folder cannot be written.
        OSError: none is free.
    """
    for _ in _PORTS:
        port = _next()
        with socket.socket() as probe:
            try:
                probe.bind(("", port))  # the wildcard meets every address in use; never listens
            except OSError:
                continue
        return port
    raise OSError(f"no free port from {_PORTS.start} to {_PORTS.stop - 1}")


def _next() -> int:
    """Take the next turn; the first is anywhere, and so is one after a file that was cut off."""
    with (cache_folder() / "last-port").open("a+") as last:
        fcntl.flock(last, fcntl.LOCK_EX)
        last.seek(0)
        said = last.read()
        before = int(said) if said.isdecimal() else random.choice(_PORTS)  # noqa: S311 -- no secret
        port = before + 1 if before + 1 in _PORTS else _PORTS.start
        last.truncate(0)
        last.write(str(port))
        return port
