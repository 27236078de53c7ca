"""The pictures of docs/console.md, taken of the demo's world. `make pictures` keeps them; else none is written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml
from playwright.sync_api import Browser

from hack.controlplane.server import ControlPlane
from hack.demo import world as demo
from hack.installation import ROOT, running_operator
from hack.kubectl import Kubectl
from tests.console.browsing import Console, Person, console
from tests.console.conftest import at
from tests.objects import Objects, manifest
from tests.simulator.control import Simulation

pytestmark = pytest.mark.controlplane

FOLDER = ROOT / "docs" / "pictures"
PNG = b"\x89PNG"
SIZE = {"width": 1000, "height": 760}
KEEP = "KEEP_PICTURES"
"""Set in the environment where pictures are to be kept."""


@pytest.fixture(scope="module")
def dragonfly() -> Iterator[Simulation]:
    with demo.dragonfly() as running:
        yield running


@pytest.fixture(scope="module")
def served(
    control_plane: ControlPlane,
    objects: Objects,
    dragonfly: Simulation,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Console]:
    del objects, browser
    log = tmp_path_factory.mktemp("console") / "console.log"
    arguments = [f"--scheduler={address}" for address in dragonfly.scheduler_addresses]
    with running_operator(control_plane, arguments), console(control_plane.admin_kubeconfig, log=log) as running:
        yield running


@contextmanager
def picture(person: Person, name: str) -> Iterator[None]:
    """Take a picture of what is seen at the end, and write it to docs/pictures where pictures are to be kept."""
    yield
    person.page.evaluate("scrollTo(0, 0)")
    taken = person.page.screenshot(path=FOLDER / f"{name}.png" if KEEP in os.environ else None)
    assert taken.startswith(PNG)
    assert (FOLDER / f"{name}.png").exists(), f"docs/pictures lacks {name}.png: make pictures"


def test_pictures_of_the_docs(browser: Browser, served: Console, kubectl: Kubectl, dragonfly: Simulation) -> None:
    url = yaml.safe_load(demo.example("find-model").read_text())["spec"]["targets"][0]
    content = yaml.safe_load(demo.example("find-by-content").read_text())["spec"]["targets"][0]
    with at(browser, served, viewport=SIZE) as person:
        with picture(person, "search"):
            person.page.get_by_label("Name of the object").evaluate("field => field.closest('details').open = true")
            person.page.get_by_role("textbox", name="URL", exact=True).fill(url["url"].partition("?")[0])
            person.page.get_by_label("Tag").fill(url.get("tag", ""))
        kubectl.apply(manifest("TaskSearch", "find-model", url))
        with picture(person, "found"):
            person.goes_to("/executions/tasksearches/default/find-model")
            person.sees(f"{len(demo.MODEL_ON)} peers", within="#rows")
        kubectl.apply(manifest("TaskDeletion", "purge-model", url, dryRun=True))
        with picture(person, "preview"):
            person.goes_to("/executions/taskdeletions/default/purge-model")
            person.sees("Delete it?", within="#actions")
            person.page.get_by_label("Type DELETE to confirm").fill("DELETE")
        demo.fall_ill(dragonfly.control)
        kubectl.apply(manifest("TaskDeletion", "purge-dataset", content, backoffLimit=1))
        with picture(person, "failed"):
            person.goes_to("/executions/taskdeletions/default/purge-dataset")
            person.sees("PeersFailed", within="#verdict")
            person.page.locator("#reason-Internal > summary").click()
    with at(browser, served, narrow=True, color_scheme="dark") as person, picture(person, "executions"):
        person.goes_to("/executions")
        person.sees("3 executions", "PeersFailed", within="#runs")
