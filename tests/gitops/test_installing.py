"""The operator as a GitOps tool installs it, and Argo CD's scripts as Argo CD's admins do."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.installation import ROOT
from hack.kubectl import Kubectl
from hack.write_argocd import FOLDER, PATCH
from tests.gitops import drift, syncing

pytestmark = pytest.mark.controlplane


ADMINS_OWN = {"url": "https://argocd.example.com", "application.instanceLabelKey": "argocd.example.com/instance"}
CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "argocd-cm", "labels": {"app.kubernetes.io/part-of": "argocd"}},
    "data": ADMINS_OWN,
}


def patched() -> dict[str, Any]:
    return {**ADMINS_OWN, **yaml.safe_load(PATCH.read_text())["data"]}


def test_patch_adds_the_scripts_to_what_argo_cd_has(kubectl: Kubectl) -> None:
    kubectl.apply(CONFIG_MAP)

    kubectl.must("patch", "configmap", "argocd-cm", "--patch-file", PATCH)

    assert kubectl.get("configmap", "argocd-cm")["data"] == patched()
    kubectl.must("delete", "configmap", "argocd-cm")


def test_component_adds_the_scripts_where_argo_cd_is_a_kustomization(kubectl: Kubectl, tmp_path: Path) -> None:
    (tmp_path / "argocd-cm.yaml").write_text(json.dumps(CONFIG_MAP))
    kustomization = {"resources": ["argocd-cm.yaml"], "components": [os.path.relpath(FOLDER, tmp_path)]}
    (tmp_path / "kustomization.yaml").write_text(json.dumps(kustomization))

    built = yaml.safe_load(kubectl.must("kustomize", tmp_path))

    assert built["data"] == patched()
    assert built["metadata"]["labels"] == CONFIG_MAP["metadata"]["labels"]  # type: ignore[index]


@pytest.mark.parametrize(
    "flags",
    [[], ["--server-side", "--force-conflicts", f"--field-manager={syncing.MANAGER}"]],
    ids=["client-side", "server-side"],
)
def test_installation_is_in_sync(kubectl: Kubectl, flags: list[str]) -> None:
    """Of what `kubectl apply -k deploy/` has made, nothing would be changed by applying it again, either way."""
    differs = kubectl("diff", *flags, "-k", ROOT / "deploy")

    assert (differs.returncode, differs.stdout) == (0, "")


def test_crds_are_in_sync_as_argo_cd_compares_them(kubectl: Kubectl) -> None:
    built = yaml.safe_load_all(kubectl.must("kustomize", ROOT / "deploy"))
    wanted = {body["metadata"]["name"]: body for body in built if body["kind"] == "CustomResourceDefinition"}

    changes = {name: drift.client_side(body, kubectl.get("crd", name)) for name, body in wanted.items()}

    assert len(wanted) == 3
    assert {name: change for name, change in changes.items() if change} == {}
