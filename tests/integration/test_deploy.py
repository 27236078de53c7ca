"""`deploy/`: what a cluster gets, and what the operator may do there."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.processes import end, spawn
from hack.controlplane.server import ControlPlane
from hack.installation import NAMESPACE, ROOT, SERVICE_ACCOUNT
from hack.kubectl import Kubectl

pytestmark = pytest.mark.controlplane


@pytest.fixture(scope="module")
def as_operator(control_plane: ControlPlane, kubectl: Kubectl) -> Kubectl:
    return Kubectl(kubectl.binary, control_plane.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT))


@pytest.fixture(scope="module")
def pod(kubectl: Kubectl) -> dict[str, Any]:
    deployment = json.loads(kubectl.must("get", "deployment", "dragonfly-task-operator", "-n", NAMESPACE, "-o", "json"))
    return dict(deployment["spec"]["template"]["spec"])


def test_applying_again_changes_nothing(kubectl: Kubectl) -> None:
    lines = kubectl.must("apply", "-k", ROOT / "deploy").splitlines()

    assert [line for line in lines if not line.endswith(" unchanged")] == []


def test_overlay_for_two_replicas_is_accepted_whole(kubectl: Kubectl) -> None:
    lines = kubectl.must("apply", "--dry-run=server", "-k", ROOT / "deploy" / "overlays" / "ha").splitlines()

    assert {
        "deployment.apps/dragonfly-task-operator",
        "role.rbac.authorization.k8s.io/dragonfly-task-operator-lease",
        "rolebinding.rbac.authorization.k8s.io/dragonfly-task-operator-lease",
        "poddisruptionbudget.policy/dragonfly-task-operator",
    } <= {line.split()[0] for line in lines}


def test_pod_is_admitted_where_pod_security_is_restricted(kubectl: Kubectl, pod: dict[str, Any]) -> None:
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator", "namespace": NAMESPACE}, "spec": pod}

    done = kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(body))

    assert (done.returncode, done.stderr) == (0, "")


def test_pod_security_refuses_the_same_pod_as_root(kubectl: Kubectl, pod: dict[str, Any]) -> None:
    spec = pod | {"securityContext": {}}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator", "namespace": NAMESPACE}, "spec": spec}

    done = kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(body))

    assert 'violates PodSecurity "restricted' in done.stderr


def test_root_filesystem_is_read_only(pod: dict[str, Any]) -> None:
    assert [container["securityContext"]["readOnlyRootFilesystem"] for container in pod["containers"]] == [True]


def test_pod_reads_the_settings_that_are_deployed(kubectl: Kubectl, pod: dict[str, Any]) -> None:
    config_map = pod["volumes"][0]["configMap"]["name"]

    data = json.loads(kubectl.must("get", "configmap", config_map, "-n", NAMESPACE, "-o", "json"))["data"]

    assert data["config.yaml"] == (ROOT / "deploy" / "base" / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("update", "taskdeletions.tasks.d7y.io"),
        ("patch", "taskdeletions.tasks.d7y.io"),
        ("create", "tasksearches.tasks.d7y.io"),
        ("get", "secrets"),
        ("list", "secrets"),
        ("get", "configmaps"),
        ("list", "pods"),
        ("create", "pods"),
        ("list", "namespaces"),
    ],
)
def test_operator_may_not(as_operator: Kubectl, verb: str, resource: str) -> None:
    assert as_operator("auth", "can-i", verb, resource, "--all-namespaces").stdout.strip() == "no"


@pytest.mark.parametrize(
    ("role", "verb", "answer"), [("view", "list", "yes"), ("view", "create", "no"), ("edit", "create", "yes")]
)
def test_roles_for_people_carry_the_labels_that_clusters_aggregate_by(
    kubectl: Kubectl, role: str, verb: str, answer: str
) -> None:
    roles = json.loads(
        kubectl.must("get", "clusterroles", "-l", f"rbac.authorization.k8s.io/aggregate-to-{role}=true", "-o", "json")
    )
    granted = {
        verb
        for item in roles["items"]
        for rule in item["rules"] or ()
        if "tasks.d7y.io" in rule.get("apiGroups", ())
        for verb in rule["verbs"]
    }

    assert ("yes" if verb in granted else "no") == answer


def test_operator_starts_under_a_user_id_without_a_name(
    control_plane: ControlPlane, kubectl: Kubectl, tmp_path: Path
) -> None:
    nameless = (
        "import os, pwd, sys\n"
        "for name in ('LOGNAME', 'USER', 'LNAME', 'USERNAME'): os.environ.pop(name, None)\n"
        "def refuse(uid): raise KeyError(f'uid not found: {uid}')\n"
        "pwd.getpwuid = refuse\n"
        "from dragonfly_task_operator.cli import main\n"
        "main()\n"
    )
    kubeconfig = control_plane.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT)
    arguments = ["run", f"--kubeconfig={kubeconfig}", "--scheduler=127.0.0.1:1"]
    kubectl.apply(
        {
            "apiVersion": "tasks.d7y.io/v1alpha1",
            "kind": "TaskSearch",
            "metadata": {"name": "seen", "namespace": "default"},
            "spec": {"suspend": True, "targets": [{"taskID": "a1" * 32}]},
        }
    )
    process = spawn([sys.executable, "-c", nameless, *arguments], log=tmp_path / "log", environment=os.environ)
    try:
        seen = kubectl("wait", "tsearch/seen", "--for=jsonpath={.status.observedGeneration}=1", "--timeout=50s")
    finally:
        end(process)
        kubectl.must("delete", "tsearch/seen")

    assert seen.returncode == 0, (tmp_path / "log").read_text()
