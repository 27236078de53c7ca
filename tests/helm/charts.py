"""Helm and kustomize, and what they make of the project's chart and of `deploy/`."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from hack.controlplane.programs import tool
from hack.installation import NAMESPACE, ROOT

CHART = ROOT / "deploy" / "helm" / "dragonfly-task-operator"
RELEASE = "dragonfly-task-operator"
_SECONDS = 120.0

Object = dict[str, Any]
Objects = dict[str, Object]


class HelmError(Exception):
    """Helm failed; the message has its own words."""


class Helm:
    """Runs helm with a home of its own, so that nobody's plugins count, and one kubeconfig, or none."""

    def __init__(self, home: Path, kubeconfig: Path | None = None) -> None:
        folders = {f"HELM_{each}_HOME": str(home / each.lower()) for each in ("CACHE", "CONFIG", "DATA")}
        # One that is no file keeps helm from the cluster that the tester's own kubeconfig names.
        self._environment = os.environ | folders | {"KUBECONFIG": str(kubeconfig or home / "none")}
        self._helm = tool("helm")

    def __call__(
        self, *arguments: str | Path, values: Mapping[str, Any] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it, whatever comes of it; `values` over those of the chart."""
        return subprocess.run(
            [self._helm, *arguments, *(["-f", "-"] if values is not None else [])],
            input=None if values is None else json.dumps(values),
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )

    def must(self, *arguments: str | Path, values: Mapping[str, Any] | None = None) -> str:
        """Run it and give what it printed. Raises HelmError."""
        done = self(*arguments, values=values)
        if done.returncode != 0:
            raise HelmError(f"helm {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def renders(
        self, values: Mapping[str, Any] | None = None, *, release: str = RELEASE, namespace: str = NAMESPACE
    ) -> list[Object]:
        """Give the objects that the chart makes. Raises HelmError."""
        return documents(self.must("template", release, CHART, "--namespace", namespace, values=values or {}))


def kustomize(
    kubectl: Path, resources: Sequence[str], components: Sequence[str] = (), namespace: str = ""
) -> list[Object]:
    """Give the objects of an overlay that names these folders of `deploy/`."""
    with _overlay(resources, components, namespace) as folder:
        done = subprocess.run(
            [kubectl, "kustomize", folder], capture_output=True, text=True, check=True, timeout=_SECONDS
        )
    return documents(done.stdout)


@contextmanager
def _overlay(resources: Sequence[str], components: Sequence[str], namespace: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        deploy = os.path.relpath(ROOT / "deploy", folder)
        body = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [f"{deploy}/{each}".rstrip("/") for each in resources],
            "components": [f"{deploy}/{each}" for each in components],
            **({"namespace": namespace} if namespace else {}),
        }
        (folder / "kustomization.yaml").write_text(json.dumps(body))
        yield folder


def documents(text: str) -> list[Object]:
    """Read YAML documents, the empty ones left out; by libyaml, where there is one: CRDs are long."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [each for each in yaml.load_all(text, Loader=loader) if each]


def by_name(objects: Sequence[Object]) -> Objects:
    """Put objects under what tells them apart. Raises ValueError when two of them are the same."""
    named: Objects = {}
    for each in objects:
        metadata = each["metadata"]
        name = "/".join(filter(None, (each["kind"], metadata.get("namespace"), metadata["name"])))
        if name in named:
            raise ValueError(f"there are two of {name}")
        named[name] = each
    return named
