"""The custom objects of tests: how they are written, what they say, and waiting for them, in the words of people."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from hack.controlplane.server import ControlPlane

API_VERSION = "tasks.d7y.io/v1alpha1"
PLURALS = {"TaskSearch": "tasksearches", "TaskDeletion": "taskdeletions"}
POLL_SECONDS = 0.05

Holds = Callable[[dict[str, Any]], bool]


def manifest(kind: str, name: str, target: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"targets": [target], **spec},
    }


def condition(status: dict[str, Any], type_: str) -> dict[str, Any]:
    return next((dict(each) for each in status["conditions"] if each["type"] == type_), {})


def succeeded(status: dict[str, Any]) -> tuple[str, str]:
    each = condition(status, "Succeeded")
    return each["status"], each["reason"]


def is_finished(status: dict[str, Any]) -> bool:
    return condition(status, "Finished").get("status") == "True"


def is_running(status: dict[str, Any]) -> bool:
    return succeeded(status)[1] == "Running"


class Objects:
    """The objects of the namespace `default`, as the API server has them."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane

    def path(self, kind: str, name: str = "") -> str:
        return f"/apis/{API_VERSION}/namespaces/default/{PLURALS[kind]}{f'/{name}' if name else ''}"

    def create(self, body: dict[str, Any]) -> None:
        self._control_plane.request("POST", self.path(body["kind"]), body)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return dict(self._control_plane.request("GET", self.path(kind, name)))

    def all(self, kind: str) -> list[dict[str, Any]]:
        return list(self._control_plane.request("GET", self.path(kind))["items"])

    def status(self, kind: str, name: str) -> dict[str, Any]:
        return dict(self.get(kind, name)["status"])

    def clear(self, kind: str) -> None:
        """Delete all of a kind at once; kubectl would do it one by one."""
        self._control_plane.request("DELETE", self.path(kind))

    def until(self, kind: str, name: str, holds: Holds, *, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until this holds of the status, and give that status. Raises AssertionError with the last one."""
        give_up = time.monotonic() + seconds
        while not holds(status := self.status(kind, name)):
            what = getattr(holds, "__name__", "what is waited for")
            assert time.monotonic() < give_up, f"not {what} of {kind} {name} after {seconds} s: {status}"
            time.sleep(POLL_SECONDS)
        return status


def wait_for(holds: Callable[[], bool], what: str, *, seconds: float = 60.0) -> float:
    """Wait until this holds, and give how many seconds it took. Raises AssertionError."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + seconds, f"waited {seconds} s for {what}"
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began
