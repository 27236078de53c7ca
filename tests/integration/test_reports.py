"""TaskReports on a real API server, without a garbage collector: read, replaced, removed, and never half."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.integration.replicas import Start
from tests.objects import Objects, is_finished, manifest, wait_for
from tests.simulator.control import Control, Simulation, simulation

pytestmark = pytest.mark.controlplane

PEERS = 1050
SECONDS = 90.0


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulation]:
    with simulation(schedulers=1, peers=PEERS) as running:
        yield running


def reports(kubectl: Kubectl, *selectors: str) -> dict[str, dict[str, Any]]:
    items = json.loads(kubectl.must("get", "treport", "-o", "json", *selectors))["items"]
    return {item["metadata"]["name"]: item for item in items}


def of(kubectl: Kubectl, name: str) -> dict[str, dict[str, Any]]:
    return {page: body for page, body in reports(kubectl).items() if body["report"]["of"]["name"] == name}


def hostnames(pages: dict[str, dict[str, Any]]) -> list[str]:
    return [row["hostname"] for _, body in sorted(pages.items()) for row in body["report"]["peers"]]


def is_whole(pages: dict[str, dict[str, Any]]) -> bool:
    numbers = {body["report"]["page"] for body in pages.values()}
    return all(numbers == set(range(body["report"]["pages"])) for body in pages.values())


def test_every_holder_is_told_of_until_its_owner_is_gone(
    start: Start, kubectl: Kubectl, control_plane: ControlPlane, objects: Objects, world: Control
) -> None:
    task = "7e" * 32
    world.caches(task)
    start()
    kubectl.apply(manifest("TaskSearch", "holders", {"taskID": task}, runID="one"))

    status = objects.until("TaskSearch", "holders", is_finished, seconds=SECONDS)

    stem = f"holders-{status['runKey'][:8]}"
    assert (status["reports"], status["omitted"]["cachedBy"]) == ([f"{stem}-00", f"{stem}-01"], PEERS - 20)
    pages = of(kubectl, "holders")
    assert hostnames(pages) == sorted(world.holders(task))
    for number, (name, body) in enumerate(sorted(pages.items())):
        uid = objects.get("TaskSearch", "holders")["metadata"]["uid"]
        (owner,) = body["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (uid, True, False)
        said = body["report"]
        assert (name, said["page"], said["pages"], said["complete"]) == (f"{stem}-{number:02}", number, 2, True)
        assert said["of"] == {"kind": "TaskSearch", "name": "holders", "uid": uid}
        assert (said["runKey"], said["runID"], said["tasks"]) == (status["runKey"], "one", [task])
        assert said["peers"][0]["holds"] == [0]
        path = f"/apis/tasks.d7y.io/v1alpha1/namespaces/default/taskreports/{name}"
        assert control_plane.request("PUT", f"{path}?dryRun=All&fieldValidation=Strict", body)["report"] == said

    lines = [line.split() for line in kubectl.must("get", "treport").splitlines()]
    assert lines[0] == ["NAME", "OF", "PAGE", "PEERS", "AGE"]
    assert [line[:4] for line in lines[1:] if line[1] == "holders"] == [
        [f"{stem}-00", "holders", "0", "1000"],
        [f"{stem}-01", "holders", "1", "50"],
    ]
    described = kubectl.must("describe", "treport", f"{stem}-01")
    assert ("Run Key:" in described, "Hostname:" in described, "Controlled By" in described) == (True, True, False)
    assert "Index into tasks." in kubectl.must("explain", "treport.report.peers.failed.task")

    kubectl.apply(manifest("TaskSearch", "holders", {"taskID": task}, runID="two"))
    changed = objects.until(
        "TaskSearch", "holders", lambda status: status.get("runID") == "two" and is_finished(status), seconds=SECONDS
    )
    assert changed["reports"] == [f"holders-{changed['runKey'][:8]}-{page:02}" for page in range(2)]
    wait_for(lambda: sorted(of(kubectl, "holders")) == changed["reports"], "the earlier pages to go", seconds=SECONDS)

    kubectl.must("delete", "tsearch", "holders")
    wait_for(lambda: not of(kubectl, "holders"), "pages without an owner to go", seconds=SECONDS)


def test_every_peer_that_was_cleared_is_told_of(
    start: Start, kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    task = "6e" * 32
    world.caches(task)
    start()
    kubectl.apply(manifest("TaskDeletion", "cleared", {"taskID": task}))

    status = objects.until("TaskDeletion", "cleared", is_finished, seconds=SECONDS)

    pages = of(kubectl, "cleared")
    assert (status["reason"], "omitted" in status, sorted(pages)) == ("Deleted", False, status["reports"])
    rows = [row for body in pages.values() for row in body["report"]["peers"]]
    assert {(tuple(row["deleted"]), "holds" in row, "failed" in row) for row in rows} == {((0,), False, False)}
    assert len({row["hostID"] for row in rows}) == PEERS
    kubectl.must("delete", "tdel", "cleared")


def test_operator_that_is_killed_between_pages_leaves_none_that_lies_or_stays(
    start: Start, kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    task = "8e" * 32
    world.caches(task)
    operator = start()
    kubectl.apply(manifest("TaskSearch", "killed", {"taskID": task}))

    wait_for(lambda: bool(of(kubectl, "killed")), "the first page", seconds=SECONDS)
    operator.dies()

    left = of(kubectl, "killed")
    assert is_whole(left) or not any(body["report"]["complete"] for body in left.values())
    start()
    status = objects.until("TaskSearch", "killed", is_finished, seconds=SECONDS)
    pages = of(kubectl, "killed")
    assert sorted(pages) == status["reports"]
    assert {body["report"]["complete"] for body in pages.values()} == {True}
    assert hostnames(pages) == sorted(world.holders(task))
    kubectl.must("delete", "tsearch", "killed")


def test_page_of_a_run_that_an_edit_ended_while_no_operator_ran_goes(
    start: Start, kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    task = "9e" * 32
    world.caches(task)
    operator = start()
    kubectl.apply(manifest("TaskSearch", "edited", {"taskID": task}, runID="one"))
    objects.until("TaskSearch", "edited", is_finished, seconds=SECONDS)
    operator.dies()
    named = sorted(of(kubectl, "edited"))
    # As a run leaves it that was cut short before its status named it.
    page = reports(kubectl)[named[0]]
    metadata = {"name": "edited-00000000-00", "ownerReferences": page["metadata"]["ownerReferences"]}
    kubectl.must("create", "-f", "-", stdin=json.dumps({**page, "metadata": metadata}))

    kubectl.apply(manifest("TaskSearch", "edited", {"taskID": task}, runID="two", suspend=True))
    start()

    wait_for(lambda: sorted(of(kubectl, "edited")) == named, "the page that no status names to go", seconds=SECONDS)
    kubectl.must("delete", "tsearch", "edited")


def test_verdict_is_told_and_the_run_not_repeated_where_pages_are_refused(
    start: Start, kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    task = "ae" * 32
    world.fails("fails", "stat", code="INTERNAL", details="🐉" * 400 + " https://host/?sig=secret")
    role = json.loads(kubectl.must("get", "clusterrole", "dragonfly-task-operator", "-o", "json"))
    without = [rule for rule in role["rules"] if "taskreports" not in rule["resources"]]
    kubectl.must("replace", "-f", "-", stdin=json.dumps({**role, "rules": without}))
    try:
        start()
        kubectl.apply(manifest("TaskSearch", "refused", {"taskID": task}))
        status = objects.until("TaskSearch", "refused", is_finished, seconds=SECONDS)
    finally:
        kept = json.loads(kubectl.must("get", "clusterrole", "dragonfly-task-operator", "-o", "json"))
        kubectl.must("replace", "-f", "-", stdin=json.dumps({**kept, "rules": role["rules"]}))

    assert (status["reason"], "reports" in status) == ("PartialResults", False)
    assert (len(status["failures"]), status["omitted"]["failures"]) == (20, PEERS - 20)
    assert len(json.dumps(status)) <= 64 << 10
    message = status["conditions"][0]["message"]
    assert "; TaskReports could not be written" in message
    assert "answered 403" in message
    assert "secret" not in json.dumps(status)
    assert len(status["history"]) == 1
    assert status["failureSummary"][0]["count"] == PEERS
    kubectl.must("delete", "tsearch", "refused")


def test_failures_in_four_byte_characters_are_told_of_whole_and_redacted(
    start: Start, kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    task = "be" * 32
    world.fails("fails", "stat", code="INTERNAL", details="https://host/?sig=secret " + "🐉" * 400)
    start()
    kubectl.apply(manifest("TaskSearch", "failing", {"taskID": task}))

    status = objects.until("TaskSearch", "failing", is_finished, seconds=SECONDS)

    assert len(json.dumps(status)) <= 64 << 10
    pages = of(kubectl, "failing")
    assert sorted(pages) == status["reports"]
    assert len(hostnames(pages)) == PEERS
    for body in pages.values():
        assert len(json.dumps(body["report"])) <= 900 << 10
        (failed,) = body["report"]["peers"][0]["failed"]
        assert (failed["task"], failed["reason"]) == (0, "Internal")
        assert "sig=REDACTED" in failed["description"]
        assert "secret" not in json.dumps(body)
    kubectl.must("delete", "tsearch", "failing")
