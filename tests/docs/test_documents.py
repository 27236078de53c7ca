"""What the documents say to run, runs; what they say it prints, it prints; where they point to, something is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from dragonfly_task_operator import settings
from hack.controlplane.server import ControlPlane
from hack.demo import world
from hack.installation import ROOT, install, running_operator
from hack.kubectl import Kubectl
from tests.docs.documents import Block, blocks, documents, settled
from tests.simulator.control import Control

DOCUMENTS = pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)


class Machine:
    """A user's: kubectl with a cluster, the operator's command, the checkout, and Dragonfly."""

    def __init__(self, environment: Mapping[str, str], kubectl: Kubectl, dragonfly: Control) -> None:
        self._environment = environment
        self._kubectl = kubectl
        self._dragonfly = dragonfly

    def run(self, block: Block) -> None:
        if block.note == ("world", "n7 is unreachable and the disk of n11 is broken"):
            world.fall_ill(self._dragonfly)
        elif block.note is not None:
            pytest.fail(f"line {block.line}: nobody knows how to make it so that {block.note[1]}")
        if block.kind == "sh":
            done = self._shell(block.text)
            assert done.returncode == 0, f"line {block.line}: {done.stdout}"
        elif block.kind == "console":
            for command, output in block.commands():
                done = self._shell(command)
                assert settled(done.stdout) == settled(output), f"line {block.line}: $ {command}"
        else:
            self._take(block)

    def _take(self, block: Block) -> None:
        for body in yaml.safe_load_all(block.text):
            if "kind" in body:
                done = self._kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(body))
                assert done.returncode == 0, f"line {block.line}: {done.stderr}"
            else:
                with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
                    config.write(json.dumps(body))
                    config.flush()
                    settings.load({}, config=Path(config.name))

    def _shell(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # in the order in which a person sees them
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture(scope="module")
def cluster() -> Iterator[ControlPlane]:
    """One of its own: documents begin with an empty cluster."""
    with ControlPlane() as running:
        yield running


@pytest.fixture
def machine(cluster: ControlPlane) -> Iterator[Machine]:
    kubectl = Kubectl.as_admin(cluster)
    install(kubectl)
    path = f"{Path(sys.executable).parent}:{kubectl.binary.parent}:{os.environ['PATH']}"
    environment = os.environ | {"KUBECONFIG": str(cluster.admin_kubeconfig), "PATH": path}
    with world.dragonfly() as dragonfly:
        environment["DRAGONFLY_TASK_OPERATOR_SCHEDULER"] = ",".join(dragonfly.scheduler_addresses)
        schedulers = [f"--scheduler={address}" for address in dragonfly.scheduler_addresses]
        with running_operator(cluster, schedulers):
            yield Machine(environment, kubectl, dragonfly.control)
    kubectl.must("delete", "tasksearches,taskdeletions", "--all")  # a category may be cached away by kubectl


@pytest.mark.controlplane
@DOCUMENTS
def test_what_a_document_says_to_run_does_what_it_says(document: Path, request: pytest.FixtureRequest) -> None:
    to_run = [block for block in blocks(document) if block.is_run]
    if not to_run:
        return
    machine: Machine = request.getfixturevalue("machine")

    for block in to_run:
        machine.run(block)


@DOCUMENTS
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text())

    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]

    assert missing == []


@pytest.mark.controlplane
@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_accepted(cluster: ControlPlane, example: Path) -> None:
    kubectl = Kubectl.as_admin(cluster)
    install(kubectl)

    assert kubectl("create", "--dry-run=server", "-f", example).stderr == ""
