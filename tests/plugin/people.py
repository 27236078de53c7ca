"""People of a cluster: accounts that may do what roles of `deploy/` grant them in the namespace `default`."""

from __future__ import annotations

from pathlib import Path

from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl


def kubeconfig_of(control_plane: ControlPlane, kubectl: Kubectl, name: str, *roles: str) -> Path:
    """Make somebody, and give their kubeconfig."""
    account = {"kind": "ServiceAccount", "name": name, "namespace": "default"}
    bindings = [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": f"{name}-{role}", "namespace": "default"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [account],
        }
        for role in roles
    ]
    person = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}}
    kubectl.apply({"apiVersion": "v1", "kind": "List", "items": [person, *bindings]})
    return control_plane.service_account_kubeconfig("default", name)
