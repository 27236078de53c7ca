"""Each right that `deploy/` grants is used: the API server's audit log has every request that the operator makes."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.server import ControlPlane
from hack.installation import NAMESPACE, SERVICE_ACCOUNT, install, running_operator
from hack.kubectl import Kubectl
from tests.objects import Objects, manifest, wait_for
from tests.simulator.control import simulation

pytestmark = pytest.mark.controlplane

TASK = "a1" * 32
MANY = [f"a2{n:062x}" for n in range(11)]
"""Tasks that two peers hold, which is more than a status shows."""

Right = tuple[str, str, str]
"""API group, resource with its subresource, verb."""

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"]}],
}


@dataclass(frozen=True, slots=True)
class Audited:
    """A control plane that writes down what the operator asks it."""

    control_plane: ControlPlane
    kubectl: Kubectl
    log: Path

    def used(self) -> set[Right]:
        requests = [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
        return {
            right_of(each["verb"], each["objectRef"]) for each in requests if "resource" in each.get("objectRef", {})
        }


def right_of(verb: str, ref: dict[str, Any]) -> Right:
    subresource = f"/{ref['subresource']}" if "subresource" in ref else ""
    return ref.get("apiGroup", ""), f"{ref['resource']}{subresource}", verb


def granted(kubectl: Kubectl) -> set[Right]:
    role = yaml.safe_load(kubectl.must("get", "clusterrole", "dragonfly-task-operator", "-o", "yaml"))
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def write_over_and_over(control_plane: ControlPlane, kind: str, name: str) -> None:
    """Change the labels of an object while a run of it goes on."""
    objects = Objects(control_plane)
    for number in range(40):
        body = objects.get(kind, name)
        body["metadata"]["labels"] = {"written": str(number)}
        with contextlib.suppress(ControlPlaneError):  # the operator has written meanwhile
            control_plane.request("PUT", objects.path(kind, name), body)


@pytest.fixture(scope="module")
def audited() -> Iterator[Audited]:
    with tempfile.TemporaryDirectory() as folder:
        policy, log = Path(folder, "policy.yaml"), Path(folder, "audit.log")
        policy.write_text(json.dumps(POLICY))
        flags = [f"--audit-policy-file={policy}", f"--audit-log-path={log}"]
        with ControlPlane(apiserver_flags=flags) as control_plane:
            kubectl = Kubectl.as_admin(control_plane)
            install(kubectl)
            yield Audited(control_plane, kubectl, log)


def test_each_right_that_is_granted_is_used_and_no_other_asked_for(audited: Audited, tmp_path: Path) -> None:
    kubectl = audited.kubectl
    with simulation(peers=2, caches=dict.fromkeys([TASK, *MANY], "all"), options=["--latency=100ms"]) as dragonfly:
        host, _, port = dragonfly.scheduler_addresses[0].rpartition(":")
        config = tmp_path / "config.yaml"
        service = {"service": {"namespace": "default", "name": "dragonfly-scheduler", "port": int(port)}}
        config.write_text(json.dumps({"clusters": [{"schedulers": [service, f"{host}:{port}"]}]}))
        with running_operator(audited.control_plane, [f"--config={config}"]):
            for kind in ("TaskSearch", "TaskDeletion"):
                kubectl.apply(manifest(kind, "short-lived", {"taskID": TASK}, ttlSecondsAfterFinished=0))
            for name, more in (("gone", {"ttlSecondsAfterFinished": 0}), ("again", {"refreshIntervalSeconds": 30})):
                # Both leave a page: one loses its owner, the other is written over.
                search = manifest("TaskSearch", name, {}, **more)
                search["spec"]["targets"] = [{"taskID": task} for task in MANY]
                kubectl.apply(search)
            number = 0

            def all_used() -> bool:
                # An object that somebody else writes at the same time is read again: sooner or later one is.
                nonlocal number
                number += 1
                for kind in ("TaskSearch", "TaskDeletion"):
                    name = f"written-{number}"
                    kubectl.apply(manifest(kind, name, {"taskID": TASK}))
                    write_over_and_over(audited.control_plane, kind, name)
                return granted(kubectl) <= audited.used()

            wait_for(all_used, "every right to be used", seconds=180)
    assert audited.used() - granted(kubectl) == set()
