"""`kubectl dragonfly` on a real API server: listing, describing, reporting; rights; kubectl's own way to it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.objects import Objects, is_finished, manifest, wait_for
from tests.plugin.conftest import PEERS
from tests.plugin.terminal import COMPLETER, PROGRAM, Plugin
from tests.simulator.control import Control

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator", "objects")]

ALL = PEERS + 1
MANY, FEW = "b1" * 32, "b2" * 32


@pytest.fixture(scope="module")
def runs(objects: Objects, kubectl: Kubectl, simulator: object, operator: None) -> Iterator[None]:
    """A search that found more peers than a status lists, one that found nothing, and a deletion that failed."""
    del operator
    world: Control = simulator.control  # type: ignore[attr-defined]
    world.caches(MANY)
    world.caches(FEW, on="n1,n2")
    world.fails("fails", "delete", on="n2", code="INTERNAL", details="disk on fire")
    kubectl.apply(manifest("TaskSearch", "many", {"taskID": MANY}))
    kubectl.apply(manifest("TaskSearch", "none", {"contentForCalculatingTaskID": "none"}))
    kubectl.apply(manifest("TaskDeletion", "failed", {"taskID": FEW}, backoffLimit=0))
    kubectl.apply(manifest("TaskDeletion", "many", {"taskID": "b3" * 32}, suspend=True))
    objects.until("TaskSearch", "many", is_finished)
    objects.until("TaskSearch", "none", is_finished)
    objects.until("TaskDeletion", "failed", is_finished)
    objects.until("TaskDeletion", "many", lambda status: status["reason"] == "Suspended")
    yield
    world.recovers()


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


@pytest.mark.usefixtures("runs")
def test_runs_of_both_kinds_are_listed_with_what_came_of_them(viewer: Plugin) -> None:
    header, *rows = lines(viewer("get").out)

    assert header == ["NAME", "RESULT", "PEERS", "FAILED", "AGE", "ABOUT"]
    shown = {row[0]: row[1:3] for row in rows}
    assert shown == {
        "tsearch/many": ["Found", f"{ALL}/{ALL}"],
        "tsearch/none": ["NotFound", f"0/{ALL}"],
        "tdel/failed": ["PeersFailed", f"1/{ALL}"],
        "tdel/many": ["Suspended", rows[[row[0] for row in rows].index("tdel/many")][2]],
    }
    assert [row[0] for row in lines(viewer("get", "--failed").out)[1:]] == ["tdel/failed"]
    assert [row[0] for row in lines(viewer("get", "--running").out)[1:]] == ["tdel/many"]


@pytest.mark.usefixtures("runs")
def test_runs_are_given_to_programs_as_they_are(viewer: Plugin, admin: Plugin) -> None:
    one = json.loads(viewer("get", "tsearch/many", "-o", "json").out)
    assert (one["kind"], one["metadata"]["name"]) == ("TaskSearch", "many")
    both = yaml.safe_load(viewer("get", "many", "-o", "yaml").out)
    assert [each["kind"] for each in both["items"]] == ["TaskSearch", "TaskDeletion"]
    assert viewer("get", "none", "-o", "name").out == "tasksearch.tasks.d7y.io/none\n"
    assert lines(admin("get", "-A").out)[0][0] == "NAMESPACE"


@pytest.mark.usefixtures("runs")
def test_name_that_two_runs_have_has_to_be_given_with_its_kind(viewer: Plugin) -> None:
    done = viewer("describe", "many")
    assert (done.code, done.out) == (2, "")
    assert "there are two runs of this name: write tsearch/many or tdel/many" in done.err

    assert viewer("describe", "tdel/many").out.startswith("TaskDeletion default/many\nSuspended: ")


@pytest.mark.usefixtures("runs")
def test_failures_are_described_with_what_to_do(viewer: Plugin) -> None:
    shown = viewer("describe", "failed").out

    assert shown.startswith("TaskDeletion default/failed\nPeersFailed: deleted from 1 of")
    advice = "    What to do: The peer's own error: read it; most often it is the disk.\n"
    assert f"1 peer failed:\n  Internal: n2: disk on fire\n{advice}" in shown


@pytest.mark.usefixtures("runs")
def test_report_has_every_peer_where_a_status_has_twenty(viewer: Plugin, objects: Objects) -> None:
    assert len(objects.status("TaskSearch", "many")["reports"]) == 1

    table = viewer("report", "tsearch/many")
    rows = list(csv.DictReader(io.StringIO(viewer("report", "tsearch/many", "-o", "csv").out)))
    document = json.loads(viewer("report", "tsearch/many", "-o", "json").out)

    names = sorted([*(f"n{n}" for n in range(PEERS)), "seed0"])
    assert [row[0] for row in lines(table.out)[1:]] == names
    assert [row["hostname"] for row in rows] == names
    assert {row["holds"] for row in rows} == {MANY}
    assert [peer["hostname"] for peer in document["peers"]] == names
    assert (document["reason"], document["leftOut"], table.err) == ("Found", [], "")


@pytest.mark.usefixtures("runs")
def test_report_is_narrowed(viewer: Plugin) -> None:
    failed = viewer("report", "failed", "--failed")

    assert [row[0] for row in lines(failed.out)] == ["HOSTNAME", "n2"]
    assert "Internal: disk on fire" in failed.out
    assert failed.err == "1 peer cleared: the operator keeps the names of more than 20 only\n"
    nothing = viewer("report", "none")
    assert (nothing.code, nothing.out) == (0, "")
    assert nothing.err.startswith("no peer: NotFound: ")


@pytest.mark.usefixtures("runs")
def test_signs_that_a_terminal_does_not_have_end_no_command(editor: Plugin) -> None:
    done = editor("search", "--task-id", MANY, "--name", "in-ascii", PYTHONIOENCODING="ascii")

    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == f"? and {ALL - 20} more peers: kubectl dragonfly report tsearch/in-ascii"


def test_run_that_is_not_there_is_told(viewer: Plugin) -> None:
    done = viewer("describe", "nobody")

    assert (done.code, done.err) == (1, "error: there is no TaskSearch or TaskDeletion default/nobody\n")


def test_missing_right_is_told_with_the_command_that_grants_it(
    viewer: Plugin, kubectl: Kubectl, objects: Objects
) -> None:
    done = viewer("search", "--content", "x")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("error: you may not create tasksearches in the namespace default: ")
    command = done.err.partition("Who may give rights can say: ")[2].split()

    kubectl.must(*command[1:])
    try:
        assert viewer("search", "--content", "x", "--no-wait").code == 0
    finally:
        kubectl.must("delete", "rolebinding", "dragonfly-tasks")

    elsewhere = viewer("get", "-A")
    assert (elsewhere.code, "you may not list tasksearches in any namespace" in elsewhere.err) == (3, True)


def test_person_may_act_as_another_where_that_is_allowed(admin: Plugin, editor: Plugin) -> None:
    as_viewer = ("--as", "system:serviceaccount:default:viewer")

    done = admin("search", "--content", "x", "-n", "default", *as_viewer)
    assert (done.code, 'User "system:serviceaccount:default:viewer" cannot create' in done.err) == (3, True)
    assert admin("get", *as_viewer, "-n", "default").code == 0
    assert editor("get", *as_viewer).code == 2
    assert "cannot impersonate" in editor("get", *as_viewer).err


def test_server_checks_what_is_only_to_be_checked(editor: Plugin, objects: Objects) -> None:
    done = editor("delete", "--content", "x", "--name", "checked", "--dry-run=server")
    assert (done.code, done.out) == (0, "taskdeletion.tasks.d7y.io/checked created (server dry run)\n")
    assert "checked" not in [each["metadata"]["name"] for each in objects.all("TaskDeletion")]

    text = yaml.safe_dump(manifest("TaskSearch", "wrong", {"taskID": FEW}, colour="red"))
    wrong = editor("search", "-f", "-", given=text)
    assert (wrong.code, 'unknown field "spec.colour"' in wrong.err) == (2, True)


@pytest.mark.usefixtures("runs")
def test_name_that_is_taken_is_told(editor: Plugin) -> None:
    done = editor("search", "--content", "x", "--name", "many")

    assert (done.code, done.err) == (1, "error: there is a TaskSearch default/many already; give another name\n")


@pytest.fixture
def path_of_plugin(monkeypatch: pytest.MonkeyPatch) -> str:
    return f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.usefixtures("runs")
def test_kubectl_finds_the_plugin_and_its_completion(
    viewer: Plugin, control_plane: ControlPlane, path_of_plugin: str
) -> None:
    kubectl = Path(control_plane.assets.kubectl)
    environment = viewer.environment | {"PATH": path_of_plugin}

    def run(*words: str) -> str:
        done = subprocess.run(
            [kubectl, *words], env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout

    assert "tsearch/none" in run("dragonfly", "get")
    assert "search\tFind out which peers" in run("__complete", "dragonfly", "sea")
    # Names are looked up for two seconds, which a busy machine may take for something else.
    wait_for(lambda: "none\ttsearch, NotFound" in run("__complete", "dragonfly", "describe", "no"), "a name")
    wait_for(
        lambda: viewer("wait", "tdel/ma", program=COMPLETER).out == "tdel/many\ttdel, Suspended\n:4\n",
        "a name with its kind",
    )
