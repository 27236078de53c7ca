"""The operator on a control plane as users have it: `deploy/` applied, and a process with the rights that it gives.

There are no nodes, so the Deployment stays without pods: the process here is what its pod would be.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dragonfly_task_operator.api.base import API_VERSION
from dragonfly_task_operator.api.kinds import RESOURCES
from hack.controlplane.processes import end, spawn
from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl

ROOT = Path(__file__).parents[1]
NAMESPACE = "dragonfly-task-operator"
SERVICE_ACCOUNT = "dragonfly-task-operator"
ACCOUNT = (NAMESPACE, SERVICE_ACCOUNT)
STOP_SECONDS = 15.0
OPERATOR = ("-m", "dragonfly_task_operator")
"""What Python runs."""


def install(kubectl: Kubectl) -> None:
    """Apply `deploy/` and wait until its kinds are served. Raises KubectlError."""
    kubectl.must("apply", "-k", ROOT / "deploy")
    kubectl.must("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    for each in RESOURCES:  # their storage is set up only now; meanwhile kubectl is told to try again, and does
        kubectl.must("get", "--raw", f"/apis/{API_VERSION}/{each.plural}")


def start_operator(
    control_plane: ControlPlane,
    arguments: Sequence[str],
    *,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
    files: tuple[int, int] | None = None,
    program: Sequence[str] = OPERATOR,
    account: tuple[str, str] = ACCOUNT,
) -> subprocess.Popen[bytes]:
    """Start the operator under its ServiceAccount; `stop_operator` stops it, and it dies with this process.

    Args:
        control_plane: where `install` has been.
        arguments: of `run`.
        log: where its log goes; None: where the output of this process goes.
        environment: variables to add.
        files: the soft and the hard limit of open files that it is started under.
        program: what Python runs in its place, which takes the same arguments.
        account: namespace and name of the ServiceAccount.
    """
    kubeconfig = control_plane.service_account_kubeconfig(*account)
    command = [sys.executable, *program, "run", f"--kubeconfig={kubeconfig}", *arguments]
    if files is not None:
        limited = f'ulimit -Sn {files[0]} && ulimit -Hn {files[1]} && exec "$@"'
        command = ["/bin/sh", "-c", limited, "sh", *command]
    return spawn(command, log=log, environment=os.environ | (environment or {}))


def stop_operator(process: subprocess.Popen[bytes]) -> int:
    """Stop it as a kubelet does, and give its exit code; kill it when it does not heed SIGTERM in time."""
    end(process, patience=STOP_SECONDS)
    return process.returncode


@contextmanager
def running_operator(
    control_plane: ControlPlane,
    arguments: Sequence[str],
    *,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = OPERATOR,
    account: tuple[str, str] = ACCOUNT,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the operator while the context lasts. Raises RuntimeError when it ended by itself."""
    process = start_operator(
        control_plane, arguments, log=log, environment=environment, program=program, account=account
    )
    try:
        yield process
        if process.poll() is not None:
            raise RuntimeError(f"the operator ended by itself with exit code {process.returncode}")
    finally:
        stop_operator(process)
