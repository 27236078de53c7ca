"""Which etcd, kube-apiserver and kubectl to use, built first if there are none.

The order is controller-runtime's: the folder that KUBEBUILDER_ASSETS names, else the cache folder, else a
build from Go modules into the cache folder. A kubectl on the PATH does where its version is close enough to
the server's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.programs import Pins, ensure_built, major_minor

# Kubernetes' version skew policy for kubectl.
_KUBECTL_MINORS_APART = 1


@dataclass(frozen=True, slots=True)
class Assets:
    """The three programs. `kubectl` may be elsewhere than the servers, which share a folder."""

    etcd: Path
    kube_apiserver: Path
    kubectl: Path

    @property
    def folder(self) -> Path:
        """What KUBEBUILDER_ASSETS would be set to."""
        return self.kube_apiserver.parent


def resolve() -> Assets:
    """Find the programs to use; build what is missing, which takes minutes the first time.

    Raises ControlPlaneError when KUBEBUILDER_ASSETS is set and lacks a server, or when a build fails.
    """
    if chosen := os.environ.get("KUBEBUILDER_ASSETS"):
        return _from_folder(Path(chosen).absolute())
    pins = Pins.read()
    kubectl = _kubectl_on_path(server=pins.kubernetes)
    wanted = ["etcd", "kube-apiserver"] if kubectl else ["etcd", "kube-apiserver", "kubectl"]
    folder = ensure_built(wanted, pins=pins)
    return Assets(folder / "etcd", folder / "kube-apiserver", kubectl or folder / "kubectl")


def _from_folder(folder: Path) -> Assets:
    etcd, kube_apiserver, kubectl = folder / "etcd", folder / "kube-apiserver", folder / "kubectl"
    for server in (etcd, kube_apiserver):
        if not os.access(server, os.X_OK):
            raise ControlPlaneError(
                f"KUBEBUILDER_ASSETS names {folder}, which has no program {server.name};"
                " unset it to have the programs built, or name a folder with etcd and kube-apiserver"
            )
    if os.access(kubectl, os.X_OK):
        return Assets(etcd, kube_apiserver, kubectl)
    found = _kubectl_on_path(server=_output([kube_apiserver, "--version"]))
    return Assets(etcd, kube_apiserver, found or ensure_built(["kubectl"], pins=Pins.read()) / "kubectl")


def _kubectl_on_path(*, server: str) -> Path | None:
    """Find the PATH's kubectl if it is within one minor version of `server`."""
    found = shutil.which("kubectl")
    if found is None:
        return None
    try:
        answer = json.loads(_output([found, "version", "--client", "--output=json"]))
        client = answer["clientVersion"]["gitVersion"]
    except (ValueError, KeyError, TypeError):
        return None
    ours, theirs = major_minor(client), major_minor(server)
    if ours is None or theirs is None or ours[0] != theirs[0]:
        return None
    return Path(found) if abs(ours[1] - theirs[1]) <= _KUBECTL_MINORS_APART else None


def _output(command: Sequence[str | Path]) -> str:
    """Return what a command prints, or nothing if it does not run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
