"""`python -m hack.write_chart`: what the Helm chart repeats of other places, down to the names of settings.

A chart can read no file outside of itself, so it has copies; CI fails when they are not those of `make generate`.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from dragonfly_task_operator import __version__
from dragonfly_task_operator.api.base import camel
from dragonfly_task_operator.api.crds import to_yaml
from dragonfly_task_operator.api.kinds import RESOURCES
from dragonfly_task_operator.settings import Settings
from hack.installation import ROOT

CHART = ROOT / "deploy" / "helm" / "dragonfly-task-operator"
_DEPLOY = ROOT / "deploy"
# What they allow is a value of the chart.
_NO_POLICIES = ("kustomization", "settings")
# Values of their own stand for these, or the Deployment gives them.
_NO_CONFIG = ("clusters", "scheduler", "kubeconfig", "leader_elect", "health_bind_address", "metrics_bind_address")


def sources() -> Mapping[str, Path]:
    """Give each file that the chart has a copy of, by its name under `files/`."""
    monitoring = _DEPLOY / "components" / "monitoring"
    dashboards = sorted((monitoring / "dashboards").glob("*.json"))
    policies = sorted(each for each in (_DEPLOY / "policies").glob("*.yaml") if each.stem not in _NO_POLICIES)
    return {
        "rbac.yaml": _DEPLOY / "base" / "rbac.yaml",
        "user-roles.yaml": _DEPLOY / "base" / "user-roles.yaml",
        "lease-rights.yaml": _DEPLOY / "overlays" / "ha" / "lease-rights.yaml",
        "pod-peers.yaml": _DEPLOY / "components" / "pod-peers" / "role.yaml",
        "monitoring/prometheus-rule.yaml": monitoring / "prometheus-rule.yaml",
        **{f"monitoring/dashboards/{each.name}": each for each in dashboards},
        **{f"policies/{each.name}": each for each in policies},
    }


def crd_template(text: str) -> str:
    """Make a template of a CRD's YAML: behind `crds.install`, with the labels and annotations of the chart."""
    head = "metadata:\n"
    if text.count(f"\n{head}") != 1 or "{{" in text:
        raise ValueError("the CRD has no place for what the chart adds, or braces that Helm would read")
    added = '  {{- include "dto.crdMetadata" . | nindent 2 }}\n'
    return "{{- if .Values.crds.install }}\n" + text.replace(f"\n{head}", f"\n{head}{added}") + "{{- end }}\n"


def main() -> None:
    """Write them."""
    for each in RESOURCES:
        template = CHART / "templates" / "crds" / f"{each.plural}.yaml"
        template.parent.mkdir(exist_ok=True)
        template.write_text(crd_template(to_yaml(each)), encoding="utf-8")
    shutil.rmtree(CHART / "files", ignore_errors=True)
    for name, source in sources().items():
        copy = CHART / "files" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
    schema = CHART / "values.schema.json"
    values = json.loads(schema.read_text())
    settings = [camel(name) for name in Settings.model_fields if name not in _NO_CONFIG]
    values["properties"]["config"]["properties"] = {name: {} for name in settings}
    schema.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    chart = CHART / "Chart.yaml"
    versions = re.sub(r"^((?:app)?[vV]ersion): .*$", rf"\1: {__version__}", chart.read_text(), flags=re.MULTILINE)
    chart.write_text(versions, encoding="utf-8")


if __name__ == "__main__":
    main()
