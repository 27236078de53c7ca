"""`kubectl dragonfly` on a real API server, with the operator and a simulated Dragonfly: searching and deleting."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest
import yaml

from dragonfly_task_operator.dragonfly.task_ids import url_candidates
from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.objects import Objects, is_finished, wait_for
from tests.plugin.conftest import PEERS
from tests.plugin.terminal import SECONDS, Plugin
from tests.simulator.control import Control

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator", "objects")]

ALL = PEERS + 1
URL = "https://models.example.com/llama.safetensors?X-Amz-Signature=s3cret"


def url_of(name: str, world: Control, on: str) -> str:
    """Give the URL of a task of 1 MiB that these peers cache."""
    url = f"{URL}&name={name}"
    world.caches(url_candidates(url)[0].task_id, on=on, content_length=1 << 20)
    return url


def test_search_prints_the_peers_that_have_it(editor: Plugin, world: Control) -> None:
    url = url_of("found", world, "n3,n5,seed0")

    done = editor("search", url, "--name", "found")

    assert done.code == 0, done.err
    assert done.out == (
        f"Found: cached on 3 of {ALL} peers\n"
        "HOSTNAME   IP          TYPE     CLUSTER   HAS\n"
        f"n3         {address(world, 'n3')}   normal   1         yes\n"
        f"n5         {address(world, 'n5')}   normal   1         yes\n"
        f"seed0      {address(world, 'seed0')}   super    1         yes\n"
    )
    assert done.err.splitlines()[0] == "tasksearch.tasks.d7y.io/found created"
    assert "s3cret" not in done.out + done.err


def address(world: Control, name: str) -> str:
    return str(world.describe()["peers"][name]).rpartition(":")[0]


def test_search_for_what_nobody_has_is_no_failure(editor: Plugin) -> None:
    done = editor("search", "--content", "nobody has this")

    assert (done.code, done.out) == (0, f"NotFound: cached on none of {ALL} peers\n")


def test_result_of_a_search_in_json_is_the_object(editor: Plugin, world: Control) -> None:
    world.caches("a1" * 32, on="n1")

    done = editor("search", "--task-id", "a1" * 32, "-o", "json")

    body = json.loads(done.out)
    assert (done.code, body["kind"], body["status"]["peers"]["caching"]) == (0, "TaskSearch", 1)
    assert body["metadata"]["name"].startswith("search-")


def test_deletion_without_a_question_deletes_and_says_what_failed(editor: Plugin, world: Control) -> None:
    task = "a2" * 32
    world.caches(task, on="n1,n2,n3")
    world.fails("fails", "delete", on="n2", code="PERMISSION_DENIED", details="not for you")

    done = editor("delete", "--task-id", task, "--yes", "--name", "partly")

    assert done.code == 1
    assert "PeersFailed: deleted from 2 of" in done.out
    advice = "    What to do: The peer refused the operator: look at the peer's configuration.\n"
    assert f"1 peer failed:\n  PermissionDenied: n2: not for you\n{advice}" in done.out
    assert world.holders(task) == {"n2"}

    world.recovers()
    again = editor("rerun", "partly", "--wait")
    assert (again.code, world.holders(task)) == (0, set()), again.err
    assert "Deleted: deleted from 1 of" in again.out


def test_preview_is_shown_and_only_yes_deletes(editor: Plugin, world: Control, objects: Objects) -> None:
    url = url_of("previewed", world, "n1,n2")
    task = url_candidates(url)[0].task_id

    with editor.at_terminal("delete", url, "--name", "previewed") as terminal:
        terminal.until("Delete it? [y/N]: ")
        shown = terminal.text
        terminal.types("n")
        code = terminal.ends()

    assert "This would be deleted:" in shown
    assert f"{task[:12]}   2       1.0 MiB   https://models.example.com" in shown
    assert f"2.0 MiB on 2 of {ALL} peers: n1, n2\n" in shown
    assert (code, world.holders(task)) == (1, {"n1", "n2"})
    assert "nothing was deleted; the dry run is kept: kubectl dragonfly describe tdel/previewed" in terminal.text
    assert max(map(len, shown.splitlines())) <= 80
    assert "s3cret" not in terminal.raw

    with editor.at_terminal("delete", url, "--name", "agreed") as terminal:
        terminal.until("Delete it? [y/N]: ")
        terminal.types("y")
        assert terminal.ends() == 0

    assert "Deleted: deleted from 2 of" in terminal.text
    assert world.holders(task) == set()
    reasons = [entry["reason"] for entry in objects.status("TaskDeletion", "agreed")["history"]]
    assert reasons == ["Deleted", "DryRun"]


@pytest.mark.parametrize("sign", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_who_leaves_the_question_has_said_no(editor: Plugin, world: Control, sign: str) -> None:
    world.caches("a8" * 32, on="n1")

    with editor.at_terminal("delete", "--task-id", "a8" * 32) as terminal:
        terminal.until("Delete it? [y/N]: ")
        terminal.presses(sign)
        assert terminal.ends() == 1

    assert "nothing was deleted; the dry run is kept" in terminal.text
    assert world.holders("a8" * 32) == {"n1"}


def test_name_is_the_result_where_nothing_is_waited_for(editor: Plugin, world: Control, objects: Objects) -> None:
    full = editor("search", "--content", "x", "--name", "in-full", "--no-wait", "-o", "name")
    assert (full.code, full.out) == (0, "tasksearch.tasks.d7y.io/in-full\n")
    assert editor("wait", full.out.strip()).code == 0

    world.caches("a9" * 32, on="n1")
    with editor.at_terminal("delete", "--task-id", "a9" * 32, "--name", "agreed-later", "--no-wait") as terminal:
        terminal.until("Delete it? [y/N]: ")
        terminal.types("y")
        assert terminal.ends() == 0
    assert terminal.text.splitlines()[-1] == "agreed-later"
    objects.until("TaskDeletion", "agreed-later", lambda status: status["reason"] == "Deleted")


def test_nothing_to_delete_is_not_asked_about(editor: Plugin) -> None:
    with editor.at_terminal("delete", "--content", "nobody has this either") as terminal:
        assert terminal.ends() == 0

    assert f"would delete from 0 of {ALL} peers" in terminal.text
    assert "[y/N]" not in terminal.text


def test_spec_that_is_changed_after_the_preview_is_not_deleted(
    editor: Plugin, kubectl: Kubectl, world: Control
) -> None:
    world.caches("a3" * 32, on="n1")
    world.caches("a4" * 32, on="n1")

    with editor.at_terminal("delete", "--task-id", "a3" * 32, "--name", "swapped") as terminal:
        terminal.until("Delete it? [y/N]: ")
        patch = json.dumps({"spec": {"targets": [{"taskID": "a4" * 32}]}})
        kubectl.must("patch", "tdel", "swapped", "--type=merge", "-p", patch)
        terminal.types("y")
        assert terminal.ends() == 1

    assert "was changed by somebody since it was shown; nothing was deleted" in " ".join(terminal.text.split())
    assert (world.holders("a3" * 32), world.holders("a4" * 32)) == ({"n1"}, {"n1"})


def test_object_can_be_made_without_waiting_and_waited_for_later(editor: Plugin, world: Control) -> None:
    world.caches("a5" * 32, on="n1,n2")

    made = editor("delete", "--task-id", "a5" * 32, "--yes", "--no-wait", "--name", "later")
    assert (made.code, made.out, made.err) == (0, "later\n", "")

    done = editor("wait", "later")
    assert (done.code, world.holders("a5" * 32)) == (0, set())
    assert " ".join(done.out.split()) == (
        f"Deleted: deleted from 2 of {ALL} peers; all {ALL} of them, asked again, no longer have it"
    )


@pytest.fixture
def slow(world: Control) -> str:
    """A task that one peer downloads and two have: its deletion goes on until the download has finished."""
    world.caches("a6" * 32, on="n2,n3")
    world.caches("a6" * 32, on="n1", state="downloading")
    return "a6" * 32


def wait_for_object(objects: Objects, name: str) -> None:
    wait_for(lambda: any(each["metadata"]["name"] == name for each in objects.all("TaskDeletion")), f"tdel/{name}")


def test_timeout_ends_the_waiting_and_not_the_run(editor: Plugin, objects: Objects, world: Control, slow: str) -> None:
    done = editor("delete", "--yes", "--task-id", slow, "--name", "slow", "--timeout", "1s")

    assert (done.code, done.out) == (4, "")
    assert "tdel/slow has not ended within 1s" in done.err
    assert "see it again: kubectl dragonfly wait tdel/slow" in done.err
    world.finishes(slow)
    assert objects.until("TaskDeletion", "slow", is_finished)["reason"] == "Deleted"


def test_interrupt_says_what_goes_on_and_how_to_see_it_again(editor: Plugin, slow: str) -> None:
    with editor.begun("delete", "--yes", "--task-id", slow, "--name", "left") as process:
        assert process.stderr is not None
        assert any("Running" in line for line in process.stderr)  # it is being followed
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=SECONDS)

    assert process.returncode == 130
    assert told.splitlines()[-3:] == [
        "not waiting any more: tdel/left goes on in the cluster",
        "see it again: kubectl dragonfly wait tdel/left",
        "stop it: kubectl dragonfly cancel tdel/left",
    ]


def test_interrupt_at_a_terminal_leaves_it_in_order(editor: Plugin, slow: str) -> None:
    with editor.at_terminal("delete", "--yes", "--task-id", slow, "--name", "left-there") as terminal:
        terminal.until("Running")
        terminal.presses("\x03")
        assert terminal.ends() == 130

    assert terminal.text.splitlines()[-3] == "not waiting any more: tdel/left-there goes on in the cluster"
    assert "\x1b[?25h" in terminal.raw  # the cursor is shown again


def test_line_lives_at_a_terminal_while_a_run_goes(editor: Plugin, world: Control, slow: str) -> None:
    with editor.at_terminal("delete", "--yes", "--task-id", slow, "--name", "live") as terminal:
        terminal.until(f"{ALL - 1}/{ALL} settled, deleted on 2 peers, 1 failing")
        world.finishes(slow)
        assert terminal.ends() == 0

    assert "\x1b[" in terminal.raw
    assert "Deleted: deleted from 3 of" in terminal.text


def test_no_color_is_heeded_at_a_terminal(editor: Plugin) -> None:
    with editor.at_terminal("get", NO_COLOR="1") as plain, editor.at_terminal("get") as coloured:
        assert (plain.ends(), coloured.ends()) == (0, 0)

    assert "\x1b[32m" not in plain.raw
    assert "\x1b[32m" in coloured.raw


def test_run_goes_on_over_a_restart_of_the_api_server(
    editor: Plugin, control_plane: ControlPlane, world: Control, objects: Objects, slow: str
) -> None:
    with editor.begun("delete", "--yes", "--task-id", slow, "--name", "restarted") as process:
        wait_for_object(objects, "restarted")
        objects.until("TaskDeletion", "restarted", lambda status: status["reason"] == "Running")
        control_plane.restart_apiserver(kill=True)
        world.finishes(slow)
        out, told = process.communicate(timeout=SECONDS)

    assert process.returncode == 0, told
    assert out.startswith(f"Deleted: deleted from 3 of {ALL} peers")


def test_run_can_be_suspended_resumed_and_cancelled(editor: Plugin, objects: Objects, world: Control) -> None:
    world.caches("a7" * 32, on="n1")
    manifest = {
        "apiVersion": "tasks.d7y.io/v1alpha1",
        "kind": "TaskDeletion",
        "metadata": {"name": "steered"},
        "spec": {"targets": [{"taskID": "a7" * 32}], "suspend": True},
    }
    assert editor("delete", "-f", "-", "--yes", "--no-wait", given=yaml.safe_dump(manifest)).code == 0
    objects.until("TaskDeletion", "steered", lambda status: status["reason"] == "Suspended")

    told = editor("wait", "steered", "--timeout", "5s")
    assert (told.code, "it is suspended, and waits: kubectl dragonfly resume tdel/steered" in told.err) == (4, True)

    assert editor("resume", "steered").out == (
        "tdel/steered goes on; follow it with: kubectl dragonfly wait tdel/steered\n"
    )
    assert editor("wait", "steered").code == 0
    assert editor("cancel", "steered").out == "tdel/steered has ended (Deleted): there is nothing to cancel\n"

    assert editor("suspend", "steered").code == 0
    asked: dict[str, Any] = objects.get("TaskDeletion", "steered")["spec"]
    assert asked["suspend"] is True
    again = editor("rerun", "steered", "--run-id", "two")
    assert (again.out, again.err) == (
        "tdel/steered: asked for a new run, with runID two\n",
        "it is suspended, and waits: kubectl dragonfly resume tdel/steered\n",
    )
    assert editor("cancel", "steered").out.startswith("tdel/steered is cancelled; it can go on with: ")


def test_object_that_is_deleted_while_it_is_followed_is_told(
    editor: Plugin, kubectl: Kubectl, objects: Objects, slow: str
) -> None:
    with editor.begun("delete", "--yes", "--task-id", slow, "--name", "gone") as process:
        wait_for_object(objects, "gone")
        objects.until("TaskDeletion", "gone", lambda status: status["reason"] == "Running")
        kubectl.must("delete", "tdel", "gone")
        _, told = process.communicate(timeout=SECONDS)

    assert (process.returncode, told.splitlines()[-1]) == (
        1,
        "tdel/gone was deleted by somebody before it had ended",
    )
