"""A simulated Dragonfly for each module, `exec` as a user runs it, and no Kubernetes anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.objects import manifest
from tests.simulator.control import Control, Simulation, simulation

SECONDS = 120.0
"""For an `exec` to end, on a machine that is busy with other things."""

Exec = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulation]:
    with simulation(schedulers=2, peers=6, seeds=1) as running:
        yield running


@pytest.fixture
def world(simulator: Simulation) -> Iterator[Control]:
    """The simulated Dragonfly, put right after each test."""
    yield simulator.control
    simulator.control.is_put_right()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user without a kubeconfig, a Docker config, or settings in the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DRAGONFLY_TASK_OPERATOR_")}
    return kept | {"HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "none"), "DOCKER_CONFIG": str(tmp_path)}


@pytest.fixture
def command(simulator: Simulation) -> list[str]:
    schedulers = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    return [sys.executable, "-m", "dragonfly_task_operator", "exec", *schedulers, "--rpc-timeout=1s"]


@pytest.fixture
def execute(command: list[str], environment: Mapping[str, str]) -> Exec:
    """Run `exec` to its end. Objects that are given are its stdin."""

    def run(*arguments: str, stdin: object = "", **more: str) -> subprocess.CompletedProcess[str]:
        text = stdin if isinstance(stdin, str) else "\n---\n".join(map(json.dumps, as_list(stdin)))
        return subprocess.run(
            [*command, *arguments],
            input=text,
            env={**environment, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    return run


@pytest.fixture
def start(command: list[str], environment: Mapping[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start `exec` on objects in a file; what is still running is killed when the test ends."""
    started: list[subprocess.Popen[str]] = []

    def begin(*objects: dict[str, Any], **options: Any) -> subprocess.Popen[str]:
        file = tmp_path / "manifests.yaml"
        file.write_text("\n---\n".join(map(json.dumps, objects)))
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        process = subprocess.Popen([*command, "-f", str(file)], env=environment, text=True, **pipes)
        started.append(process)
        return process

    yield begin
    for process in started:
        with process:
            process.kill()


def as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def by_task(kind: str, name: str, task: str, **spec: Any) -> dict[str, Any]:
    return manifest(kind, name, {"taskID": task}, **spec)
