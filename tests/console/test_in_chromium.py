"""The page in a real browser, on a real API server, with the operator and a simulated Dragonfly behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Page

from dragonfly_task_operator.dragonfly.task_ids import content_candidates, url_candidates
from hack.controlplane.server import ControlPlane
from hack.installation import running_operator
from hack.kubectl import Kubectl
from tests.console.browsing import FAINT, NAMELESS, OVERFLOWS, SECONDS, Console, Person, console
from tests.console.conftest import at
from tests.objects import Objects, manifest, wait_for
from tests.registry.image import multi_platform
from tests.registry.scripted import NAME, ScriptedRegistry
from tests.registry.threaded import Servers
from tests.simulator.control import Control, Simulation, simulation

pytestmark = pytest.mark.controlplane

URL = "https://models.example.com/llama.safetensors"
IMAGE = multi_platform()
DISK_ERROR = "remove piece 3: Input/output error (os error 5)"


@pytest.fixture(scope="module")
def registry() -> Iterator[ScriptedRegistry]:
    with Servers() as servers:
        running = servers.enter(ScriptedRegistry())
        running.holds(IMAGE)
        yield running


@pytest.fixture(scope="module")
def dragonfly() -> Iterator[Simulation]:
    with simulation(schedulers=2, peers=12, seeds=1) as running:
        yield running


@pytest.fixture(scope="module")
def served(  # noqa: PLR0917 - fixtures
    control_plane: ControlPlane,
    objects: Objects,
    dragonfly: Simulation,
    registry: ScriptedRegistry,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Console]:
    """The console, with the operator at work."""
    del objects, browser  # the operator is installed; without a browser there is nothing to serve for
    arguments = [f"--scheduler={address}" for address in dragonfly.scheduler_addresses]
    arguments += [f"--registry-allowlist=http://{registry.host}", "--rpc-timeout=2s"]
    log = tmp_path_factory.mktemp("console") / "console.log"
    with (
        running_operator(control_plane, arguments),
        console(control_plane.admin_kubeconfig, log=log) as running,
    ):
        yield running


@pytest.fixture
def world(dragonfly: Simulation) -> Iterator[Control]:
    yield dragonfly.control
    dragonfly.control.is_put_right()


@pytest.mark.parametrize(
    ("way", "value", "task"),
    [
        ("URL", URL, url_candidates(URL)[0].task_id),
        ("Task ID", "b1" * 32, "b1" * 32),
        ("Content", "nightly", content_candidates("nightly")[0].task_id),
    ],
    ids=["URL", "Task ID", "Content"],
)
def test_search_shows_the_peers_that_have_it(person: Person, world: Control, way: str, value: str, task: str) -> None:
    world.caches(task, on="n2,n10,n3")

    person.searches(way, value)

    person.sees("SUCCESS", "Found", within="#verdict")
    person.sees("3 peers", within="#rows")
    assert person.hostnames() == ["n2", "n3", "n10"]
    assert person.sees("Cluster 1", within="#clusters")
    person.page.get_by_label("Hostname or IP").fill("n1")  # which came with the peers
    person.page.keyboard.press("Enter")
    person.sees("1 peer of 3", within="#rows")
    assert person.hostnames() == ["n10"]


def test_search_for_an_image_shows_what_share_of_it_each_peer_has(
    person: Person, world: Control, registry: ScriptedRegistry
) -> None:
    for part in IMAGE.blobs:
        world.caches(part.hex, on="n1", content_length=len(part.body))
    world.caches(IMAGE.blobs[0].hex, on="n4", content_length=len(IMAGE.blobs[0].body))

    person.searches("Image", registry.url())

    person.sees("SUCCESS", within="#verdict")
    person.sees("2 peers", within="#rows")
    table = person.page.locator("#rows tbody tr").all_inner_texts()
    assert "100 %" in table[0]
    assert "20 %" in table[1]
    assert NAME in person.sees("peers", within="#tasks")


def test_search_that_finds_nothing_says_so(person: Person) -> None:
    person.searches("Task ID", "0" * 64)

    person.sees("SUCCESS", "NotFound", within="#verdict")
    person.sees("No peer has anything to tell", within="#rows")


def test_slip_is_told_at_its_field_and_mended(person: Person) -> None:
    person.searches("Task ID", "ABC")

    person.sees("taskID must be 64 lowercase hex digits")
    field = person.page.get_by_role("textbox", name="Task ID", exact=True)
    assert (field.get_attribute("aria-invalid"), field.input_value()) == ("true", "ABC")


def test_deletion_is_previewed_typed_and_watched_to_its_end(person: Person, world: Control) -> None:
    task = "b2" * 32
    world.caches(task, on="n1,n5,n7")
    person.searches("Task ID", task)
    person.sees("3 peers", within="#rows")

    person.page.get_by_role("button", name="Preview a deletion").click()
    assert "from 3 peers" in person.sees("Delete it?", within="#actions")
    assert world.holders(task) == {"n1", "n5", "n7"}

    person.types_delete("delete")
    person.sees("Nothing is deleted: type DELETE in capital letters.")
    assert world.holders(task) == {"n1", "n5", "n7"}

    person.types_delete()
    person.sees("SUCCESS", "Deleted", within="#verdict")
    assert world.holders(task) == set()


def test_deletion_that_fails_tells_the_peers_own_words_and_what_to_do(
    person: Person, world: Control, kubectl: Kubectl
) -> None:
    task = "b3" * 32
    world.caches(task, on="n1,n11")
    world.fails("fails", "delete", on="n11", code="INTERNAL", details=DISK_ERROR)
    kubectl.apply(manifest("TaskDeletion", "broken", {"taskID": task}, dryRun=True, backoffLimit=0))
    person.goes_to("/executions/taskdeletions/default/broken")
    person.sees("Delete it?", within="#actions")

    person.types_delete()

    person.sees("FAILURE", "PeersFailed", within="#verdict")
    person.page.locator("#reason-Internal summary").click()
    assert "most often it is the disk" in person.sees(DISK_ERROR, within="#failure-summary")
    person.page.get_by_role("link", name="Show the peers that failed").click()
    person.page.locator("#rows details summary").click()
    assert person.hostnames() == ["n11"]
    person.sees(DISK_ERROR, "attempt", within="#rows")
    assert person.page.locator("#history tbody tr").count() == 2  # the preview, and the deletion


def test_page_that_is_open_shows_what_somebody_else_does(
    person: Person, world: Control, kubectl: Kubectl, objects: Objects
) -> None:
    person.goes_to("/executions?q=elsewhere")
    person.sees("No execution is like that.", within="#runs")
    person.page.evaluate("window.isTheSame = true")

    kubectl.apply(manifest("TaskSearch", "elsewhere", {"taskID": "0" * 64}))

    person.sees("elsewhere", "NotFound", within="#runs")
    assert person.page.evaluate("window.isTheSame")


def test_run_is_cancelled_and_gone_on_with(person: Person, world: Control, kubectl: Kubectl) -> None:
    world.fails("hangs", "stat", on="n6")
    kubectl.apply(manifest("TaskDeletion", "long", {"taskID": "b4" * 32}))
    person.goes_to("/executions/taskdeletions/default/long")

    person.page.get_by_role("button", name="Cancel").click()
    person.sees("Suspended", within="#verdict")
    world.recovers()
    person.page.get_by_role("button", name="Go on").click()

    person.sees("SUCCESS", "NothingToDelete", within="#verdict")


def test_executions_are_filtered_by_state(person: Person, kubectl: Kubectl) -> None:
    kubectl.apply(manifest("TaskSearch", "went-well", {"taskID": "0" * 64}))
    kubectl.apply(manifest("TaskSearch", "went-badly", {"imageManifestURL": "https://127.0.0.1:1/v2/a/manifests/b"}))
    kubectl.apply(manifest("TaskSearch", "waits", {"taskID": "0" * 64}, suspend=True))
    person.goes_to("/executions?q=w")
    person.sees("NotFound", "Suspended", "RegistryDenied", within="#runs")

    seen = {}
    for state in ("PENDING", "SUCCESS", "FAILURE"):
        person.page.get_by_label("State").select_option(state)
        person.page.get_by_role("button", name="Filter").click()
        person.sees(state, within="#runs")
        names = set(person.page.locator("#runs tbody th").all_inner_texts())
        seen[state] = names & {"went-well", "went-badly", "waits"}

    assert seen == {"PENDING": {"waits"}, "SUCCESS": {"went-well"}, "FAILURE": {"went-badly"}}


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is there."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"no Tab leads to {selector}")


def test_everything_is_done_by_keyboard(person: Person, world: Control) -> None:
    task = "b5" * 32
    world.caches(task, on="n8,n9")
    page = person.page

    tab_to(page, "input[name=way]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    tab_to(page, "#taskID")
    page.keyboard.type(task)
    page.keyboard.press("Enter")
    person.sees("2 peers", within="#rows")
    tab_to(page, "#do-preview")
    page.keyboard.press("Enter")
    person.sees("Delete it?", within="#actions")
    tab_to(page, "#word")
    page.keyboard.type("DELETE")
    page.keyboard.press("Enter")

    person.sees("SUCCESS", "Deleted", within="#verdict")
    assert world.holders(task) == set()


def test_first_tab_leads_past_the_navigation(person: Person) -> None:
    person.page.keyboard.press("Tab")
    person.page.keyboard.press("Enter")

    assert person.page.evaluate("document.activeElement.id") == "content"


def test_yaml_that_is_copied_is_taken_by_the_api_server(
    browser: Browser, served: Console, kubectl: Kubectl, world: Control
) -> None:
    target = {"url": f"{URL}?a=1&b='\"é", "tag": "no", "filteredQueryParams": []}
    kubectl.apply(manifest("TaskSearch", "copied", target))
    with at(browser, served, permissions=["clipboard-read", "clipboard-write"]) as person:
        person.goes_to("/executions/tasksearches/default/copied")
        person.page.locator("#yaml-manifest > summary").click()
        person.page.get_by_role("button", name="Copy").first.click()
        person.sees("Copied")
        text = person.page.evaluate("navigator.clipboard.readText()")

    copied: dict[str, Any] = yaml.safe_load(text)
    assert copied["spec"]["targets"] == [target]
    assert kubectl("create", "--dry-run=client", "-f", "-", stdin=text).returncode == 0
    assert kubectl.must("diff", "-f", "-", stdin=text) == ""


def test_page_works_without_scripts(browser: Browser, served: Console, world: Control) -> None:
    task = "b7" * 32
    world.caches(task, on="n3")
    with at(browser, served, java_script_enabled=False) as person:
        person.searches("Task ID", task)
        person.page.wait_for_url("**/executions/tasksearches/**")
        made = person.page.url

        def is_found() -> bool:
            person.page.goto(made)
            return "SUCCESS" in person.page.inner_text("#verdict")

        wait_for(is_found, "the search", seconds=SECONDS)
        assert person.hostnames() == ["n3"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("narrow", [False, True], ids=["1280", "390"])
def test_every_page_can_be_read(
    browser: Browser, served: Console, world: Control, kubectl: Kubectl, scheme: str, *, narrow: bool
) -> None:
    task = "b8" * 32
    world.caches(task, on="n1,n2")
    world.fails("fails", "delete", on="n2", code="INTERNAL", details=DISK_ERROR)
    kubectl.apply(manifest("TaskSearch", "read-search", {"taskID": task}))
    kubectl.apply(manifest("TaskDeletion", "read-preview", {"taskID": task}, dryRun=True))
    kubectl.apply(manifest("TaskDeletion", "read-failed", {"taskID": task}, backoffLimit=0))
    with at(browser, served, narrow=narrow, color_scheme=scheme) as person:
        person.goes_to("/executions?q=read-")
        person.sees("read-search", "Found", "DryRun", "PeersFailed", within="#runs")
        faults = {}
        for path in (
            "/",
            "/?way=image&tag=x",
            "/executions",
            "/executions?q=nobody",
            "/executions/tasksearches/default/read-search",
            "/executions/taskdeletions/default/read-preview",
            "/executions/taskdeletions/default/read-failed",
            "/executions/tasksearches/default/nothing",
        ):
            person.goes_to(path)
            person.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            faults[path] = [*person.page.evaluate(FAINT), *person.page.evaluate(NAMELESS)]
            if person.page.evaluate(OVERFLOWS):
                faults[path].append("it has to be scrolled sideways")
        ground = person.page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert {path: found for path, found in faults.items() if found} == {}
    red = int(ground.partition("(")[2].partition(",")[0])
    assert (red < 64) == (scheme == "dark")
