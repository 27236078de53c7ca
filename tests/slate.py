"""A control plane as it was: what a test file leaves there is gone before the next one begins.

Read from etcd and written there, in milliseconds. The API server would have to be asked for every kind that there is,
and what stands in the way of a deletion (a policy that forbids it, a namespace that nobody finishes) would have to be
known. It watches etcd, and sees at once what is done there.
"""

from __future__ import annotations

import base64
import contextlib
import json
import urllib.request
from typing import Any

from dragonfly_task_operator.api.base import API_VERSION
from dragonfly_task_operator.api.kinds import RESOURCES
from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.server import ControlPlane

_SECONDS = 30.0
_AT_ONCE = 100
"""Changes in a transaction; etcd takes 128."""
_API_SERVERS_OWN = (
    "/registry/apiregistration.k8s.io/",  # it makes them of the CRDs
    "/registry/leases/kube-system/",
    "/registry/peerserverleases/",
)


class Slate:
    """What a control plane holds when this is made, to have it so again."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self.control_plane = control_plane
        self._kept = {pair["key"]: pair for pair in self._pairs()}

    def serves_kinds(self) -> bool:
        """Tell whether the API server serves our kinds: after a restart, it does a while after it says it is ready."""
        with contextlib.suppress(ControlPlaneError):
            for each in RESOURCES:
                self.control_plane.request("GET", f"/apis/{API_VERSION}/{each.plural}?limit=1")
            return True
        return False

    def written(self) -> list[str]:
        """Give the keys in etcd of whatever has come, changed or gone since."""
        return sorted(map(_decoded, self._differing()))

    def wipe(self) -> None:
        """Remove what has come since, and put back what has changed or gone."""
        differing = self._differing()
        for first in range(0, len(differing), _AT_ONCE):
            some = differing[first : first + _AT_ONCE]
            done = self._ask("txn", {"success": [self._as_it_was(key) for key in some]})
            for key in self._kept.keys() & set(some):
                self._kept[key]["mod_revision"] = done["header"]["revision"]

    def _differing(self) -> list[str]:
        now = {pair["key"]: pair["mod_revision"] for pair in self._pairs(keys_only=True)}
        before = {key: pair["mod_revision"] for key, pair in self._kept.items()}
        return [key for key in now.keys() | before.keys() if now.get(key) != before.get(key)]

    def _as_it_was(self, key: str) -> dict[str, Any]:
        if (kept := self._kept.get(key)) is None:
            return {"requestDeleteRange": {"key": key}}
        return {"requestPut": {"key": key, "value": kept["value"]}}

    def _pairs(self, *, keys_only: bool = False) -> list[dict[str, str]]:
        everything = {"key": _encoded("/registry/"), "range_end": _encoded("/registry0"), "keys_only": keys_only}
        pairs = self._ask("range", everything)["kvs"]
        return [pair for pair in pairs if not _decoded(pair["key"]).startswith(_API_SERVERS_OWN)]

    def _ask(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask etcd in JSON, where keys and values are in base64."""
        request = urllib.request.Request(f"{self.control_plane.etcd_url}/v3/kv/{what}", json.dumps(body).encode())
        without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with without_proxy.open(request, timeout=_SECONDS) as answer:
            return dict(json.load(answer))


def _encoded(key: str) -> str:
    return base64.b64encode(key.encode()).decode()


def _decoded(key: str) -> str:
    return base64.b64decode(key).decode()
