"""What a person types, and what becomes of it, as far as no API server is needed."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from dragonfly_task_operator.api.kinds import KINDS
from dragonfly_task_operator.help_pages import Command
from dragonfly_task_operator.plugin import commands
from dragonfly_task_operator.plugin.completing import completions

dragonfly = commands.dragonfly
URL, ID = "https://models.example.com/llama.safetensors", "475c" * 16
SPECS = {kind.name: kind.spec for kind in KINDS}

MANIFEST = f"""
apiVersion: tasks.d7y.io/v1alpha1
kind: TaskDeletion
metadata: {{name: purge, labels: {{team: a}}}}
spec:
  targets: [{{taskID: {ID}}}]
  schedulerClusterIDs: [1]
  backoffLimit: 2
  unreachablePeers: Ignore
"""


@pytest.fixture(autouse=True)
def kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """One that leads to no API server: nothing here is to ask one."""
    content = {
        "current-context": "c",
        "contexts": [
            {"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "team"}},
            {"name": "other", "context": {"cluster": "k", "user": "u"}},
        ],
        "clusters": [{"name": "k", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.chdir(tmp_path)
    return path


def invoke(*words: str, given: str | None = None) -> Any:
    return CliRunner().invoke(dragonfly, words, input=given, prog_name="kubectl dragonfly")


def made(*words: str, given: str | None = None) -> dict[str, Any]:
    done = invoke(*words, "--dry-run=client", "-o", "yaml", given=given)
    assert done.exit_code == 0, done.output
    body: dict[str, Any] = yaml.safe_load(done.stdout)
    SPECS[body["kind"]].model_validate(body["spec"])
    return body


ONE = {"url": URL}
TARGETS: list[tuple[list[str], list[dict[str, Any]]]] = [
    ([URL], [ONE]),
    ([URL, f"{URL}.2"], [ONE, {"url": f"{URL}.2"}]),
    (["--image", "nginx:1.27"], [{"image": "nginx:1.27"}]),
    (
        ["--image", "https://r.example.com/v2/library/nginx/manifests/1.27"],
        [{"imageManifestURL": "https://r.example.com/v2/library/nginx/manifests/1.27"}],
    ),
    (["--task-id", ID], [{"taskID": ID}]),
    (["--content", "nightly"], [{"contentForCalculatingTaskID": "nightly"}]),
    (
        [URL, "--tag", "t", "--application", "a", "--piece-length", "16Mi", "--revision", "r"],
        [ONE | {"tag": "t", "application": "a", "pieceLength": "16Mi", "revision": "r"}],
    ),
    (
        [URL, "--filtered-query-param", "a", "--filtered-query-param", "b"],
        [ONE | {"filteredQueryParams": ["a", "b"]}],
    ),
    ([URL, "--no-filter"], [ONE | {"filteredQueryParams": []}]),
    (
        ["--image", "nginx", "--platform", "linux/amd64", "--keep-shared-with", "redis", "--include-referrers"],
        [{"image": "nginx", "platform": "linux/amd64", "keepSharedWith": ["redis"], "includeReferrers": True}],
    ),
    (
        ["--image", "nginx", "--pull-secret", "p", "--ca-secret", "c", "--insecure-skip-tls-verify"],
        [
            {
                "image": "nginx",
                "pullSecretRef": {"name": "p"},
                "caSecretRef": {"name": "c"},
                "insecureSkipTLSVerify": True,
            }
        ],
    ),
    # An option goes to those that it makes sense for.
    (
        [URL, "--image", "nginx", "--task-id", ID, "--platform", "linux/arm64", "--tag", "t"],
        [ONE | {"tag": "t"}, {"image": "nginx", "platform": "linux/arm64", "tag": "t"}, {"taskID": ID}],
    ),
]


@pytest.mark.parametrize(("words", "targets"), TARGETS, ids=[" ".join(words[-2:]) for words, _ in TARGETS])
@pytest.mark.parametrize("command", ["search", "delete"])
def test_tasks_are_named_as_they_are_in_a_manifest(
    command: str, words: list[str], targets: list[dict[str, Any]]
) -> None:
    body = made(command, *words)

    assert body["spec"]["targets"] == targets
    assert body["kind"] == {"search": "TaskSearch", "delete": "TaskDeletion"}[command]


@pytest.mark.parametrize(
    ("words", "metadata", "spec"),
    [
        ([], {"generateName": "search-", "namespace": "team"}, {"ttlSecondsAfterFinished": 86400}),
        (["--name", "mine"], {"name": "mine", "namespace": "team"}, {"ttlSecondsAfterFinished": 86400}),
        (["--ttl", "12h"], {"generateName": "search-", "namespace": "team"}, {"ttlSecondsAfterFinished": 43200}),
        (["--ttl", "none"], {"generateName": "search-", "namespace": "team"}, {}),
        (["-n", "x"], {"generateName": "search-", "namespace": "x"}, {"ttlSecondsAfterFinished": 86400}),
        (
            ["--context", "other"],
            {"generateName": "search-", "namespace": "default"},
            {"ttlSecondsAfterFinished": 86400},
        ),
    ],
)
def test_object_is_named_and_placed(words: list[str], metadata: dict[str, str], spec: dict[str, Any]) -> None:
    body = made("search", URL, *words)

    assert body["metadata"] == metadata
    assert body["spec"] == {"targets": [ONE], **spec}


def test_flags_of_kubectl_may_stand_before_the_command_and_those_after_it_count() -> None:
    assert made("-n", "x", "search", URL)["metadata"]["namespace"] == "x"
    assert made("-n", "x", "search", URL, "-n", "y")["metadata"]["namespace"] == "y"


def test_deletion_takes_what_only_deletions_have() -> None:
    spec = made("delete", URL, "--unfinished-downloads", "Delete", "--unreachable-peers", "Ignore")["spec"]

    assert (spec["unfinishedDownloads"], spec["unreachablePeers"]) == ("Delete", "Ignore")


def test_manifest_is_taken_as_it_is() -> None:
    body = made("delete", "-f", "-", given=MANIFEST)

    assert body == yaml.safe_load(MANIFEST) | {
        "metadata": {"name": "purge", "labels": {"team": "a"}, "namespace": "team"}
    }
    assert made("delete", "-f", "-", "--ttl", "1h", given=MANIFEST)["spec"]["ttlSecondsAfterFinished"] == 3600


def test_targets_of_a_deletion_can_be_searched_for_and_what_is_left_out_is_told() -> None:
    done = invoke("search", "-f", "-", "--dry-run=client", "-o", "yaml", given=MANIFEST)

    body = yaml.safe_load(done.stdout)
    assert (body["kind"], body["spec"]) == ("TaskSearch", {"targets": [{"taskID": ID}], "schedulerClusterIDs": [1]})
    assert done.stderr == (
        "<stdin> is a TaskDeletion: its targets are taken for a TaskSearch, without backoffLimit, unreachablePeers\n"
    )


def test_what_would_be_made_is_named_as_kubectl_names_it() -> None:
    assert invoke("search", URL, "--name", "x", "--dry-run=client").stdout == (
        "tasksearch.tasks.d7y.io/x created (dry run)\n"
    )


REFUSED = [
    (["search"], None, "name what is meant: a URL, --image, --task-id, --content, or a manifest with -f FILE"),
    (["search", "nginx:1.27"], None, "url must be absolute, with a scheme and a host, as in"),
    (["search", "nginx:1.27"], None, "for an image write --image nginx:1.27"),
    (["search", "--task-id", "475C"], None, "taskID must be 64 lowercase hex digits"),
    (["search", "--image", "Nginx"], None, "must be in lower case"),
    (["search", URL, "--platform", "linux/amd64"], None, "--platform goes only with image, imageManifestURL"),
    (["search", "--task-id", ID, "--tag", "t"], None, "--tag goes only with url, image, imageManifestURL"),
    (["search", URL, "--piece-length", "1Mi"], None, "pieceLength must be at least 4Mi"),
    (["search", URL, "--no-filter", "--filtered-query-param", "a"], None, "not both"),
    (["search", URL, "--ttl", "soon"], None, "'soon' is no length of time"),
    (["search", URL, "-f", "-"], MANIFEST, "give either -f FILE, or targets and their flags"),
    (["search", "-f", "-", "--tag", "t"], MANIFEST, "give either -f FILE, or targets and their flags"),
    (["search", "-f", "-"], "", "has 0 objects: give one"),
    (["search", "-f", "-"], f"{MANIFEST}\n---\n{MANIFEST}", "has 2 objects: give one"),
    (["search", "-f", "-"], "{", "no YAML"),
    (["search", "-f", "-"], "spec: {a: 1, a: 2}", "'a' is there twice"),
    (["search", "-f", "-"], "kind: Pod\napiVersion: v1", "is neither a TaskSearch nor a TaskDeletion"),
    (["search", "-f", "-"], "[]", "is neither a TaskSearch nor a TaskDeletion"),
    (["search", "-f", "-"], "kind: TaskSearch\napiVersion: tasks.d7y.io/v1alpha1", "has no spec"),
    (["search", "-f", "none.yaml"], None, "No such file or directory"),
    (
        ["delete", "-f", "-", "-n", "x", "--yes"],
        MANIFEST.replace("name: purge", "name: purge, namespace: y"),
        "is for the namespace y, and -n says x",
    ),
    (["delete", URL], None, "there is no terminal to ask at: give --yes"),
    (["get", "x", "-A"], None, "a name is one of a namespace: give names, or -A"),
    (["get", "pod/x"], None, "pod is no kind of run: write tsearch/x or tdel/x"),
    (["get", "Bad_Name"], None, "no TaskSearch can be named 'Bad_Name'"),
    (["nonsense"], None, "No such command 'nonsense'"),
]


@pytest.mark.parametrize(("words", "given", "told"), REFUSED)
def test_what_can_not_be_meant_is_refused_with_2(words: list[str], given: str | None, told: str) -> None:
    done = invoke(*words, given=given)

    assert (done.exit_code, done.stdout) == (2, "")
    assert told in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["get"], "the API server http://127.0.0.1:9 can't be reached"),
        (["search", URL], "the API server http://127.0.0.1:9 can't be reached"),
        (["get", "--context", "none"], 'it has no context "none"'),
        (["get", "--kubeconfig", "none"], "there is no such file"),
    ],
)
def test_api_server_that_can_not_be_asked_is_told_with_3(words: list[str], told: str) -> None:
    done = invoke(*words)

    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.startswith("error: ")
    assert told in done.stderr


def test_completion_of_commands_flags_and_words() -> None:
    assert completions(["se"]) == ["search\tFind out which peers cache tasks.", ":4"]
    assert "--platform\tOnly this platform of an image." in completions(["search", "--pl"])
    assert completions(["search", "-o", "y"]) == ["yaml", ":4"]
    assert completions(["search", "--filename", ""]) == [":0"]  # the shell's own completion of files
    assert completions(["describe", "x"]) == [":4"]  # nobody to ask, and no place to complain


@pytest.mark.parametrize("name", list(dragonfly.commands))
def test_examples_in_help_are_true(name: str, tmp_path: Path) -> None:
    (tmp_path / "purge.yaml").write_text(MANIFEST)
    command = dragonfly.commands[name]
    assert isinstance(command, Command)
    lines = command.examples.strip().splitlines()
    assert lines
    for line in lines:
        words = shlex.split(line.partition(" > ")[0])
        assert words[:3] == ["kubectl", "dragonfly", name]
        if {"search", "delete"} & {name}:
            assert invoke(*words[2:], "--dry-run=client").exit_code == 0
        else:
            command.make_context(name, words[3:], parent=click.Context(dragonfly))
        assert line.strip() in invoke(name, "--help").output


def test_without_the_extra_one_line_says_how_to_get_it(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['rich'] = None; from dragonfly_task_operator.plugin.entry import main; main()"

    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: kubectl dragonfly needs more: pip install 'dragonfly-task-operator[kubectl]'\n"
