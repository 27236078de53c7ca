"""kubectl against one control plane: what people use, so what the demo and the tests use."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from hack.controlplane.server import ControlPlane

_SECONDS = 60.0


class KubectlError(Exception):
    """kubectl failed; the message has its own words."""


class Kubectl:
    """Runs kubectl with one kubeconfig.

    What it remembers of a cluster's kinds is beside the kubeconfig: at home it would be by address alone, and control
    planes that come and go have the same ones again.
    """

    def __init__(self, binary: Path, kubeconfig: Path) -> None:
        self.binary = binary
        self.kubeconfig = kubeconfig

    @classmethod
    def as_admin(cls, control_plane: ControlPlane) -> Self:
        """Have every right."""
        return cls(control_plane.assets.kubectl, control_plane.admin_kubeconfig)

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run it, whatever comes of it."""
        where = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.kubeconfig.parent / 'cache'}"]
        return subprocess.run(
            [self.binary, *where, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )

    def must(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run it and give what it printed. Raises KubectlError."""
        done = self(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Apply one object. Raises KubectlError."""
        self.must("apply", "-f", "-", stdin=json.dumps(manifest))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """Read one object. Raises KubectlError."""
        return dict(json.loads(self.must("get", kind, name, "-o", "json")))
