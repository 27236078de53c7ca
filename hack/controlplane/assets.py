"""Which etcd, kube-apiserver and kubectl to use, built first if there are none.

The order is controller-runtime's: the folder that KUBEBUILDER_ASSETS names, else the cache folder, else a
build from Go modules into the cache folder. A kubectl on the PATH does where its version is close enough to
the server's.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.controlplane.cache import alone_in, cache_folder
from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.processes import run_aloud, say
from hack.controlplane.toolchain import find_go

_MODULE = Path(__file__).parent
_PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
}
_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
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


@dataclass(frozen=True, slots=True)
class Pins:
    """What go.mod asks for."""

    kubernetes: str
    go: str

    @classmethod
    def read(cls) -> Pins:
        """Read the committed go.mod."""
        text = (_MODULE / "go.mod").read_text(encoding="utf-8")
        kubernetes = re.search(r"k8s\.io/kubernetes (v\S+)", text)
        go = re.search(r"^go (\S+)$", text, re.MULTILINE)
        if kubernetes is None or go is None:
            raise ControlPlaneError(
                f"{_MODULE / 'go.mod'} names no k8s.io/kubernetes or go version; restore it from git"
            )
        return cls(kubernetes=kubernetes[1], go=go[1])


def resolve() -> Assets:
    """Find the programs to use; build what is missing, which takes minutes the first time.

    Raises ControlPlaneError when KUBEBUILDER_ASSETS is set and lacks a server, or when a build fails.
    """
    if chosen := os.environ.get("KUBEBUILDER_ASSETS"):
        return _from_folder(Path(chosen).absolute())
    pins = Pins.read()
    kubectl = _kubectl_on_path(server=pins.kubernetes)
    wanted = ["etcd", "kube-apiserver"] if kubectl else ["etcd", "kube-apiserver", "kubectl"]
    folder = _ensure_built(wanted, pins=pins)
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
    return Assets(etcd, kube_apiserver, found or _ensure_built(["kubectl"], pins=Pins.read()) / "kubectl")


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
    ours, theirs = _major_minor(client), _major_minor(server)
    if ours is None or theirs is None or ours[0] != theirs[0]:
        return None
    return Path(found) if abs(ours[1] - theirs[1]) <= _KUBECTL_MINORS_APART else None


def _major_minor(version: str) -> tuple[int, int] | None:
    match = re.search(r"v(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else None


def _output(command: Sequence[str | Path]) -> str:
    """Return what a command prints, or nothing if it does not run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _ensure_built(names: Sequence[str], *, pins: Pins) -> Path:
    """Return the cache's folder for this go.mod, with at least the named programs in it.

    Each program appears by a rename once it is whole, so that nobody ever meets half of one.
    """
    cache = cache_folder()
    modules = hashlib.sha256((_MODULE / "go.mod").read_bytes() + (_MODULE / "go.sum").read_bytes())
    system = os.uname()
    key = f"{pins.kubernetes}-{modules.hexdigest()[:10]}-{system.sysname.lower()}-{system.machine}"
    folder = cache / "controlplane" / key
    if all((folder / name).exists() for name in names):
        return folder
    with alone_in(cache):
        missing = [name for name in names if not (folder / name).exists()]
        if missing:
            _build(missing, folder=folder, pins=pins, cache=cache)
    return folder


def _build(names: Sequence[str], *, folder: Path, pins: Pins, cache: Path) -> None:
    go = find_go(needed=pins.go, cache=cache)
    folder.mkdir(parents=True, exist_ok=True)
    say(f"building Kubernetes {pins.kubernetes} with {go.version}, once, which takes minutes: {folder}")
    log = folder / "build.log"
    major, minor = _major_minor(pins.kubernetes) or (0, 0)
    told = {"gitVersion": pins.kubernetes, "gitMajor": str(major), "gitMinor": str(minor)}
    stamps = [f"-X {package}.{key}={value}" for package in _VERSION_PACKAGES for key, value in told.items()]
    for number, name in enumerate(names, start=1):
        partial = folder / f".{name}.partial"
        run_aloud(
            [
                *(go.command, "build", "-trimpath", "-buildvcs=false"),
                *("-ldflags", " ".join(["-s", "-w", *stamps])),
                *("-o", partial, _PACKAGES[name]),
            ],
            what=f"building {name} ({number} of {len(names)})",
            remedy="see the output of go below; it needs its module proxy (GOPROXY) and some 5 GB of disk",
            log=log,
            environment=go.environment(),
            directory=_MODULE,
        )
        partial.rename(folder / name)
    log.unlink()
