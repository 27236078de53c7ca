"""Every flag of every command, run: what it prints and how it exits. A flag without a case fails the last test."""

from __future__ import annotations

import json
import shlex
import threading
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import Mock

import click
import pytest
import yaml
from click.testing import CliRunner

from dragonfly_task_operator import __version__, app
from dragonfly_task_operator.api.base import API_VERSION
from dragonfly_task_operator.api.manifests import Manifest
from dragonfly_task_operator.cli import main
from dragonfly_task_operator.dragonfly.task_ids import content_candidates, standard_task_id
from dragonfly_task_operator.errors import StartError
from dragonfly_task_operator.observability import logs
from dragonfly_task_operator.settings import RegistryEntry, Settings
from dragonfly_task_operator.standalone import command
from hack.installation import ROOT

URL = "https://example.com/m?Signature=s&v=1"
PLAIN = "https://example.com/m"
CONTENT = content_candidates("nightly")[0].task_id

TASK_ID = [
    (["--url", PLAIN], f"{standard_task_id(PLAIN)}  url\n"),
    (["--url", PLAIN, "--piece-length", "128Mi"], f"{standard_task_id(PLAIN, piece_length=128 << 20)}  url\n"),
    (["--url", PLAIN, "--tag", "t"], f"{standard_task_id(PLAIN, tag='t')}  url\n"),
    (["--url", PLAIN, "--application", "a"], f"{standard_task_id(PLAIN, application='a')}  url\n"),
    (["--url", PLAIN, "--revision", "r"], f"{standard_task_id(PLAIN, revision='r')}  url\n"),
    (
        ["--url", URL, "--filtered-query-param", "Signature", "--filtered-query-param", "v"],
        f"{standard_task_id(PLAIN)}  url\n",
    ),
    (["--url", URL, "--no-filter"], f"{standard_task_id(URL)}  url\n"),
    (["--content", "nightly"], f"{CONTENT}  content\n"),
    (["-f", "-"], f"{CONTENT}  content\n"),
    (["--content", "nightly", "-o", "text"], f"{CONTENT}  content\n"),
    (
        ["--content", "nightly", "-o", "json"],
        json.dumps([[{"taskID": CONTENT, "identity": "content"}]], indent=2) + "\n",
    ),
]


@pytest.mark.parametrize(("flags", "printed"), TASK_ID)
def test_flag_of_task_id(flags: list[str], printed: str) -> None:
    done = CliRunner().invoke(main, ["task-id", *flags], input="- contentForCalculatingTaskID: nightly\n")
    assert (done.exit_code, done.output) == (0, printed)


NO_TASKS = [
    (["--image", "nginx:1.27"], "error: targets[0]: the parts of the image nginx:1.27 can't be told without asking"),
    (
        ["--image", "Nginx"],
        "error: targets[0].image: image is no name of an image: the repository's name and a digest must be in lower",
    ),
]


@pytest.mark.parametrize(("flags", "printed"), NO_TASKS)
def test_flag_of_task_id_that_cannot_be_answered_says_what_to_do(flags: list[str], printed: str) -> None:
    done = CliRunner().invoke(main, ["task-id", *flags])
    assert (done.exit_code, done.output.startswith(printed)) == (2, True), done.output


# `run`, as far as the settings that the operator is started with

RUN: list[tuple[list[str], dict[str, Any]]] = [
    (["--config", "config.yaml"], {"parallelism": 7}),
    (["--scheduler", "a:1", "--scheduler", "b:2"], {"scheduler": ("a:1", "b:2")}),
    (["--kubeconfig", "/k"], {"kubeconfig": Path("/k")}),
    (["--namespace", "a", "--namespace", "b"], {"namespace": ("a", "b")}),
    (["--parallelism", "9"], {"parallelism": 9}),
    (["--peer-requests-per-second", "55"], {"peer_requests_per_second": 55}),
    (["--peer-transport", "lean"], {"peer_transport": "lean"}),
    (["--rpc-timeout", "3s"], {"rpc_timeout": 3.0}),
    (["--leader-elect", "--leader-elect-namespace", "n"], {"leader_elect": True, "leader_elect_namespace": "n"}),
    (["--no-leader-elect"], {"leader_elect": False}),
    (["--leader-elect-namespace", "n"], {"leader_elect_namespace": "n"}),
    (["--leader-elect-name", "n"], {"leader_elect_name": "n"}),
    (["--health-bind-address", "127.0.0.1:81"], {"health_bind_address": ("127.0.0.1", 81)}),
    (["--metrics-bind-address", ":82"], {"metrics_bind_address": ("", 82)}),
    (["--registry-allowlist", "http://r.example.com:5000"], {"registry_allowlist": ["http://r.example.com:5000"]}),
    (["--log-format", "json"], {"log_format": "json"}),
    (["--log-level", "debug"], {"log_level": "debug"}),
    (["--audit-log", "-"], {"audit_log": "-"}),
]


@pytest.mark.parametrize(("flags", "expected"), RUN)
def test_flag_of_run_reaches_the_operator(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: list[str], expected: dict[str, Any]
) -> None:
    started: list[Settings] = []

    async def run(settings: Settings) -> NoReturn:
        started.append(settings)
        raise StartError("as far as this test goes")

    monkeypatch.setattr(app, "run", run)
    monkeypatch.setattr(threading, "Timer", Mock())  # else it ends this process, some seconds later
    monkeypatch.setattr(logs, "set_up", lambda log_format, level: None)
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("parallelism: 7\n")
    schedulers = [] if "--scheduler" in flags else ["--scheduler", "s:8002"]

    done = CliRunner().invoke(main, ["run", *flags, *schedulers])

    assert (done.exit_code, done.output) == (1, "error: as far as this test goes\n")
    (settings,) = started
    assert {name: plain(getattr(settings, name)) for name in expected} == expected


# `exec`, as far as what it is started with

EXEC: list[tuple[list[str], str, object]] = [
    (["-f", "one.yaml"], "names", ["one"]),
    (["-f", "one.yaml", "-f", "two.yaml"], "names", ["one", "two"]),
    (["-f", "one.yaml", "--config", "config.yaml"], "parallelism", 7),
    (["-f", "one.yaml", "--scheduler", "a:1", "--scheduler", "b:2"], "scheduler", ("a:1", "b:2")),
    (["-f", "one.yaml", "--parallelism", "9"], "parallelism", 9),
    (["-f", "one.yaml", "--peer-requests-per-second", "55"], "peer_requests_per_second", 55),
    (["-f", "one.yaml", "--peer-transport", "grpc"], "peer_transport", "grpc"),
    (["-f", "one.yaml", "--rpc-timeout", "3s"], "rpc_timeout", 3.0),
    (
        ["-f", "one.yaml", "--registry-allowlist", "http://r.example.com:5000"],
        "registry_allowlist",
        ["http://r.example.com:5000"],
    ),
    (["-f", "one.yaml", "--docker-config", "/c.json"], "docker_config_file", Path("/c.json")),
    (["-f", "one.yaml", "-o", "yaml"], "output", "yaml"),
    (["-f", "one.yaml", "-o", "json"], "output", "json"),
    (["-f", "one.yaml", "-o", "table"], "output", "table"),
    (["-f", "one.yaml", "--reports"], "with_reports", True),
    (["-f", "one.yaml", "--audit-log", "/a.log"], "audit_log", "/a.log"),
]


@pytest.mark.parametrize(("flags", "name", "expected"), EXEC)
def test_flag_of_exec_reaches_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: list[str], name: str, expected: object
) -> None:
    begun: dict[str, object] = {}

    async def execute(manifests: list[Manifest], settings: Settings, **more: object) -> int:
        begun.update(settings.model_dump() | more | {"names": [each.name for each in manifests]})
        begun["registry_allowlist"] = settings.registry_allowlist
        return 130

    monkeypatch.setattr(command, "execute", execute)
    monkeypatch.setattr(threading, "Timer", Mock())  # else it ends this process, some seconds later
    monkeypatch.setattr(logs, "set_up", lambda log_format, level: None)
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("parallelism: 7\n")
    for each in ("one", "two"):
        Path(f"{each}.yaml").write_text(
            f"{{apiVersion: {API_VERSION}, kind: TaskSearch, metadata: {{name: {each}}},"
            " spec: {targets: [{contentForCalculatingTaskID: c}]}}"
        )
    schedulers = [] if "--scheduler" in flags else ["--scheduler", "s:8002"]

    done = CliRunner().invoke(main, ["exec", *flags, *schedulers])

    assert (done.exit_code, plain(begun[name])) == (130, expected), done.output


def plain(value: object) -> object:
    """Give a setting as a test writes it."""
    if isinstance(value, tuple) and value and isinstance(value[0], RegistryEntry):
        return [f"{'http://' if each.plain_http else ''}{each.host}:{each.port}" for each in value]
    return value


def test_crds_prints_every_definition() -> None:
    done = CliRunner().invoke(main, ["crds"])
    kinds = [each["spec"]["names"]["kind"] for each in yaml.safe_load_all(done.output)]
    assert (done.exit_code, kinds) == (0, ["TaskSearch", "TaskDeletion", "TaskReport"])


def test_version() -> None:
    done = CliRunner().invoke(main, ["--version"])
    assert (done.exit_code, done.output) == (0, f"dragonfly-task-operator, version {__version__}\n")


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("words", [[], *([name] for name in main.commands)])
def test_help_names_every_flag(words: list[str], flag: str) -> None:
    done = CliRunner().invoke(main, [*words, flag])
    parameters = main.commands[words[0]].params if words else main.params
    flags = [option for parameter in parameters for option in parameter.opts]
    assert (done.exit_code, [flag for flag in flags if flag not in done.output]) == (0, [])


def examples() -> list[list[str]]:
    """Give the words of each example that `--help` shows of this command, as far as a shell hands them to it."""
    shown = [main, *main.commands.values()]
    lines = [line for each in shown for line in CliRunner().invoke(each, ["--help"]).output.splitlines()]
    given = [
        line.partition("dragonfly-task-operator ") for line in lines if line.startswith("  dragonfly-task-operator ")
    ]
    piped = [line.partition("| dragonfly-task-operator ") for line in lines if "| dragonfly-task-operator " in line]
    return [list(takewhile(lambda word: word not in "|>", shlex.split(rest))) for _, _, rest in given + piped]


def test_every_command_has_an_example_and_every_example_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    for name, *words in examples():
        with main.commands[name].make_context(name, words, color=False):  # raises UsageError for what is not taken
            pass

    assert {name for name, *_ in examples()} == set(main.commands)


def test_every_flag_has_a_case() -> None:
    run = {flag for flags, _ in RUN for flag in flags}
    task_id = {flag for flags, _ in TASK_ID + NO_TASKS for flag in flags}
    execute = {flag for flags, *_ in EXEC for flag in flags}
    cases = {"run": run, "task-id": task_id, "crds": set(), "exec": execute}
    missing = [
        f"{name} {option}"
        for name, command in main.commands.items()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option not in cases.get(name, set())
    ]
    assert missing == []
