"""How Argo CD brings what is in a repository into a cluster: with kubectl, whose very code it runs.

See gitops-engine's pkg/sync/sync_context.go and pkg/utils/kube/resource_ops.go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hack.controlplane.errors import ControlPlaneError
from hack.kubectl import Kubectl
from hack.write_argocd import CUSTOMIZATIONS
from tests.gitops import argocd, drift
from tests.objects import Objects, wait_for

MANAGER = "argocd-controller"
HOOK = "argocd.argoproj.io/hook"
DELETE_POLICY = "argocd.argoproj.io/hook-delete-policy"
_HOOK_FINALIZER = "argocd.argoproj.io/hook-finalizer"
_TRACKING = "argocd.argoproj.io/tracking-id"

Body = Mapping[str, Any]


def live(objects: Objects, body: Body) -> dict[str, Any] | None:
    """Read the object as it is in the cluster; None: there is none."""
    try:
        return objects.get(body["kind"], body["metadata"]["name"])
    except ControlPlaneError as error:
        if "answered 404" not in str(error):
            raise
        return None


@dataclass(frozen=True, slots=True)
class ArgoCD:
    """An Application `app` that syncs to the namespace `default`.

    Attributes:
        is_server_side: ServerSideApply=true, and ServerSideDiff=true.
    """

    kubectl: Kubectl
    objects: Objects
    is_server_side: bool = False

    def sync(self, body: Body, *, replace: bool = False, force: bool = False) -> bool:
        """Sync an object that is in the repository. Returns whether it succeeded."""
        body = self._tracked(body)
        if replace:
            exists = live(self.objects, body) is not None
            verb = ["replace", *(["--force"] if force else [])] if exists else ["create"]
        elif self.is_server_side:
            verb = ["apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}"]
        else:
            verb = ["apply", *(["--force"] if force else [])]
        return self.kubectl(*verb, "-f", "-", stdin=json.dumps(body)).returncode == 0

    def is_out_of_sync(self, body: Body) -> bool:
        """Tell whether Argo CD shows the object as OutOfSync."""
        body, found = self._tracked(body), live(self.objects, body)
        if found is None:
            return True
        if self.is_server_side:
            return drift.server_side(self.kubectl, body, found, manager=MANAGER) != {}
        return drift.client_side(body, found) != {}

    def heal(self, body: Body) -> bool:
        """Sync the object if it is out of sync, as self-healing does. Returns whether it was."""
        is_ill = self.is_out_of_sync(body)
        if is_ill:
            assert self.sync(body)
        return is_ill

    def prune(self, body: Body) -> None:
        """Delete an object that is in the repository no more."""
        self.kubectl.must("delete", body["kind"], body["metadata"]["name"])

    def act(self, body: Body, action: str) -> None:
        """Choose an action in the object's menu."""
        found = live(self.objects, body)
        assert found is not None
        patch = argocd.merge_patch(found, argocd.act(_script(body, f"actions/{action}/action.lua"), found))
        self.kubectl.must(
            "patch", body["kind"], body["metadata"]["name"], "--type=merge", "--field-manager=argocd-server",
            "-p", json.dumps(patch),
        )  # fmt: skip

    def run_hook(self, body: Body) -> str:
        """Run a hook to its end, as each sync does, heeding its delete policy. Gives its health."""
        policies = body["metadata"]["annotations"].get(DELETE_POLICY, "BeforeHookCreation").split(",")
        if live(self.objects, body) is not None and "BeforeHookCreation" in policies:
            self.prune(body)
        assert self.sync({**body, "metadata": {**body["metadata"], "finalizers": [_HOOK_FINALIZER]}})
        wait_for(lambda: self.health(body) in {"Healthy", "Degraded"}, "the end of the hook")
        health = self.health(body)
        # It is there so that nobody takes the hook away before Argo CD has seen its end.
        self.kubectl.must(
            "patch", body["kind"], body["metadata"]["name"], "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
        )
        if {"Healthy": "HookSucceeded", "Degraded": "HookFailed"}[health] in policies:
            self.prune(body)
        return health

    def health(self, body: Body) -> str:
        """Give the health that Argo CD shows."""
        found = live(self.objects, body)
        return "Missing" if found is None else str(argocd.health(_script(body, "health.lua"), found)["status"])

    def _tracked(self, body: Body) -> Body:
        metadata = body["metadata"]
        tracking = f"app:tasks.d7y.io/{body['kind']}:default/{metadata['name']}"
        annotations = {**(metadata.get("annotations") or {}), _TRACKING: tracking}
        return {**body, "metadata": {**metadata, "annotations": annotations}}


def _script(body: Body, name: str) -> str:
    return (CUSTOMIZATIONS / "tasks.d7y.io" / str(body["kind"]) / name).read_text()
