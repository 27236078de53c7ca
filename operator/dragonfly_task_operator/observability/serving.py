"""A small HTTP server in a thread of its own, so that it answers also when the event loop does not.

It is not the event loop's for another reason too: Kopf waits at its end for every task that it finds there.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import WSGIApplication

SOCKET_SECONDS = 10.0
"""Most that a client may take for its next byte."""

END_SECONDS = 0.1
"""Until the end is noticed."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # the one in between looks the host's name up, which hangs where DNS does
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _ServerIPv6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = SOCKET_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Log nothing: probes and scrapes are no events."""


@contextmanager
def served(host: str, port: int, application: WSGIApplication) -> Iterator[int]:
    """Serve while the context lasts. Gives the port.

    Args:
        host: an IP address or a name; empty for every address of the machine.
        port: 0 for a free one.
        application: called in threads.

    Raises:
        OSError: the address can't be had.
    """
    every_family = not host and socket.has_dualstack_ipv6()
    server = (_ServerIPv6 if ":" in host or every_family else _Server)((host, port), _Handler)
    server.set_app(application)
    thread = Thread(target=server.serve_forever, args=(END_SECONDS,), name=f"http-{server.server_port}", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
