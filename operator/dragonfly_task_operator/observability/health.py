"""What kubelets ask: /livez, whether a restart would help; /readyz, whether the work is done or stood by for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Check = Callable[[], str | None]
"""Says what is wrong, or None. Called in a thread."""

BEAT_SECONDS = 1.0

STUCK_SECONDS = 15.0
"""An event loop that has not come round for this long is stuck: the longest that it computes in one go is under 2 s."""


class Heartbeat:
    """Tells from outside of the event loop whether it still turns."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()

    async def beat_forever(self) -> None:
        """Beat, in the event loop that is to be watched."""
        while True:
            self._last = self._clock()
            await asyncio.sleep(BEAT_SECONDS)

    def trouble(self) -> str | None:
        """Say for how long the loop has been stuck, if it is."""
        silent = self._clock() - self._last
        return f"the event loop has been stuck for {silent:.0f} s" if silent > STUCK_SECONDS else None


def endpoints(*, live: Sequence[Check], ready: Sequence[Check]) -> WSGIApplication:
    """Make the web application: 200 `ok`, or 503 and a line for each thing that is wrong."""
    checks = {"/livez": live, "/readyz": ready}

    def answer(environment: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = checks.get(str(environment["PATH_INFO"]))
        if asked is None:
            return _respond(start_response, HTTPStatus.NOT_FOUND, "there are /livez and /readyz")
        troubles = [trouble for check in asked if (trouble := check()) is not None]
        status = HTTPStatus.SERVICE_UNAVAILABLE if troubles else HTTPStatus.OK
        return _respond(start_response, status, "\n".join(troubles) or "ok")

    return answer


def _respond(start_response: StartResponse, status: HTTPStatus, text: str) -> Iterable[bytes]:
    body = f"{text}\n".encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]
