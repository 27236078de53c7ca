"""The programs of Go modules that tests use are of the versions that go.mod pins."""

from __future__ import annotations

import subprocess

import pytest

from hack.controlplane.programs import Pins, tool

pytestmark = pytest.mark.controlplane  # of which it needs nothing but what is built


@pytest.mark.parametrize(
    ("name", "module", "arguments"),
    [
        ("helm", "helm.sh/helm/v3", ["version", "--template", "{{.Version}}"]),
        ("promtool", "github.com/prometheus/prometheus", ["--version"]),
    ],
)
def test_program_tells_the_version_that_is_pinned(name: str, module: str, arguments: list[str]) -> None:
    done = subprocess.run([tool(name), *arguments], capture_output=True, text=True, check=True, timeout=60)

    assert Pins.read().modules[module] in done.stdout
