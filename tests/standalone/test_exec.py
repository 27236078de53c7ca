"""`exec -f`, as a CI job runs it: what it does to peers, what it prints where, and how it exits."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.objects import is_finished, manifest, succeeded
from tests.simulator.control import Control
from tests.standalone.conftest import Exec, by_task

PEERS = ("n0", "n1", "n2", "n3", "n4", "n5", "seed0")
NOTHING_OMITTED = dict.fromkeys(("images", "tasks", "cachedBy", "failures", "peers"), 0)
ONE, TWO, THREE = "a1" * 32, "a2" * 32, "a3" * 32


def printed(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(done.stdout))


def test_search_tells_which_peers_have_it(execute: Exec, world: Control) -> None:
    world.caches(ONE, on="n1,seed0")

    done = execute("-f", "-", stdin=by_task("TaskSearch", "find", ONE))

    (found,) = printed(done)
    assert (done.returncode, succeeded(found["status"])) == (0, ("True", "Found")), done.stderr
    assert {peer["hostname"] for peer in found["status"]["tasks"][0]["cachedBy"]} == {"n1", "seed0"}
    assert is_finished(found["status"])
    assert (found["kind"], found["metadata"]["name"], found["spec"]) == (
        "TaskSearch",
        "find",
        {"targets": [{"taskID": ONE}]},
    )
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]


def test_deletion_leaves_it_on_no_peer(execute: Exec, world: Control) -> None:
    world.caches(TWO, on="n0,n2,n3")

    done = execute("-f", "-", stdin=by_task("TaskDeletion", "purge", TWO))

    (deleted,) = printed(done)
    assert (done.returncode, succeeded(deleted["status"])) == (0, ("True", "Deleted")), done.stderr
    assert (deleted["status"]["peers"]["deleted"], world.holders(TWO)) == (3, set())


def test_dry_run_deletes_nothing(execute: Exec, world: Control) -> None:
    world.caches(ONE, on="n4")

    done = execute("-f", "-", stdin=by_task("TaskDeletion", "would", ONE, dryRun=True))

    assert (done.returncode, printed(done)[0]["status"]["reason"]) == (0, "DryRun")
    assert "n4" in world.holders(ONE)


def test_peer_that_fails_is_told_of_in_its_own_words_and_the_exit_code(execute: Exec, world: Control) -> None:
    world.caches(THREE, on="n1,n2")
    world.fails("fails", "delete", on="n1", code="INTERNAL", details="the disk is broken")

    done = execute("-f", "-", stdin=by_task("TaskDeletion", "purge", THREE, backoffLimit=0))

    (failed,) = printed(done)
    assert (done.returncode, succeeded(failed["status"])) == (1, ("False", "PeersFailed"))
    (failure,) = failed["status"]["failures"]
    assert (failure["hostname"], failure["reason"], failure["description"]) == ("n1", "Internal", "the disk is broken")
    assert world.holders(THREE) == {"n1"}


def test_objects_are_run_in_turn_whatever_becomes_of_those_before(execute: Exec, world: Control) -> None:
    world.caches(ONE, on="n1")
    world.fails("fails", "delete", on="n1", code="INTERNAL", details="no")
    objects = [
        by_task("TaskDeletion", "first", ONE, backoffLimit=0),
        by_task("TaskSearch", "second", ONE),
        by_task("TaskDeletion", "waits", ONE, suspend=True),
    ]

    done = execute("-f", "-", stdin=objects)

    assert done.returncode == 1
    assert [(each["metadata"]["name"], *succeeded(each["status"])) for each in printed(done)] == [
        ("first", "False", "PeersFailed"),
        ("second", "True", "Found"),
        ("waits", "Unknown", "Suspended"),
    ]


def test_several_files_are_run_in_their_order(execute: Exec, tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text(json.dumps(by_task("TaskSearch", name, "f" * 64)))

    done = execute("-f", str(tmp_path / "b.yaml"), "-f", str(tmp_path / "a.yaml"))

    assert [each["metadata"]["name"] for each in printed(done)] == ["b", "a"]


def test_json_is_an_object_or_a_list_of_them(execute: Exec) -> None:
    one, two = (by_task("TaskSearch", name, "f" * 64) for name in ("one", "two"))

    alone = json.loads(execute("-f", "-", "-o", "json", stdin=one).stdout)
    both = json.loads(execute("-f", "-", "-o", "json", stdin=[one, two]).stdout)

    assert (alone["kind"], alone["status"]["reason"]) == ("TaskSearch", "NotFound")
    assert (both["kind"], [each["metadata"]["name"] for each in both["items"]]) == ("List", ["one", "two"])


def test_table_has_a_line_for_each_object_and_each_peer_with_something_to_tell(execute: Exec, world: Control) -> None:
    world.caches(ONE, on="n1,n2,seed0")
    world.fails("fails", "delete", on="n2", code="INTERNAL", details="no\x1b[31m way")
    objects = [by_task("TaskDeletion", "purge", ONE, backoffLimit=0), by_task("TaskSearch", "none", "f" * 64)]

    done = execute("-f", "-", "-o", "table", stdin=objects)

    assert [" ".join(line.split()) for line in done.stdout.splitlines()] == [
        "OBJECT SUCCEEDED REASON PEERS CACHING DELETED FAILED",
        "taskdeletion/purge False PeersFailed 7 3 2 1",
        "tasksearch/none True NotFound 7 0 - 0",
        "",
        (
            "TaskDeletion purge: deleted from 2 of 7 peers; 1 peer failed (1 Internal), first n2 (127.1.0.3): Internal:"
            " no [31m way; see status.failures, mend the peers, then set a new spec.runID to run again"
        ),
        "PEER IP TYPE CLIENT HOLDS DELETED FAILED",
        "n1 127.1.0.2 normal 1.5.10 - 1 -",
        "n2 127.1.0.3 normal 1.5.10 1 - 1",
        "seed0 127.2.0.1 super 1.5.10 - 1 -",
        "n2: Internal: no [31m way",
        "",
        "TaskSearch none: cached on none of 7 peers",
    ]


def test_what_a_status_leaves_out_is_in_task_reports_where_they_are_asked_for(execute: Exec, world: Control) -> None:
    tasks = [f"{number:064x}" for number in range(1, 5)]
    for task in tasks:
        world.caches(task, on="all")
    objects = [manifest("TaskSearch", "many", {"taskID": tasks[0]}, runID="a"), by_task("TaskSearch", "few", "f" * 64)]
    objects[0]["spec"]["targets"] += [{"taskID": task} for task in tasks[1:]]

    plain = printed(execute("-f", "-", stdin=objects))
    whole = printed(execute("-f", "-", "--reports", stdin=objects))

    assert [each["kind"] for each in plain] == ["TaskSearch", "TaskSearch"]
    assert (plain[0]["status"]["omitted"], "reports" in plain[0]["status"]) == (
        {**NOTHING_OMITTED, "cachedBy": 8},
        False,
    )
    assert [each["kind"] for each in whole] == ["TaskSearch", "TaskReport", "TaskSearch"]
    many, report = whole[0], whole[1]
    assert many["status"]["reports"] == [report["metadata"]["name"]]
    assert [(row["hostname"], row["holds"]) for row in report["report"]["peers"]] == [
        (peer, [0, 1, 2, 3]) for peer in PEERS
    ]
    assert (report["report"]["of"]["name"], report["report"]["runID"], report["report"]["complete"]) == (
        "many",
        "a",
        True,
    )


def test_stdout_holds_nothing_but_the_objects_and_stderr_no_secret(execute: Exec) -> None:
    signed = manifest("TaskSearch", "signed", {"url": "https://e.com/f?Signature=s3cret"})

    done = execute("-f", "-", stdin=signed)

    assert [each["kind"] for each in printed(done)] == ["TaskSearch"]
    said = r"TaskSearch signed: NotFound: cached on none of 7 peers \(\d+\.\d s\)\n"
    assert re.fullmatch(said, done.stderr), done.stderr
    assert printed(done)[0]["status"]["summary"] == "https://e.com/f?Signature=REDACTED"


def test_no_scheduler_that_answers_fails_the_run_when_its_time_is_over(execute: Exec, command: list[str]) -> None:
    command[4:-1] = ["--scheduler=127.0.0.1:1"]

    done = execute("-f", "-", stdin=by_task("TaskSearch", "alone", ONE, activeDeadlineSeconds=1))

    assert (done.returncode, printed(done)[0]["status"]["reason"]) == (1, "NoSchedulerReachable")


INVALID: list[tuple[list[str], object, str]] = [
    (["-f", "-"], "", "error: <stdin>: holds no manifest"),
    (["-f", "-"], {"kind": "Pod", "apiVersion": "v1"}, "error: <stdin>: document 1: is Pod of v1"),
    (
        ["-f", "-"],
        by_task("TaskSearch", "s", "zz"),
        "error: <stdin>: document 1 (TaskSearch s): spec.targets[0].taskID",
    ),
    (
        ["-f", "-"],
        [by_task("TaskDeletion", "good", ONE), by_task("TaskSearch", "bad", ONE, dryRun=True)],
        "error: <stdin>: document 2 (TaskSearch bad): spec.dryRun: is no field that a TaskSearch has there",
    ),
    (
        ["-f", "-"],
        [by_task("TaskDeletion", "good", ONE), manifest("TaskSearch", "hub", {"image": "hub.docker.com/r/library/a"})],
        "error: TaskSearch hub: spec.targets[0]: ",
    ),
    (["-f", "/nowhere"], "", "'/nowhere': No such file or directory"),
    ([], "", "Missing option '-f'"),
    (["-f", "-", "-o", "xml"], "", "'xml' is not one of"),
    (["-f", "-", "--rpc-timeout", "soon"], by_task("TaskSearch", "s", ONE), "'soon' is not a duration"),
    (
        ["-f", "-", "--docker-config", "/nowhere"],
        by_task("TaskSearch", "s", ONE),
        "the Docker config /nowhere can't be",
    ),
]


@pytest.mark.parametrize(("arguments", "stdin", "message"), INVALID, ids=range(len(INVALID)))
def test_bad_input_ends_with_2_before_anybody_is_asked(
    execute: Exec, world: Control, arguments: list[str], stdin: object, message: str
) -> None:
    world.caches(ONE, on="n1")
    world.forget_calls()

    done = execute(*arguments, stdin=stdin)

    assert (done.returncode, done.stdout, message in done.stderr) == (2, "", True), done.stderr
    assert (world.calls()["by_peer"], any(world.calls()["schedulers"])) == ({}, False)
    assert "Traceback" not in done.stderr


def test_settings_that_need_kubernetes_are_refused(execute: Exec, command: list[str], tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("clusters: [{schedulers: [{service: {namespace: d, name: s, port: 8002}}]}]")
    command[4:] = ["--config", str(config)]

    done = execute("-f", "-", stdin=by_task("TaskSearch", "s", ONE))

    assert (done.returncode, "names the Service d/s:8002" in done.stderr) == (2, True), done.stderr


def test_settings_come_from_the_environment_too(execute: Exec, command: list[str], world: Control) -> None:
    schedulers = ",".join(argument.partition("=")[2] for argument in command[4:-1])
    command[4:] = []
    world.caches(ONE, on="n5")

    done = execute("-f", "-", stdin=by_task("TaskSearch", "s", ONE), DRAGONFLY_TASK_OPERATOR_SCHEDULER=schedulers)

    assert (done.returncode, printed(done)[0]["status"]["reason"]) == (0, "Found"), done.stderr


def test_run_is_kept_in_the_audit_log(execute: Exec, world: Control, tmp_path: Path) -> None:
    world.caches(TWO, on="n0,n2")
    log = tmp_path / "audit.log"

    done = execute(f"--audit-log={log}", "-f", "-", stdin=by_task("TaskDeletion", "audited", TWO))

    record = json.loads(log.read_text())
    assert (record["source"], record["askedBy"], record["object"]["name"]) == ("exec", {}, "audited"), done.stderr
    assert [(group["deleted"], group["count"]) for group in record["deletions"]] == [([0], 2)]


def test_audit_log_goes_to_no_stdout_that_has_objects(execute: Exec) -> None:
    done = execute("--audit-log=-", "-f", "-", stdin=by_task("TaskSearch", "unheard", ONE))
    assert (done.returncode, done.stdout) == (2, "")
    assert "exec prints the objects on stdout: name a file" in done.stderr
