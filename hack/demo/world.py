"""What the examples act on: a simulated Dragonfly where the tasks that they name are cached, and some peers are ill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.dragonfly.targets import candidates
from hack.installation import ROOT
from tests.registry.image import multi_platform
from tests.registry.real import RealRegistry, real_registry
from tests.simulator.control import Control, Simulation, simulation

SCHEDULERS, PEERS, SEEDS = 3, 50, 2

MODEL_ON = frozenset({"n1", "n4", "n9", "n16", "n25", "n36", "n49", "seed0"})
DATASET_ON = frozenset({"n2", "n3", "n5", "n7", "n11", "n13"})
REGISTRY = "https://registry.example.com"
"""The registry that the examples name."""
IMAGE, GOOD_IMAGE = multi_platform("1.0"), multi_platform("0.9")
BASE = next(blob for blob in IMAGE.blobs if blob in GOOD_IMAGE.blobs)
IMAGE_ON, BASE_ON = frozenset({"n20", "n21", "n22"}), "n23"
UNREACHABLE, BROKEN = "n7", "n11"
"""Peers that hold the dataset, and can't be rid of it."""

DISK_ERROR = "remove piece 3: Input/output error (os error 5)"


def example(name: str) -> Path:
    """Give the file of an example."""
    return ROOT / "examples" / f"{name}.yaml"


def task_of(name: str) -> str:
    """Give the id that a peer of a new client has for the task that an example names."""
    manifest: dict[str, Any] = yaml.safe_load(example(name).read_text())
    (target,) = manifest["spec"]["targets"]
    return candidates(Target.model_validate(target))[0].task_id


@contextmanager
def registry(folder: Path) -> Iterator[RealRegistry]:
    """Run Docker's registry with the images of the examples. Raises ControlPlaneError where there is none to run."""
    with real_registry(folder) as running:
        running.push(IMAGE, "team/app", "1.0")
        running.push(GOOD_IMAGE, "team/app", "0.9")
        yield running


def pull_image(world: Control) -> None:
    """Let peers have the image: some pulled it, one only the base of another that is built on the same."""
    for blob in IMAGE.blobs:
        world.caches(blob.hex, on=",".join(sorted(IMAGE_ON)), content_length=len(blob.body))
    world.caches(BASE.hex, on=BASE_ON, content_length=len(BASE.body))


@contextmanager
def dragonfly() -> Iterator[Simulation]:
    """Run it while the context lasts."""
    caches = {
        task_of("find-model"): ",".join(sorted(MODEL_ON)),
        task_of("find-by-task-id"): "n10",
        task_of("find-by-content"): ",".join(sorted(DATASET_ON)),
    }
    with simulation(schedulers=SCHEDULERS, peers=PEERS, seeds=SEEDS, caches=caches) as running:
        yield running


def fall_ill(world: Control) -> None:
    """Let one peer be unreachable and another fail to delete."""
    world.goes_down(UNREACHABLE)
    world.fails("fails", "delete", on=BROKEN, code="INTERNAL", details=DISK_ERROR)
