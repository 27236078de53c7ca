"""The page where no operator is: five thousand peers of a run that has ended, and whatever a cluster may lack."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from dragonfly_task_operator.api.specs import TaskSearchSpec, run_key
from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.console.browsing import OVERFLOWS, Console, Person, console
from tests.console.conftest import at
from tests.objects import API_VERSION, Objects, manifest

pytestmark = pytest.mark.controlplane

PEERS, ROWS = 5000, 1000
TASK = "f1" * 32
NOW = "2026-11-26T02:00:00Z"
PAGE_SECONDS = 10.0
"""For a page of five thousand peers; on an idle machine it takes one."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("console") / "console.log"


@pytest.fixture(scope="module")
def served(control_plane: ControlPlane, many: None, browser: Browser, log: Path) -> Iterator[Console]:
    del many, browser
    with console(control_plane.admin_kubeconfig, log=log) as running:
        yield running


@pytest.fixture(scope="module")
def many(control_plane: ControlPlane, objects: Objects) -> None:
    """Write what an operator would have written of a search that found a task on five thousand peers."""
    body = manifest("TaskSearch", "many", {"taskID": TASK})
    objects.create(body)
    made = objects.get("TaskSearch", "many")
    key = run_key(TaskSearchSpec.model_validate(body["spec"]))
    of = {"kind": "TaskSearch", "name": "many", "uid": made["metadata"]["uid"]}
    reports = f"/apis/{API_VERSION}/namespaces/default/taskreports"
    names = [f"many-{key[:8]}-{page:02}" for page in range(PEERS // ROWS)]
    for page, name in enumerate(names):
        report = {"of": of, "runKey": key, "page": page, "pages": len(names), "complete": True, "tasks": [TASK]}
        peers = [a_peer(number) for number in range(page * ROWS, (page + 1) * ROWS)]
        metadata = {"name": name, "namespace": "default"}
        document = {"apiVersion": API_VERSION, "kind": "TaskReport", "metadata": metadata}
        control_plane.request("POST", reports, {**document, "report": {**report, "peers": peers}})
    status = {
        "observedGeneration": 1,
        "runKey": key,
        "reason": "Found",
        "peers": {"total": PEERS, "caching": PEERS},
        "reports": names,
        "startTime": NOW,
        "completionTime": NOW,
        "conditions": [a_condition("Succeeded", "Found"), a_condition("Finished", "Found")],
    }
    control_plane.request("PUT", f"{objects.path('TaskSearch', 'many')}/status", {**made, "status": status})


def a_peer(number: int) -> dict[str, Any]:
    return {
        "hostID": f"10.0.0.1-n{number}",
        "hostname": f"n{number}",
        "ip": f"10.{number // 65536}.{number // 256 % 256}.{number % 256}",
        "hostType": "super" if number % 100 == 0 else "normal",
        "schedulerClusterID": 1 + number % 2,
        "clientVersion": "1.3.9",
        "holds": [0],
    }


def a_condition(type_: str, reason: str) -> dict[str, str]:
    return {"type": type_, "status": "True", "reason": reason, "message": "", "lastTransitionTime": NOW}


def test_five_thousand_peers_stay_usable(person: Person) -> None:
    began = time.monotonic()
    person.goes_to("/executions/tasksearches/default/many")
    person.sees("5,000 peers", "Page 1 of 50", within="#rows")

    assert time.monotonic() - began < PAGE_SECONDS
    assert person.hostnames()[:3] == ["n0", "n1", "n2"]
    assert person.page.locator("#rows tbody tr").count() == 100
    assert not person.page.evaluate(OVERFLOWS)

    person.page.get_by_role("link", name="Next").click()
    person.sees("Page 2 of 50", within="#rows")
    assert person.hostnames()[0] == "n100"

    person.page.get_by_role("link", name="Hostname").click()
    person.sees("Page 1 of 50", within="#rows")
    assert person.hostnames()[0] == "n4999"
    assert person.page.locator("th[aria-sort=descending]").inner_text().startswith("Hostname")

    person.page.get_by_role("link", name="Cluster 2", exact=False).click()
    person.sees("2,500 peers of 5000", within="#rows")
    person.page.get_by_label("Hostname or IP").fill("n4321")
    person.page.keyboard.press("Enter")
    person.sees("1 peer of 5000", within="#rows")
    assert person.hostnames() == ["n4321"]


def test_run_that_no_operator_takes_up_is_told_of_by_itself(person: Person) -> None:
    person.searches("Task ID", "f2" * 32)

    assert "PENDING" in person.sees("PENDING", within="#verdict")
    person.sees("Nothing has picked this up", "kubectl -n dragonfly-task-operator get pods,events", within="#verdict")


def test_missing_rights_are_told_with_the_role_that_grants_them(
    browser: Browser, control_plane: ControlPlane, kubectl: Kubectl, log: Path
) -> None:
    kubectl.must("create", "serviceaccount", "nobody")
    kubeconfig = control_plane.service_account_kubeconfig("default", "nobody")
    with console(kubeconfig, log=log.with_name("nobody.log")) as served, at(browser, served) as person:
        person.goes_to("/executions")
        told = person.sees("Not up to date.", within="#troubles")
        assert "you may not list tasksearches in the namespace default" in told
        assert "--clusterrole=dragonfly-tasks-view --serviceaccount=default:nobody" in told

        person.searches("Task ID", TASK)
        assert "--clusterrole=dragonfly-tasks-edit" in person.sees("You may not do that")


def test_reader_is_denied_the_deletion_only(
    browser: Browser, control_plane: ControlPlane, kubectl: Kubectl, log: Path, many: None
) -> None:
    kubectl.must("create", "serviceaccount", "reader")
    kubectl.must(
        "create", "rolebinding", "reader", "--clusterrole=dragonfly-tasks-view", "--serviceaccount=default:reader"
    )
    kubeconfig = control_plane.service_account_kubeconfig("default", "reader")
    with console(kubeconfig, log=log.with_name("reader.log")) as served, at(browser, served) as person:
        person.goes_to("/executions/tasksearches/default/many")
        person.sees("5,000 peers", within="#rows")
        person.page.get_by_role("button", name="Preview a deletion").click()

        assert "you may not create taskdeletions" in person.sees("You may not do that")


def test_all_namespaces_are_shown_where_that_is_asked_for(
    browser: Browser, control_plane: ControlPlane, kubectl: Kubectl, log: Path, many: None
) -> None:
    kubectl.must("create", "namespace", "team-b")
    kubectl.must("create", "-n", "team-b", "-f", "-", stdin=json.dumps(in_team_b("theirs")))
    everywhere = console(control_plane.admin_kubeconfig, log=log.with_name("all.log"), arguments=["-A"])
    with everywhere as served, at(browser, served) as person:
        person.goes_to("/executions")
        person.sees("team-b/theirs", "default/many", within="#runs")
        person.goes_to("/?way=taskID&namespace=team-b&name=mine")
        person.page.get_by_role("textbox", name="Task ID", exact=True).fill("f3" * 32)
        person.page.get_by_role("button", name="Search", exact=True).click()
        person.sees("team-b", "mine", within="#verdict")

    only = console(control_plane.admin_kubeconfig, log=log.with_name("one.log"), arguments=["-n", "team-b"])
    with only as served, at(browser, served) as person:
        person.goes_to("/executions")
        assert "many" not in person.sees("theirs", "mine", within="#runs")


def in_team_b(name: str) -> dict[str, Any]:
    body = manifest("TaskSearch", name, {"taskID": TASK})
    del body["metadata"]["namespace"]
    return body


def test_api_server_that_is_gone_is_told_of_and_its_return_is_noticed(
    person: Person, control_plane: ControlPlane
) -> None:
    person.goes_to("/executions")
    person.sees("many", within="#runs")
    run = person.context.new_page()
    person.watched(run)
    control_plane.stop_apiserver(kill=True)
    try:
        person.sees("Not up to date.", "can't be reached", within="#troubles")
        person.sees("many", within="#runs")  # what was known stays to be read
        run.goto(f"{person.root}/executions/tasksearches/default/many")
        assert "The API server can't be asked" in run.inner_text("main")
    finally:
        control_plane.start_apiserver()

    person.page.bring_to_front()
    person.page.wait_for_function("() => document.querySelector('#troubles').innerText.trim() === ''")
    run.wait_for_selector("#rows tbody tr")


def test_console_that_has_ended_is_told_of(
    browser: Browser, control_plane: ControlPlane, many: None, tmp_path: Path
) -> None:
    with console(control_plane.admin_kubeconfig, log=tmp_path / "console.log") as served:
        context = browser.new_context()
        somebody = Person(context, served)
        somebody.goes_to("/executions")
        somebody.sees("many", within="#runs")

    somebody.sees("Not connected any more", within="#connection")
    context.close()
