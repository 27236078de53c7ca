"""People of a cluster: accounts that may do what roles of `deploy/` grant them in the namespace `default`."""

from __future__ import annotations

from pathlib import Path

from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl


def kubeconfig_of(control_plane: ControlPlane, kubectl: Kubectl, name: str, *roles: str) -> Path:
    """Make somebody, and give their kubeconfig."""
    kubectl.must("create", "serviceaccount", name)
    for role in roles:
        kubectl.must(
            "create", "rolebinding", f"{name}-{role}", f"--clusterrole={role}", f"--serviceaccount=default:{name}"
        )
    return control_plane.service_account_kubeconfig("default", name)
