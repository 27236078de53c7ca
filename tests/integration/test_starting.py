"""An operator that can't start: one clear line, and an exit code that says whose fault it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.controlplane.ports import free_port
from hack.controlplane.server import ControlPlane

pytestmark = pytest.mark.controlplane


def run(kubeconfig: Path) -> tuple[int, list[str]]:
    """Exit code, and lines of stderr."""
    command = [sys.executable, "-m", "dragonfly_task_operator", "run", "--scheduler=127.0.0.1:8002"]
    command.append(f"--kubeconfig={kubeconfig}")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr.splitlines()


@pytest.fixture(scope="module")
def bare() -> Iterator[ControlPlane]:
    """A control plane without the CRDs."""
    with ControlPlane() as running:
        yield running


def test_missing_crds_end_it_with_what_to_do(bare: ControlPlane) -> None:
    code, lines = run(bare.admin_kubeconfig)

    assert code == 1
    assert "\n".join(lines) == (
        "error: the CRDs of tasks.d7y.io/v1alpha1 are missing (tasksearches.tasks.d7y.io, taskdeletions.tasks.d7y.io,"
        " taskreports.tasks.d7y.io); install them: dragonfly-task-operator crds | kubectl apply -f -"
    )


def test_refused_credentials_end_it_with_a_line(bare: ControlPlane) -> None:
    code, lines = run(bare.kubeconfig("a-token-that-nobody-gave"))

    assert (code, lines[-1].startswith("error: "), "answered 401" in lines[-1]) == (1, True, True)
    assert "Traceback" not in "\n".join(lines)


def test_api_server_that_does_not_listen_ends_it_with_a_line(bare: ControlPlane, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(bare.admin_kubeconfig.read_text().replace(bare.url, f"https://127.0.0.1:{free_port()}"))

    code, (line,) = run(kubeconfig)

    assert (code, "can't be reached" in line) == (1, True)
