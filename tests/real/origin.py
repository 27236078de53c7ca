"""The server that peers download from.

It answers for any host name, because dfdaemons are told to use it as their HTTP proxy: so URLs with upper-case, IDN
or port-less hosts can be downloaded without a name server or a privileged port.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

_PATIENCE_SECONDS = 300.0  # a download that nobody lets go on ends with the test run, not never


@dataclass(slots=True)
class Gate:
    """What is held back is sent when `opened` is set; `reached` counts the answers that wait, or have waited.

    Dfdaemon asks twice: for one byte, to learn the length, and then for the content.
    """

    at_first_byte: bool
    reached: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    opened: threading.Event = field(default_factory=threading.Event)


class Origin:
    """Files by path, whatever the host and the query; any path that ends like a file's is the file's.

    A path that nobody has put a file at is answered with 404. `gets` counts how often each was downloaded.
    """

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._gates: dict[str, Gate] = {}
        self.gets: Counter[str] = Counter()
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                origin._answer(self, with_body=False)

            def do_GET(self) -> None:
                origin._answer(self, with_body=True)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Serve while the context lasts."""
        origin = cls()
        thread = threading.Thread(target=origin._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield origin
        finally:
            for gate in origin._gates.values():
                gate.opened.set()
            origin._server.shutdown()
            origin._server.server_close()
            thread.join()

    @property
    def url(self) -> str:
        """Where it is, without a path: also the HTTP proxy for dfdaemons."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def puts(self, path: str, content: bytes) -> str:
        """Have a file, instead of the one that was there; returns its URL."""
        self._files[path] = content
        return f"{self.url}{path}"

    def holds_back(self, path: str, *, at_first_byte: bool = False) -> Gate:
        """Send only the first half of a file's content until the gate is opened, or not even the first byte."""
        gate = self._gates[path] = Gate(at_first_byte)
        return gate

    def _answer(self, request: BaseHTTPRequestHandler, *, with_body: bool) -> None:
        asked = urlsplit(request.path).path
        path = next((each for each in self._files if asked.endswith(each)), None)
        if path is None:
            request.send_response(404)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        content = self._files[path]
        first, last = 0, len(content) - 1
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", "")):
            first, last = int(wanted[1]), min(int(wanted[2] or last), last)
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        else:
            request.send_response(200)
        part = content[first : last + 1]
        request.send_header("Content-Length", str(len(part)))
        request.send_header("Accept-Ranges", "bytes")
        request.end_headers()
        if with_body:
            self.gets[path] += 1
            self._send(request, part, self._gates.get(path))

    def _send(self, request: BaseHTTPRequestHandler, part: bytes, gate: Gate | None) -> None:
        half = len(part) // 2
        try:
            if gate is not None and gate.at_first_byte == (len(part) == 1):
                request.wfile.write(part[:half])
                request.wfile.flush()
                gate.reached.release()
                gate.opened.wait(_PATIENCE_SECONDS)
                part = part[half:]
            request.wfile.write(part)
        except (BrokenPipeError, ConnectionResetError):
            request.close_connection = True  # the peer was killed, or gave up
