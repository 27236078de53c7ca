"""The commands, as a person meets them: what they print and how they exit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dragonfly_task_operator.cli import main


def run(*arguments: str, stdin: str | bytes | None = None, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin, env=env)


def test_task_id_prints_every_candidate_and_its_rule() -> None:
    lines = run("task-id", "--url", "https://example.com/m?b=2&a=1").output.splitlines()
    assert [line.split()[1] for line in lines] == ["url", "url-legacy"]


def test_task_id_as_json_gives_a_list_for_each_target() -> None:
    done = run(
        "task-id", "-f", "-", "-o", "json", stdin="- url: https://example.com/m\n- contentForCalculatingTaskID: x\n"
    )
    assert [[each["identity"] for each in target] for target in json.loads(done.output)] == [["url"], ["content"]]


def test_no_filter_keeps_every_parameter() -> None:
    url = "https://example.com/m?Signature=s"
    assert run("task-id", "--url", url).output != run("task-id", "--url", url, "--no-filter").output


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (("task-id", "--url", "nope"), None, "url must be absolute"),
        (("task-id", "-f", "-"), "- taskID: zz", "targets[0].taskID: taskID must be 64 lowercase hex digits"),
        (("task-id", "-f", "-"), "{", "no YAML"),
        (("task-id", "-f", "-"), b"\xff\xfe", "no text in UTF-8"),
        (("task-id", "-f", "-"), "- url: 2026-99-99", "targets[0].url: url must be absolute"),
        (("task-id", "-f", "-"), "[" * 10_000, "the file: can't be read (RecursionError)"),
        (("task-id", "-f", "-"), "[]\n---\n[]", "the file holds no list of targets"),
        (("task-id",), None, "name a task by flags"),
        (("run",), None, "no scheduler is given"),
        (("run", "--scheduler", "x"), None, "'x' is not HOST:PORT"),
        (("run", "--scheduler", "x:1", "--parallelism", "0"), None, "setting parallelism"),
        (("run", "--scheduler", "x:1", "--peer-requests-per-second", "0"), None, "setting peer_requests_per_second"),
        (
            ("run", "--scheduler", "x:1", "--peer-requests-per-second", "10001"),
            None,
            "setting peer_requests_per_second",
        ),
        (("run", "--scheduler", "x:1", "--peer-requests-per-second", "1.5"), None, "--peer-requests-per-second"),
        (("run", "--scheduler", "x:1", "--rpc-timeout", "soon"), None, "is not a duration"),
        (("run", "--scheduler", "x:1", "--leader-elect"), None, "--leader-elect needs --leader-elect-namespace"),
        (("run", "--scheduler", "x:1", "--health-bind-address", "8081"), None, "'8081' is no address to listen at"),
        (("run", "--scheduler", "x:1", "--metrics-bind-address", "::1:80"), None, "'::1:80' is no address to listen"),
    ],
)
def test_bad_input_is_told_in_a_line(arguments: tuple[str, ...], stdin: str | bytes | None, message: str) -> None:
    done = run(*arguments, stdin=stdin)
    assert (done.exit_code, message in done.output) == (2, True), done.output


def run_in_a_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """For what gets as far as an event loop: asyncio.run() here would orphan the one that pytest-asyncio keeps."""
    command = [sys.executable, "-m", "dragonfly_task_operator", "run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_kubeconfig_that_is_not_there_is_told_in_a_line() -> None:
    done = run_in_a_process("--scheduler", "x:1", "--kubeconfig", "/nowhere")
    assert (done.returncode, "there is no such file" in done.stderr) == (2, True), done.stderr


def test_tls_file_that_cannot_be_read_is_told_in_a_line(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"clusters: [{{schedulers: ['x:1'], tls: {{ca: {tmp_path}/ca.crt}}}}]")

    done = run_in_a_process("--config", str(config))

    wanted = f"error: the TLS file {tmp_path}/ca.crt can't be read: No such file or directory\n"
    assert (done.returncode, done.stderr) == (2, wanted)


def test_unknown_setting_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("schedulers: [x:1]")
    done = run("run", "--config", str(tmp_path / "config.yaml"))
    assert (done.exit_code, "unknown settings: schedulers" in done.output) == (2, True)


def test_unknown_setting_in_the_environment_is_refused() -> None:
    done = run("run", "--scheduler", "x:1", env={"DRAGONFLY_TASK_OPERATOR_FOO": "1"})
    assert (done.exit_code, "DRAGONFLY_TASK_OPERATOR_FOO is no setting" in done.output) == (2, True)


def test_crds_prints_what_is_committed() -> None:
    crds = Path(__file__).parents[2] / "crds"
    plurals = ("tasksearches", "taskdeletions", "taskreports")
    committed = "---\n".join((crds / f"{plural}.yaml").read_text() for plural in plurals)
    assert run("crds").output == committed


ENDING = """
import asyncio, sys, time
from dragonfly_task_operator.cli import ending_soon
from dragonfly_task_operator.errors import WatchLost

async def work():
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 300)
    await asyncio.sleep(0)
    if sys.argv[1:]:
        raise WatchLost("gone")

asyncio.run(ending_soon(work()))
"""


@pytest.mark.parametrize(("arguments", "code", "told"), [((), 0, ""), (("fail",), 1, "error: gone\n")])
def test_thread_that_is_stuck_keeps_the_process_neither_from_ending_nor_from_saying_why(
    arguments: tuple[str, ...], code: int, told: str
) -> None:
    command = [sys.executable, "-c", ENDING, *arguments]
    done = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (code, told)
