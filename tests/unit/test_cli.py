"""The commands, as a person meets them: what they print and how they exit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dragonfly_task_operator.cli import main


def run(*arguments: str, stdin: str | None = None, env: dict[str, str] | None = None) -> Result:
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
        (("task-id",), None, "name a task by flags"),
        (("run",), None, "no scheduler is given"),
        (("run", "--scheduler", "x"), None, "'x' is not HOST:PORT"),
        (("run", "--scheduler", "x:1", "--parallelism", "0"), None, "setting parallelism"),
        (("run", "--scheduler", "x:1", "--rpc-timeout", "soon"), None, "is not a duration"),
        (("run", "--scheduler", "x:1", "--kubeconfig", "/nowhere"), None, "there is no such file"),
    ],
)
def test_bad_input_is_told_in_a_line(arguments: tuple[str, ...], stdin: str | None, message: str) -> None:
    done = run(*arguments, stdin=stdin)
    assert (done.exit_code, message in done.output) == (2, True), done.output


def test_unknown_setting_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("schedulers: [x:1]")
    done = run("run", "--config", str(tmp_path / "config.yaml"))
    assert (done.exit_code, "unknown settings: schedulers" in done.output) == (2, True)


def test_unknown_setting_in_the_environment_is_refused() -> None:
    done = run("run", "--scheduler", "x:1", env={"DRAGONFLY_TASK_OPERATOR_FOO": "1"})
    assert (done.exit_code, "DRAGONFLY_TASK_OPERATOR_FOO is no setting" in done.output) == (2, True)


def test_crds_prints_what_is_committed() -> None:
    crds = Path(__file__).parents[2] / "crds"
    committed = "---\n".join((crds / f"{plural}.yaml").read_text() for plural in ("tasksearches", "taskdeletions"))
    assert run("crds").output == committed
