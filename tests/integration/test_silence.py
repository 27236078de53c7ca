"""An API server that takes requests and never answers, kubeconfigs that lead nowhere: the operator says so in time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from tests.apiserver_proxy import HTML, ApiServerProxy
from tests.integration.replicas import replicas
from tests.objects import Objects, is_finished, manifest, succeeded, wait_for
from tests.simulator.control import Simulation

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("kubectl")]


@pytest.fixture
def proxy(control_plane: ControlPlane) -> Iterator[ApiServerProxy]:
    with ApiServerProxy(control_plane.admin_kubeconfig).running() as proxy:
        yield proxy


def ends(kubeconfig: Path) -> tuple[int, list[str], float]:
    """Run the operator until it ends: exit code, lines, seconds."""
    command = [sys.executable, "-m", "dragonfly_task_operator", "run", "--scheduler=127.0.0.1:8002"]
    began = time.monotonic()
    done = subprocess.run(
        [*command, f"--kubeconfig={kubeconfig}"], capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stderr.splitlines(), time.monotonic() - began


@pytest.mark.parametrize("trouble", ["silent", "foreign"])
def test_start_ends_in_bounded_time_where_nobody_answers(proxy: ApiServerProxy, tmp_path: Path, trouble: str) -> None:
    if trouble == "silent":
        proxy.freezes_connections(new_ones=True)
    else:
        proxy.answers("", 404, HTML)

    code, lines, seconds = ends(proxy.kubeconfig(tmp_path / "kubeconfig", user={"token": "any"}))

    assert (code, lines[-1].startswith("error: the API server"), "can't be reached" in lines[-1]) == (1, True, True)
    assert "Traceback" not in "\n".join(lines)
    assert 25 < seconds < 90


@pytest.mark.parametrize(
    ("user", "what"),
    [
        ({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin"}}, "please log in again"),
        ({"auth-provider": {"name": "oidc"}}, "auth-provider is not supported"),
        ({"tokenFile": "none"}, "can't be read: No such file or directory"),
        ({"as-groups": ["admins"]}, "need `as`"),
    ],
)
def test_kubeconfig_that_can_not_be_used_ends_it_with_a_line(
    proxy: ApiServerProxy, tmp_path: Path, user: dict[str, Any], what: str
) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text("#!/bin/sh\necho 'please log in again' >&2\nexit 1\n")
    plugin.chmod(0o755)

    code, (line,), _ = ends(proxy.kubeconfig(tmp_path / "kubeconfig", user=user))

    assert (code, line.startswith(f"error: the kubeconfig {tmp_path}"), what in line) == (2, True, True)


def test_lookup_that_is_never_answered_is_tried_again_in_time(
    control_plane: ControlPlane, simulator: Simulation, proxy: ApiServerProxy, objects: Objects, tmp_path: Path
) -> None:
    host, _, port = simulator.scheduler_addresses[0].rpartition(":")
    # The API server keeps no endpoint on loopback.
    slices = {"kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1", "metadata": {"resourceVersion": "1"}}
    proxy.answers("GET .*/endpointslices", 200, slices | {"items": [endpoint_slice(host, int(port))]})
    config = tmp_path / "config.yaml"
    service = {"service": {"namespace": "default", "name": "scheduler", "port": int(port)}}
    config.write_text(json.dumps({"clusters": [{"schedulers": [service]}]}))
    through = proxy.kubeconfig(tmp_path / "kubeconfig", user={"token": "any"})
    with replicas(control_plane, [f"--config={config}", f"--kubeconfig={through}"], tmp_path) as start:
        operator = start()
        wait_for(lambda: operator.probe("/readyz")[0] == 200, "readiness", seconds=60)
        proxy.freezes("GET .*/endpointslices", times=1)

        began = time.monotonic()
        objects.create(manifest("TaskSearch", "silent-lookup", {"taskID": "b4" * 32}))
        status = objects.until("TaskSearch", "silent-lookup", is_finished, seconds=60)

    assert (succeeded(status), proxy.requests("GET .*/endpointslices") > 1) == (("True", "NotFound"), True)
    assert 9 < time.monotonic() - began < 30


def endpoint_slice(ip: str, port: int) -> dict[str, Any]:
    return {
        "metadata": {"name": "scheduler-1"},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [ip]}],
        "ports": [{"name": "grpc", "port": port}],
    }
