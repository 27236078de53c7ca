"""A secret that tests plant in specs and in what peers say. Nothing that the operator puts out may show it.

Looked for after each test file: in every status and Event, and in all that operators and tests have printed.
"""

from __future__ import annotations

import json
from typing import Any

from hack.controlplane.server import ControlPlane
from tests.objects import API_VERSION, PLURALS

SECRET = "planted-4f5e9c"
SIGNED_URL = f"https://someone:{SECRET}@models.example.com/signed.bin?X-Amz-Signature={SECRET}&v=1"


def shows(text: str) -> bool:
    """Whether a text holds the secret."""
    return SECRET in text


def leaks(control_plane: ControlPlane) -> list[str]:
    """Every status and Event that shows the secret."""
    shown = [
        f"status of {item['kind']} {item['metadata']['name']}"
        for plural in PLURALS.values()
        for item in _items(control_plane, f"/apis/{API_VERSION}/{plural}")
        if shows(json.dumps(item.get("status")))
    ]
    events = _items(control_plane, "/api/v1/events")
    return shown + [f"event {event['metadata']['name']}" for event in events if shows(json.dumps(event))]


def _items(control_plane: ControlPlane, path: str) -> list[dict[str, Any]]:
    return list(control_plane.request("GET", path)["items"])
