"""A real etcd and kube-apiserver for the session, the CRDs in it, a simulated Dragonfly, and the operator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from tests.simulator.control import Control, Simulation, simulation

ROOT = Path(__file__).parents[2]

Finished = Callable[[str, str], dict[str, Any]]


class Kubectl:
    """kubectl against the control plane."""

    def __init__(self, binary: Path, kubeconfig: Path) -> None:
        self._command = [str(binary), f"--kubeconfig={kubeconfig}"]

    def __call__(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=60
        )

    def apply(self, manifest: dict[str, Any]) -> None:
        done = self("apply", "-f", "-", stdin=json.dumps(manifest))
        assert done.returncode == 0, done.stderr

    def refusal(self, manifest: dict[str, Any]) -> str:
        done = self("apply", "-f", "-", stdin=json.dumps(manifest))
        assert done.returncode != 0, f"accepted: {done.stdout}"
        return done.stderr

    def get(self, kind: str, name: str) -> dict[str, Any]:
        done = self("get", kind, name, "-o", "json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    with ControlPlane() as running:
        yield running


@pytest.fixture(scope="session")
def kubectl(control_plane: ControlPlane) -> Kubectl:
    kubectl = Kubectl(control_plane.assets.kubectl, control_plane.admin_kubeconfig)
    for crd in sorted((ROOT / "crds").glob("*.yaml")):
        done = kubectl("apply", "-f", str(crd))
        assert done.returncode == 0, done.stderr
    done = kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    assert done.returncode == 0, done.stderr
    return kubectl


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulation]:
    with simulation(schedulers=3, peers=10, seeds=1) as running:
        yield running


@pytest.fixture
def world(simulator: Simulation) -> Iterator[Control]:
    """The simulated Dragonfly, put right after each test."""
    yield simulator.control
    simulator.control.recovers()
    simulator.control.comes_back("everything")
    simulator.control.announce()


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation) -> Iterator[None]:
    """The operator, in a process of its own, as it runs in a pod."""
    del kubectl  # has installed the CRDs
    schedulers = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    command = [sys.executable, "-m", "dragonfly_task_operator", "run", *schedulers, "--rpc-timeout=1s"]
    process = subprocess.Popen([*command, f"--kubeconfig={control_plane.admin_kubeconfig}"])
    try:
        yield
        assert process.poll() is None, f"the operator ended by itself with {process.returncode}"
    finally:
        process.terminate()
        process.wait(timeout=15)


@pytest.fixture
def finished(kubectl: Kubectl) -> Finished:
    def wait(kind: str, name: str) -> dict[str, Any]:
        done = kubectl("wait", kind, name, "--for=condition=Finished", "--timeout=30s")
        assert done.returncode == 0, done.stderr + json.dumps(kubectl.get(kind, name), indent=1)
        status: dict[str, Any] = kubectl.get(kind, name)["status"]
        return status

    return wait
