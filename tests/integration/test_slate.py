"""Whatever a test file leaves on the control plane that files share, the next one finds it as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import NAMESPACE
from hack.kubectl import Kubectl
from tests.objects import Objects, manifest, wait_for
from tests.slate import Slate

pytestmark = pytest.mark.controlplane

ROLE = "dragonfly-task-operator"


@pytest.fixture(scope="module")
def slate(control_plane: ControlPlane, kubectl: Kubectl) -> Slate:
    del kubectl  # has set it up
    return Slate(control_plane)


def found(kubectl: Kubectl) -> dict[str, Any]:
    """Give what is there, by kind, namespace and name, but for what tells of a moment."""
    kinds = "tasksearches,taskdeletions,events,namespaces,configmaps,clusterroles,deployments,crds"
    items = json.loads(kubectl.must("get", kinds, "-A", "-o", "json"))["items"]
    for each in items:
        del each["metadata"]["resourceVersion"]
    return {f"{each['kind']} {each['metadata'].get('namespace')}/{each['metadata']['name']}": each for each in items}


def test_nothing_is_written_where_nothing_was(slate: Slate) -> None:
    assert slate.written() == []


def test_what_came_is_gone_and_what_changed_or_went_is_back(slate: Slate, kubectl: Kubectl, objects: Objects) -> None:
    before = found(kubectl)
    for number in range(150):  # more than fit into one transaction of etcd's
        objects.create(manifest("TaskSearch", f"left-{number}", {"taskID": "a1" * 32}))
    kubectl.must("create", "namespace", "left")
    kubectl.must("create", "configmap", "left", "-n", "left")
    kubectl.must("delete", "deployment", "dragonfly-task-operator", "-n", NAMESPACE)
    kubectl.must("label", "clusterrole", ROLE, "left=behind")
    assert len(slate.written()) == 154

    slate.wipe()

    assert slate.written() == []
    assert found(kubectl) == before


def test_namespace_of_the_same_name_can_be_made_again(slate: Slate, kubectl: Kubectl) -> None:
    for _ in range(2):
        kubectl.must("create", "namespace", "twice")
        kubectl.must("create", "configmap", "there", "-n", "twice")

        slate.wipe()


def test_kind_that_was_taken_away_is_served_again(slate: Slate, kubectl: Kubectl) -> None:
    kubectl.must("delete", "crd", "taskreports.tasks.d7y.io")

    slate.wipe()

    wait_for(lambda: kubectl("get", "taskreports").returncode == 0, "the kind")
