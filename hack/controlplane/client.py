"""Just enough of an HTTP client to wait for the servers and to set things up as admin."""

from __future__ import annotations

import contextlib
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from hack.controlplane.errors import ControlPlaneError

_REQUEST_SECONDS = 30.0
_PROBE_SECONDS = 5.0


def answers_ok(url: str, *, ca: Path | None = None, token: str = "") -> bool:
    """Whether a GET of `url` is answered with success."""
    try:
        _open("GET", url, body=None, ca=ca, token=token, timeout=_PROBE_SECONDS)
    except (OSError, ValueError):
        return False
    return True


def request_json(method: str, url: str, body: object, *, ca: Path, token: str) -> Any:
    """Send JSON and return the JSON answered; raises ControlPlaneError if it is an error or none comes."""
    try:
        return json.loads(_open(method, url, body=body, ca=ca, token=token, timeout=_REQUEST_SECONDS))
    except urllib.error.HTTPError as error:
        with error:
            answer = error.read().decode(errors="replace")
        with contextlib.suppress(ValueError, KeyError, TypeError):
            answer = json.loads(answer)["message"]
        raise ControlPlaneError(
            f"the API server answered {error.code} to {method} {url} ({answer}); mend the request"
        ) from error
    except OSError as error:
        raise ControlPlaneError(
            f"no answer to {method} {url} ({error}); start the API server, and resume etcd if it is paused"
        ) from error


def _open(method: str, url: str, *, ca: Path | None, token: str, timeout: float, body: object) -> bytes:
    # No proxy stands between a process and its own loopback.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if ca is not None:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)))
    request = urllib.request.Request(url, method=method)  # noqa: S310 -- the addresses are our own servers
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    opener = urllib.request.build_opener(*handlers)
    with opener.open(request, timeout=timeout) as answer:
        content: bytes = answer.read()
    return content
