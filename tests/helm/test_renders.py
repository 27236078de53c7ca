"""What the chart makes is what kustomize makes of `deploy/`, but for the differences named here."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from dragonfly_task_operator import settings
from tests.helm.charts import CHART, Helm, Object, Objects, by_name, kustomize

pytestmark = pytest.mark.controlplane  # of which it needs kubectl alone

HA = {"ha": {"enabled": True}}
PEERS = {"dragonfly": {"peers": {"enabled": True}}}
POLICIES = ("allowedTargets", "noTaskIDs", "deletionWindow", "maxTargets", "requestedBy")
SECRETS = {"registrySecrets": [{"namespace": "team-a", "names": ["regcred", "registry-login", "registry-ca"]}]}

MONITORING = {"prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}}

SELECTORS: dict[str, list[tuple[str, ...]]] = {
    "Deployment": [("spec", "selector", "matchLabels"), ("spec", "template", "metadata", "labels")],
    "PodDisruptionBudget": [("spec", "selector", "matchLabels")],
    "NetworkPolicy": [("spec", "podSelector", "matchLabels")],
    "PodMonitor": [("spec", "selector", "matchLabels")],
    "ServiceMonitor": [("spec", "selector", "matchLabels")],
    "Service": [("spec", "selector")],
}


def without_what_helm_alone_has(objects: list[Object]) -> Objects:
    """Undo the named differences of the chart: each is asserted before it is undone."""
    objects = copy.deepcopy(objects)
    for each in objects:
        labels = each["metadata"].get("labels", {})
        for ours in (
            "app.kubernetes.io/instance",
            "app.kubernetes.io/managed-by",
            "app.kubernetes.io/version",
            "helm.sh/chart",
        ):
            labels.pop(ours, None)
        # Two releases may stand in one namespace: pods are told apart by their release.
        for path in SELECTORS.get(each["kind"], ()):
            assert at(each, path).pop("app.kubernetes.io/instance") == "dragonfly-task-operator"
        if each["kind"] == "CustomResourceDefinition":  # uninstalling a release deletes nobody's objects
            assert each["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
        if each["kind"] == "Deployment":
            # Kustomize renames the ConfigMap when it changes; Helm has a checksum of it.
            assert list(at(each, ("spec", "template", "metadata")).pop("annotations")) == ["checksum/config"]
            for constraint in at(each, ("spec", "template", "spec")).get("topologySpreadConstraints", ()):
                assert constraint["labelSelector"]["matchLabels"].pop("app.kubernetes.io/instance")
    return settled(objects)


def without_what_kustomize_alone_has(objects: list[Object]) -> Objects:
    """Undo the named differences of `deploy/`."""
    kept = [each for each in copy.deepcopy(objects) if each["kind"] != "Namespace"]  # helm's --create-namespace
    for each in kept:
        if each["kind"] == "ConfigMap" and "config.yaml" in each["data"]:
            each["metadata"]["name"] = "dragonfly-task-operator"
        if each["kind"] == "Deployment":
            config = at(each, ("spec", "template", "spec"))["volumes"][0]["configMap"]
            config["name"] = config["name"].rpartition("-")[0]
    return settled(kept)


def settled(objects: list[Object]) -> Objects:
    """Read the operator's settings, and do not mind two labels that not everything in `deploy/` has."""
    for each in objects:
        if each["kind"] == "ConfigMap" and "config.yaml" in each["data"]:
            each["data"]["config.yaml"] = yaml.safe_load(each["data"]["config.yaml"])
        for mutation in each.get("spec", {}).get("mutations", ()):
            # Kustomize reads a folded text with lines that are indented more as having an empty line between.
            mutation["jsonPatch"]["expression"] = " ".join(mutation["jsonPatch"]["expression"].split())
        labels = each["metadata"].get("labels", {})
        for everywhere in ("app.kubernetes.io/name", "app.kubernetes.io/part-of"):
            labels.pop(everywhere, None)
        if not labels:
            each["metadata"].pop("labels", None)
    return by_name(objects)


def at(body: Object, path: tuple[str, ...]) -> dict[str, Any]:
    for key in path:
        body = body[key]
    return body


@pytest.mark.parametrize(
    ("values", "resources", "components"),
    [
        pytest.param({}, [""], [], id="base"),
        pytest.param(HA, ["overlays/ha"], [], id="ha"),
        pytest.param(
            {"monitoring": MONITORING | {"podMonitor": {"enabled": True}}}, ["overlays/monitoring"], [], id="monitoring"
        ),
        pytest.param(
            {"monitoring": MONITORING | {"serviceMonitor": {"enabled": True}}},
            [""],
            ["components/monitoring", "components/monitoring-service"],
            id="monitoring-service",
        ),
        pytest.param({"policies": dict.fromkeys(POLICIES, True)}, ["", "policies"], [], id="policies"),
    ],
)
def test_chart_and_kustomize_make_the_same(
    helm: Helm, kubectl_program: Path, values: Mapping[str, Any], resources: list[str], components: list[str]
) -> None:
    ours = without_what_helm_alone_has(helm.renders(values))

    assert ours == without_what_kustomize_alone_has(kustomize(kubectl_program, resources, components))


def test_pods_as_peers_need_the_rights_of_the_component_and_the_setting_of_the_docs(
    helm: Helm, kubectl_program: Path
) -> None:
    ours = without_what_helm_alone_has(helm.renders(PEERS))

    theirs = without_what_kustomize_alone_has(kustomize(kubectl_program, [""], ["components/pod-peers"]))
    theirs["ConfigMap/dragonfly-task-operator/dragonfly-task-operator"]["data"]["config.yaml"]["clusters"][0][
        "peers"
    ] = {
        "namespace": "dragonfly-system",
        "labelSelector": "app=dragonfly,component in (client,seed-client)",
        "port": 4000,
    }
    assert ours == theirs


def test_registry_secrets_are_readable_in_the_namespaces_that_are_named(helm: Helm, kubectl_program: Path) -> None:
    ours = without_what_helm_alone_has(helm.renders(SECRETS))

    theirs = without_what_kustomize_alone_has(
        [*kustomize(kubectl_program, [""]), *kustomize(kubectl_program, ["registry-secrets"], namespace="team-a")]
    )
    assert ours == theirs


@pytest.mark.parametrize(
    ("dragonfly", "fullname"),
    [
        ({}, "dragonfly"),
        ({"releaseName": "d7y"}, "d7y-dragonfly"),
        ({"releaseName": "prod-dragonfly"}, "prod-dragonfly"),
        ({"releaseName": "dragonfly-eu"}, "dragonfly-eu"),
        ({"releaseName": "prod", "nameOverride": "p2p"}, "prod-p2p"),
        ({"releaseName": "p2p", "nameOverride": "p2p"}, "p2p"),
        ({"releaseName": "prod", "fullnameOverride": "p2p"}, "p2p"),
        ({"releaseName": "a" * 53, "nameOverride": "bcdefghi-k"}, "a" * 53 + "-bcdefghi"),
    ],
)
def test_dragonfly_is_looked_for_as_its_own_chart_names_it(
    helm: Helm, dragonfly: dict[str, Any], fullname: str
) -> None:
    rendered = by_name(helm.renders({"dragonfly": {"namespace": "p2p", "peers": {"enabled": True}} | dragonfly}))

    (cluster,) = config_of(rendered)["clusters"]
    assert cluster["schedulers"] == [{"service": {"namespace": "p2p", "name": f"{fullname}-scheduler", "port": 8002}}]
    assert cluster["peers"]["namespace"] == "p2p"
    assert cluster["peers"]["labelSelector"] == f"app={fullname},component in (client,seed-client)"


SERVICE = {"namespace": "a", "name": "b"}


@pytest.mark.parametrize(
    ("values", "ports"),
    [
        ({"dragonfly": {"schedulerPort": 8003, "peers": {"port": 4001}}}, [8003, 4001]),
        ({"clusters": [{"schedulers": ["a.example.com:9002", "[fd00::7]:9003"]}]}, [9002, 9003, 4000]),
        ({"clusters": [{"schedulers": [{"service": SERVICE | {"port": 9002}}]}]}, [9002, 4000]),
        ({"clusters": [{"schedulers": [{"service": SERVICE | {"port": "9002"}}]}]}, [9002, 4000]),
        ({"clusters": [{"schedulers": [{"service": SERVICE | {"port": "grpc"}}]}]}, [4000]),
        (
            {"clusters": [{"schedulers": ["a:8002"], "peers": {"namespace": "a", "labelSelector": "b", "port": 4007}}]},
            [8002, 4007, 4000],
        ),
        ({"clusters": [{"schedulers": ["a:8002"]}, {"name": "b", "schedulers": ["b:8002"]}]}, [8002, 4000]),
    ],
)
def test_network_policy_lets_through_what_the_settings_name(
    helm: Helm, values: dict[str, Any], ports: list[int]
) -> None:
    (policy,) = (each for each in helm.renders(values) if each["kind"] == "NetworkPolicy")

    allowed = [(each["port"], each["protocol"]) for each in policy["spec"]["egress"][0]["ports"]]
    dns = [(53, "UDP"), (53, "TCP")]
    assert allowed == [*dns, (443, "TCP"), (6443, "TCP"), *((port, "TCP") for port in ports)]


def test_alerts_name_their_pages_where_people_read_them(helm: Helm) -> None:
    rule = {"enabled": True, "runbooks": "https://runbooks.example.com/dragonfly/"}

    rendered = by_name(helm.renders({"monitoring": {"prometheusRule": rule}}))

    groups = rendered["PrometheusRule/dragonfly-task-operator/dragonfly-task-operator"]["spec"]["groups"]
    alerts = [each for group in groups for each in group["rules"] if "alert" in each]
    pages = {each["annotations"]["runbook_url"]: each["alert"] for each in alerts}
    assert pages == {f"https://runbooks.example.com/dragonfly/{alert}.md": alert for alert in pages.values()}


def test_pods_are_listed_where_clusters_have_them(helm: Helm) -> None:
    peers = [{"namespace": namespace, "labelSelector": "app=dfdaemon"} for namespace in ("a", "b", "b")]
    clusters = [{"name": f"c{n}", "schedulers": ["x:8002"], "peers": each} for n, each in enumerate(peers)]

    rendered = by_name(helm.renders({"clusters": clusters}))

    roles = [name for name in rendered if name.startswith("Role/")]
    assert roles == [f"Role/{each}/dragonfly-task-operator-peers" for each in ("a", "b")]


def config_of(rendered: Objects, namespace: str = "dragonfly-task-operator") -> dict[str, Any]:
    text = rendered[f"ConfigMap/{namespace}/dragonfly-task-operator"]["data"]["config.yaml"]
    return dict(yaml.safe_load(text))


TLS_FILES = {
    f"{each}": f"/etc/dragonfly-tls/{file}"
    for each, file in (("ca", "ca.crt"), ("cert", "tls.crt"), ("key", "tls.key"))
}


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        ({}, {"schedulers": TLS_FILES, "peers": TLS_FILES}),
        ({"clientCertificate": False}, {side: {"ca": TLS_FILES["ca"]} for side in ("schedulers", "peers")}),
        ({"schedulers": {"enabled": False}}, {"peers": TLS_FILES}),
        (
            {"peers": {"serverName": "dfdaemon.p2p.svc"}},
            {"schedulers": TLS_FILES, "peers": TLS_FILES | {"serverName": "dfdaemon.p2p.svc"}},
        ),
    ],
)
def test_tls_is_told_to_the_operator_and_its_files_are_there(
    helm: Helm, tls: dict[str, Any], expected: dict[str, Any]
) -> None:
    rendered = by_name(helm.renders({"tls": {"enabled": True} | tls}))

    pod = rendered["Deployment/dragonfly-task-operator/dragonfly-task-operator"]["spec"]["template"]["spec"]
    assert config_of(rendered)["clusters"][0]["tls"] == expected
    assert pod["volumes"][1]["secret"]["secretName"] == "dragonfly-task-operator-tls"
    assert pod["containers"][0]["volumeMounts"][1]["mountPath"] == "/etc/dragonfly-tls"


def test_settings_that_the_chart_makes_are_taken_by_the_operator(helm: Helm, tmp_path: Path) -> None:
    values = {
        "dragonfly": {"peers": {"enabled": True}},
        "config": {
            "rpcTimeout": "3s",
            "parallelism": 2000,
            "namespace": ["a", "b"],
            "registryAllowlist": ["r.example"],
            "auditLog": "-",
        },
    }
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps(config_of(by_name(helm.renders(values)))))

    taken = settings.load({}, config=config)

    assert (taken.rpc_timeout, taken.parallelism, taken.namespace, taken.audit_log) == (3.0, 2000, ("a", "b"), "-")


def test_two_releases_in_one_namespace_share_nothing(helm: Helm) -> None:
    alone = {"crds": {"install": False}, "rbac": {"userRoles": False}, "ha": {"enabled": True}}

    first, second = (by_name(helm.renders(alone, release=release, namespace="tools")) for release in ("a", "b"))

    assert first.keys() & second.keys() == set()
    leases = [
        next(rule["resourceNames"] for rule in role["rules"] if "resourceNames" in rule)
        for role in (*first.values(), *second.values())
        if role["kind"] == "Role"
    ]
    assert leases == [[f"{release}-dragonfly-task-operator-leader"] for release in ("a", "b")]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"replicas": 2}, "replicas"),
        ({"ha": {"replicas": 1}}, "ha/replicas"),
        ({"config": {"rpcTimeuot": "3s"}}, "rpcTimeuot"),
        ({"config": {"clusters": []}}, "clusters"),
        ({"image": {"digest": "latest"}}, "image/digest"),
        ({"dragonfly": {"releaseName": ""}}, "dragonfly/releaseName"),
        ({"dragonfly": {"schedulerPort": "8002"}}, "dragonfly/schedulerPort"),
        ({"clusters": [{"name": "x"}]}, "schedulers"),
        ({"clusters": [{"schedulers": ["scheduler"]}]}, "clusters/0/schedulers/0"),
        ({"registrySecrets": [{"namespace": "a", "names": []}]}, "registrySecrets/0/names"),
        ({"tls": {"certManager": {"enabled": True}}}, "issuerRef"),
        ({"policies": {"allowedURLs": True}}, "allowedURLs"),
        ({"monitoring": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}}, "monitoring"),
    ],
)
def test_values_that_mean_nothing_are_refused_by_name(helm: Helm, values: dict[str, Any], what: str) -> None:
    done = helm("template", "x", CHART, values=values)

    assert (done.returncode, what in done.stderr.replace(".", "/")) == (1, True), done.stderr


def test_helm_finds_nothing_to_mend(helm: Helm) -> None:
    assert "0 chart(s) failed" in helm.must("lint", "--strict", CHART)


def test_every_value_is_described(helm: Helm) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())

    def undescribed(values: object, described: dict[str, Any], path: str) -> list[str]:
        if not isinstance(values, dict) or "properties" not in described or path == ".config":
            return [] if described.get("description") or not path else [path]
        return [
            each
            for key, value in values.items()
            for each in undescribed(value, described["properties"].get(key, {}), f"{path}.{key}")
        ]

    assert undescribed(yaml.safe_load((CHART / "values.yaml").read_text()), schema, "") == []
