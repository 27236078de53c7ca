"""How Flux brings what is in a repository into a cluster, and what it takes for done.

See fluxcd/pkg's ssa and kustomize-controller: it always applies on the server's side, and only what differs. What
people set with kubectl it takes to be its own first, so that the next apply takes it back. Health is kstatus'.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hack.kubectl import Kubectl
from tests.gitops import drift
from tests.gitops.syncing import live
from tests.objects import Objects, condition

MANAGER = "kustomize-controller"

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Flux:
    """A Kustomization for the namespace `default`."""

    kubectl: Kubectl
    objects: Objects

    def reconcile(self, body: Body) -> bool:
        """Apply what differs, as each interval does. Returns whether anything did."""
        found = live(self.objects, body)
        if found is not None:
            found = self._take_over(found)
        if found is not None and not drift.server_side(self.kubectl, body, found, manager=MANAGER):
            return False
        self.kubectl.must(
            "apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}", "-f", "-",
            stdin=json.dumps(body),
        )  # fmt: skip
        return True

    def _take_over(self, found: Body) -> dict[str, Any]:
        """Make the fields that kubectl manages this one's."""
        entries = found["metadata"]["managedFields"]
        taken = [each for each in entries if "subresource" not in each and each["manager"].startswith("kubectl")]
        if not taken:
            return dict(found)
        own = [each for each in entries if (each["manager"], each["operation"]) == (MANAGER, "Apply")]
        fields: dict[str, Any] = {}
        for each in (*own, *taken):
            fields = _joined(fields, each["fieldsV1"])
        others = [each for each in entries if each not in taken and each not in own]
        entry = {**(own or taken)[0], "manager": MANAGER, "operation": "Apply", "fieldsV1": fields}
        patch = [{"op": "replace", "path": "/metadata/managedFields", "value": [*others, entry]}]
        kind, name = found["kind"], found["metadata"]["name"]
        self.kubectl.must("patch", kind, name, "--type=json", "-p", json.dumps(patch))
        again = live(self.objects, found)
        assert again is not None
        return again


def _joined(fields: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    return {**fields, **{name: _joined(fields.get(name, {}), each) for name, each in others.items()}}


def kstatus(body: Body) -> str:
    """Give what kstatus makes of an object of a kind that it does not know (its generic rules)."""
    metadata, status = body["metadata"], body.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    if status.get("observedGeneration", metadata["generation"]) != metadata["generation"]:
        return "InProgress"
    known = {"conditions": status.get("conditions", [])}
    for type_, told in (("Reconciling", "InProgress"), ("Stalled", "Failed")):
        if condition(known, type_).get("status") == "True":
            return told
    ready = condition(known, "Ready").get("status")
    return "Current" if ready in {None, "True"} else "InProgress"
