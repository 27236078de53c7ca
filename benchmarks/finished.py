"""Objects whose runs have ended, made by hand: faster than running them, and as large as they may ever have been."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.errors import BenchError
from benchmarks.stage import API, PLURALS
from dragonfly_task_operator.api.specs import TaskDeletionSpec, run_key
from hack.controlplane.server import ControlPlane

_AT_ONCE = 4
_THEN = "2026-11-24T00:00:00Z"
_SPEC = {"targets": [{"taskID": "e" * 64}]}


def plant(control_plane: ControlPlane, count: int, *, kibibytes: float) -> None:
    """Make finished TaskDeletions with a status of this size."""
    connections = threading.local()
    status = _status(kibibytes)

    def make(_: int) -> None:
        if not hasattr(connections, "ask"):
            connections.ask = _asker(control_plane)
        path = f"{API}/{PLURALS['TaskDeletion']}"
        metadata = {"generateName": "planted-"}
        body = {"apiVersion": "tasks.d7y.io/v1alpha1", "kind": "TaskDeletion", "metadata": metadata, "spec": _SPEC}
        made = connections.ask("POST", path, body)
        connections.ask("PUT", f"{path}/{made['metadata']['name']}/status", made | {"status": status})

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(make, range(count)):
            pass


def _asker(control_plane: ControlPlane) -> Any:
    user = json.loads(control_plane.admin_kubeconfig.read_text(encoding="utf-8"))["users"][0]["user"]
    headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": "application/json"}
    server = http.client.HTTPSConnection(
        urllib.parse.urlsplit(control_plane.url).netloc,
        timeout=60,
        context=ssl.create_default_context(cafile=control_plane.ca),
    )

    def ask(method: str, path: str, body: object) -> Any:
        server.request(method, path, json.dumps(body), headers)
        answer = server.getresponse()
        content = json.loads(answer.read())
        if answer.status >= http.client.BAD_REQUEST:
            raise BenchError(f"{method} {path} was answered {answer.status}: {content.get('message')}")
        return content

    return ask


def _status(kibibytes: float) -> dict[str, Any]:
    failure = {
        "taskID": "e" * 64,
        "hostID": "10.0.0.1-n1",
        "hostname": "n1",
        "ip": "10.0.0.1",
        "hostType": "normal",
        "schedulerClusterID": 1,
        "reason": "Internal",
        "description": "disk " * 80,
        "attempts": 7,
        "lastAttemptTime": _THEN,
    }
    size = len(json.dumps(failure, separators=(",", ":")))
    condition = {
        "reason": "PeersFailed",
        "message": "planted",
        "observedGeneration": 1,
        "lastTransitionTime": _THEN,
    }
    statuses = {"Succeeded": "False", "Finished": "True", "Stalled": "True"}
    return {
        "observedGeneration": 1,
        "runKey": run_key(TaskDeletionSpec.model_validate(_SPEC)),
        "conditions": [{"type": type_, "status": status} | condition for type_, status in statuses.items()],
        "startTime": _THEN,
        "completionTime": _THEN,
        "failures": [failure] * int(kibibytes * 1024 / size),
    }
