"""A real etcd and kube-apiserver on any machine with Python, git and make.

Tests, the demo and the benchmarks judge the operator against a real API server, because custom resource
validation, RBAC and watches are where a pretended one lies. The binaries come from Go modules, pinned by hash
(`go.mod`, `go.sum`), and are built once into a cache folder. Only the standard library is used, so that this
runs before anything is installed.
"""

from __future__ import annotations

from hack.controlplane.assets import Assets, resolve
from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.server import ControlPlane

__all__ = ["Assets", "ControlPlane", "ControlPlaneError", "resolve"]
