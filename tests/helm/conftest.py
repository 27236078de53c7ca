"""Helm, built first if need be."""

from __future__ import annotations

from pathlib import Path

import pytest

from hack.controlplane.assets import resolve
from tests.helm.charts import Helm


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Without a cluster."""
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def kubectl_program() -> Path:
    return resolve().kubectl
