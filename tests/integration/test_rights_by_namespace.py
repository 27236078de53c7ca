"""Rights that are missing in one namespace, or for one kind: the rest is served, and what is not is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.integration.replicas import Replica, replicas
from tests.objects import is_finished, manifest, wait_for
from tests.simulator.control import Simulation

pytestmark = pytest.mark.controlplane

A, B, LATER = "rights-a", "rights-b", "rights-later"
KINDS = ["tasksearches", "tasksearches/status", "taskdeletions", "taskdeletions/status"]


def role(namespace: str, resources: list[str]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "limited", "namespace": namespace},
        "rules": [{"apiGroups": ["tasks.d7y.io"], "resources": resources, "verbs": ["*"]}],
    }


def grant(kubectl: Kubectl, namespace: str, resources: list[str]) -> None:
    kubectl.apply(role(namespace, resources))
    kubectl.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "limited", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "limited"},
            "subjects": [{"kind": "ServiceAccount", "name": "limited", "namespace": A}],
        }
    )


@pytest.fixture
def operator(control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation, tmp_path: Path) -> Iterator[Replica]:
    """One that may see only A, and is to look after three."""
    for namespace in (A, B):
        kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    kubectl.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "limited", "namespace": A}})
    grant(kubectl, A, KINDS)
    kubectl.must("delete", "role,rolebinding", "limited", "-n", B, "--ignore-not-found")
    own = control_plane.service_account_kubeconfig(A, "limited")
    arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    arguments += [f"--kubeconfig={own}", f"--namespace={A}", f"--namespace={B}"]
    with replicas(control_plane, arguments, tmp_path) as start:
        yield start()


def search_in(kubectl: Kubectl, namespace: str, name: str, kind: str = "TaskSearch") -> None:
    body = manifest(kind, name, {"taskID": "d1" * 32})
    body["metadata"]["namespace"] = namespace
    kubectl.apply(body)

    def ended() -> bool:
        return is_finished(json.loads(kubectl.must("get", kind, name, "-n", namespace, "-o", "json"))["status"])

    wait_for(ended, f"the end of {name} in {namespace}", seconds=30)


def complaints(operator: Replica) -> list[str]:
    return [line.partition(":")[0] for line in operator.probe("/readyz")[1].splitlines()]


def test_namespace_without_rights_keeps_no_other_from_work_and_is_picked_up_with_the_rights(
    operator: Replica, kubectl: Kubectl
) -> None:
    missing = [f"tasksearches in namespace {B}", f"taskdeletions in namespace {B}"]
    wait_for(lambda: complaints(operator) == missing, "the complaint about b alone", seconds=60)
    search_in(kubectl, A, "while-b-is-refused")
    assert "answered 403" in operator.probe("/readyz")[1]
    assert operator.probe("/livez") == (200, "ok")
    blind = "dragonfly_task_operator_blind_scopes"  # counted at each look of the supervisor's, every few seconds
    wait_for(lambda: operator.metrics()[blind] == 2, "both to be counted", seconds=20)
    wait_for(lambda: operator.log.read_text().count("watch.refused") >= 2, "the log", seconds=20)

    grant(kubectl, B, KINDS[:2])
    wait_for(lambda: complaints(operator) == missing[1:], "searches of b to be picked up", seconds=30)
    search_in(kubectl, B, "one-kind-granted")

    grant(kubectl, B, KINDS)
    wait_for(lambda: operator.probe("/readyz") == (200, "ok"), "readiness", seconds=30)
    search_in(kubectl, B, "granted", "TaskDeletion")
    assert operator.log.read_text().count("watch.refused") <= 6


def test_rights_that_are_taken_away_are_told(operator: Replica, kubectl: Kubectl) -> None:
    grant(kubectl, B, KINDS)
    wait_for(lambda: operator.probe("/readyz") == (200, "ok"), "readiness", seconds=60)

    kubectl.must("delete", "rolebinding", "limited", "-n", B)

    seconds = wait_for(lambda: operator.probe("/readyz")[0] == 503, "the truth", seconds=30)
    assert seconds < 15
    search_in(kubectl, A, "while-b-is-refused-again")
