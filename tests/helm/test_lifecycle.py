"""The chart on a real API server: what it takes, installing, upgrading, going back, uninstalling, and what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import NAMESPACE, ROOT, install, running_operator
from hack.kubectl import Kubectl
from tests.controllers import own_address, pod_runs, scheduler_is_ready
from tests.helm.charts import CHART, RELEASE, Helm
from tests.objects import Objects, is_finished, manifest, succeeded, wait_for
from tests.simulator.control import simulation

pytestmark = pytest.mark.controlplane

PREVIOUS = ROOT / "tests" / "data" / "helm" / "previous"
OTHERS_KINDS = ROOT / "tests" / "data" / "helm" / "kinds-of-others.yaml"
KINDS = ("tasksearches", "taskdeletions", "taskreports")
ALL = {
    "ha": {"enabled": True, "replicas": 3},
    "dragonfly": {"peers": {"enabled": True}},
    "tls": {
        "enabled": True,
        "certManager": {"enabled": True, "issuerRef": {"kind": "ClusterIssuer", "name": "dragonfly-ca"}},
    },
    "registrySecrets": [{"namespace": "team-a", "names": ["regcred"]}],
    "monitoring": {
        "labels": {"release": "kube-prometheus-stack"},
        **{each: {"enabled": True} for each in ("podMonitor", "prometheusRule", "dashboards")},
    },
    "policies": dict.fromkeys(("allowedTargets", "noTaskIDs", "deletionWindow", "maxTargets", "requestedBy"), True),
    "serviceAccount": {"annotations": {"example.com/role": "operator"}},
    "image": {"repository": "registry.example.com/operator", "digest": f"sha256:{'0' * 64}", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "regcred"}],
    "config": {"rpcTimeout": "3s", "leaderElectName": "another"},
    "podAnnotations": {"example.com/a": "b"},
    "podLabels": {"example.com/c": "d"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "system-cluster-critical",
    "env": [{"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"}],
    "volumes": [{"name": "tmp", "emptyDir": {}}],
    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
}
VALUES: Mapping[str, Mapping[str, Any]] = {
    "defaults": {},
    "all": ALL,
    "service-monitor": {"monitoring": {"serviceMonitor": {"enabled": True}}},
    "clusters": {
        "clusters": [
            {
                "name": "far",
                "schedulers": ["far.example.com:8002"],
                "peers": {"namespace": "team-a", "labelSelector": "app=dfdaemon"},
            }
        ]
    },
    "least": {
        "crds": {"install": False},
        "rbac": {"create": False, "userRoles": False},
        "serviceAccount": {"create": False},
        "networkPolicy": {"enabled": False},
        "resources": {},
    },
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[ControlPlane]:
    """One of its own: nothing is installed there but by helm."""
    with ControlPlane() as running:
        yield running


@pytest.fixture(scope="module")
def kubectl(cluster: ControlPlane) -> Kubectl:
    kubectl = Kubectl.as_admin(cluster)
    for namespace in ("team-a", "dragonfly-system", "p2p"):
        kubectl.must("create", "namespace", namespace)
    return kubectl


@pytest.fixture(scope="module")
def helm(cluster: ControlPlane, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """On the cluster."""
    return Helm(tmp_path_factory.mktemp("helm"), cluster.admin_kubeconfig)


@pytest.fixture
def empty(kubectl: Kubectl) -> Iterator[None]:
    """Leave a cluster without our kinds: those that a release has left are no other release's."""
    yield
    ours = [f"{each}.tasks.d7y.io" for each in KINDS]
    kubectl.must("delete", "crd", *ours, "--ignore-not-found", "--wait=false")
    # The API server removes their objects first, at its leisure where it is busy: longer than kubectl is given.
    wait_for(lambda: not kubectl.must("get", "crd", *ours, "--ignore-not-found", "-o", "name"), "no kinds", seconds=300)


@pytest.mark.parametrize("values", VALUES.values(), ids=list(VALUES))
def test_api_server_takes_whatever_the_chart_makes(helm: Helm, kubectl: Kubectl, values: Mapping[str, Any]) -> None:
    kubectl.must("apply", "-f", OTHERS_KINDS)
    kubectl.must("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    rendered = helm.must("template", RELEASE, CHART, "--namespace", "team-a", values=values)

    done = kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=rendered)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("empty")
def test_objects_live_through_an_upgrade_a_rollback_and_an_uninstallation(
    helm: Helm, kubectl: Kubectl, cluster: ControlPlane
) -> None:
    there = ("--namespace", "lifecycle")
    wanted = {"image": {"repository": "registry.example.com/operator"}, "ha": {"enabled": True}}
    old, new = ("taskID", "image")
    helm.must("install", "operator", PREVIOUS, *there, "--create-namespace")
    kubectl.must("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    kubectl.apply(manifest("TaskDeletion", "from-before", {old: "a1" * 32}, suspend=True))
    assert not understands(kubectl, new)

    helm.must("upgrade", "operator", CHART, *there, values=wanted)

    assert understands(kubectl, new)
    assert replicas(kubectl, "operator-dragonfly-task-operator", "lifecycle") == 2
    helm.must("upgrade", "operator", CHART, *there, "--reset-values", values={})
    assert replicas(kubectl, "operator-dragonfly-task-operator", "lifecycle") == 1

    helm.must("rollback", "operator", "1", *there)

    assert not understands(kubectl, new)

    # Helm itself rolls back to no revision with a CRD that it kept meanwhile.
    assert 'no CustomResourceDefinition with the name "taskreports' in helm("rollback", "operator", "3", *there).stderr
    helm.must("upgrade", "operator", CHART, *there)
    assert understands(kubectl, new)
    said = helm.must("uninstall", "operator", *there)

    left = kubectl.must(
        "get",
        "deployments,roles,clusterroles,serviceaccounts",
        "-A",
        "-o",
        "name",
        "-l",
        "app.kubernetes.io/part-of=dragonfly",
    )
    assert (left, "CustomResourceDefinition" in said) == ("", True)
    assert kubectl.get("taskdeletion", "from-before")["spec"]["targets"] == [{old: "a1" * 32}]

    helm.must("install", "operator", CHART, *there)
    helm.must("upgrade", "operator", CHART, *there, values={"crds": {"install": False}})
    assert understands(kubectl, new)
    helm.must("uninstall", "operator", *there)


def understands(kubectl: Kubectl, field: str) -> bool:
    """Whether the CRD has a field of targets."""
    crd = kubectl.get("crd", "taskdeletions.tasks.d7y.io")
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return field in schema["properties"]["targets"]["items"]["properties"]


def replicas(kubectl: Kubectl, name: str, namespace: str) -> int:
    return int(kubectl.must("get", "deployment", name, "-n", namespace, "-o", "jsonpath={.spec.replicas}"))


@pytest.mark.usefixtures("empty")
def test_installation_by_kustomize_is_taken_over(helm: Helm, kubectl: Kubectl) -> None:
    install(kubectl)
    kubectl.apply(manifest("TaskSearch", "theirs", {"taskID": "a2" * 32}, suspend=True))
    kubectl.must("delete", "deployment", RELEASE, "-n", NAMESPACE)

    helm.must("install", RELEASE, CHART, "--namespace", NAMESPACE, "--take-ownership", values={})

    assert replicas(kubectl, RELEASE, NAMESPACE) == 1
    assert kubectl.get("tasksearch", "theirs")["spec"]["suspend"] is True
    helm.must("uninstall", RELEASE, "--namespace", NAMESPACE)


@pytest.mark.usefixtures("empty")
def test_release_of_dragonfly_is_found_by_its_name_and_namespace_seeds_included(
    helm: Helm, kubectl: Kubectl, cluster: ControlPlane, tmp_path: Path
) -> None:
    with simulation(schedulers=0, peers=3, options=[f"--scheduler-at={own_address()}"]) as running:
        world = running.control
        world.forget_hosts("n2")
        world.caches("b1" * 32, on="n1,n2")
        scheduler = running.scheduler_addresses[0]
        scheduler_is_ready(kubectl, "d7y-dragonfly-scheduler", scheduler, namespace="p2p")
        ip, _, peer_port = world.describe()["peers"]["n2"].rpartition(":")
        seed = {"app": "d7y-dragonfly", "component": "seed-client"}
        pod_runs(kubectl, "seed-client-0", ip, namespace="p2p", node="n2", labels=seed)
        dragonfly = {"releaseName": "d7y", "namespace": "p2p", "schedulerPort": int(scheduler.rpartition(":")[2])}
        values = {"dragonfly": dragonfly | {"peers": {"enabled": True, "port": int(peer_port)}}}

        notes = helm.must("install", "purger", CHART, "--namespace", "tools", "--create-namespace", values=values)

        config = tmp_path / "config.yaml"
        name = "purger-dragonfly-task-operator"
        config.write_text(kubectl.must("get", "cm", name, "-n", "tools", "-o", "jsonpath={.data.config\\.yaml}"))
        with running_operator(cluster, [f"--config={config}"], account=("tools", name)):
            objects = Objects(cluster)
            objects.create(manifest("TaskSearch", "who", {"taskID": "b1" * 32}))
            status = objects.until("TaskSearch", "who", is_finished, seconds=60)
        helm.must("uninstall", "purger", "--namespace", "tools")

    holders = {peer["hostname"] for task in status["tasks"] for peer in task["cachedBy"]}
    assert (succeeded(status), holders) == (("True", "Found"), {"n1", "n2"})
    assert "found 2 behind Service p2p/d7y-dragonfly-scheduler, 1 of them ready." in notes


@pytest.mark.usefixtures("empty")
def test_notes_say_where_schedulers_were_looked_for_in_vain(helm: Helm) -> None:
    notes = helm.must("install", "operator", CHART, "--namespace", "team-a", "--dry-run=server", values={})

    assert "none found behind Service dragonfly-system/dragonfly-scheduler" in notes
    assert "--set dragonfly.releaseName=NAME --set dragonfly.namespace=NAMESPACE" in notes
