"""What is said in the API server's place: pages that are none of its own, and its Status."""

from __future__ import annotations

import json
from typing import Any

HTML = b"<html><head><title>Bad gateway</title></head><body><center>nginx</center></body></html>\n"


def status(code: int, reason: str = "", message: str = "", **details: Any) -> dict[str, Any]:
    """Give a failure as the API server tells it."""
    told: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code}
    told |= {"reason": reason} if reason else {}
    told |= {"message": message} if message else {}
    return told | ({"details": details} if details else {})


def json_of(body: object) -> bytes:
    """Write what is to be said: bytes as they are, all else in JSON."""
    return body if isinstance(body, bytes) else json.dumps(body).encode()
