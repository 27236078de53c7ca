"""Reading manifests that no API server has looked at: what it would take, what it would refuse, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dragonfly_task_operator.api.kinds import KINDS
from dragonfly_task_operator.api.manifests import MAX_TROUBLES, read_manifests
from dragonfly_task_operator.errors import InvalidManifest
from hack.installation import ROOT

TASK = "a1" * 32
HEAD = "apiVersion: tasks.d7y.io/v1alpha1\nkind: TaskDeletion\nmetadata: {name: one}\n"
SPEC = f"spec: {{targets: [{{taskID: {TASK}}}]"


def read(text: str | bytes) -> list[Any]:
    return read_manifests(text.encode() if isinstance(text, str) else text, source="f")


def search(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "tasks.d7y.io/v1alpha1",
        "kind": "TaskSearch",
        "metadata": {"name": name},
        "spec": {"targets": [{"taskID": TASK}]},
    }


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_read(example: Any) -> None:
    (found,) = read(example.read_bytes())

    assert (found.name, found.kind in KINDS, found.namespace) == (found.body["metadata"]["name"], True, "default")


MANY = [
    (HEAD + SPEC + "}\n---\n\n---\n" + HEAD + SPEC + "}\n", ["one", "one"]),
    (json.dumps(search("a")), ["a"]),
    (json.dumps({"apiVersion": "v1", "kind": "List", "items": [search("a"), search("b")]}), ["a", "b"]),
    ("\ufeff" + HEAD + SPEC + "}", ["one"]),
]


@pytest.mark.parametrize(("text", "names"), MANY, ids=["documents", "json", "list", "byte-order-mark"])
def test_every_object_of_a_file_is_read(text: str, names: list[str]) -> None:
    assert [each.name for each in read(text)] == names


def test_status_that_an_object_came_with_is_left_out() -> None:
    (found,) = read(HEAD + SPEC + "}\nstatus: {reason: Deleted, whatever: 1}")

    assert list(found.body) == ["apiVersion", "kind", "metadata", "spec"]


def test_date_is_a_text_as_kubectl_takes_it() -> None:
    (found,) = read(HEAD + SPEC + ", runID: 2026-11-26}")

    assert found.spec.run_id == "2026-11-26"


REFUSED = [
    ("", "f: holds no manifest; write a TaskSearch or a TaskDeletion of tasks.d7y.io/v1alpha1"),
    ("--- \n", "f: holds no manifest; write a TaskSearch or a TaskDeletion of tasks.d7y.io/v1alpha1"),
    (b"\xff", "f: no YAML: it is no text in UTF-8"),
    ("{", "f: no YAML: while parsing a flow node expected the node content, but found '<stream end>'"),
    ("[" * 10_000, "f: can't be read (RecursionError); write plain YAML"),
    ("words", "f: document 1: is no object, as it has no fields"),
    (
        "kind: Secret\napiVersion: v1",
        "f: document 1: is Secret of v1; only TaskSearch and TaskDeletion of tasks.d7y.io/v1alpha1 can be run",
    ),
    (
        "kind: TaskSearch",
        "f: document 1: is TaskSearch of no apiVersion; only TaskSearch and TaskDeletion of tasks.d7y.io/v1alpha1 can",
    ),
    (
        "apiVersion: tasks.d7y.io/v1alpha1\nkind: TaskReport",
        "f: document 1: is TaskReport of tasks.d7y.io/v1alpha1; only TaskSearch and TaskDeletion",
    ),
    (
        "apiVersion: tasks.d7y.io/v1alpha1\nkind: TaskSearch\n" + SPEC + "}",
        "f: document 1 (TaskSearch): has no metadata.name; use lower case letters, digits and hyphens",
    ),
    (
        HEAD.replace("one", "One") + SPEC + "}",
        "f: document 1 (TaskDeletion): metadata.name: 'One' is none; use lower case letters, digits and hyphens",
    ),
    (
        HEAD.replace("{name: one}", "{name: one, namespace: 7}") + SPEC + "}",
        "f: document 1 (TaskDeletion one): metadata.namespace: 7 is none",
    ),
    (HEAD, "f: document 1 (TaskDeletion one): has no spec"),
    (HEAD + SPEC + "}\nspecs: {}", "f: document 1 (TaskDeletion one): specs is no field of an object"),
    (HEAD + "spec: {}", "f: document 1 (TaskDeletion one): spec.targets: is missing"),
    (HEAD + "spec: {targets: []}", "f: document 1 (TaskDeletion one): spec.targets: List should have at least 1 item"),
    (
        HEAD + SPEC + ", dryrun: true}",
        "f: document 1 (TaskDeletion one): spec.dryrun: is no field that a TaskDeletion has there",
    ),
    # What a looser reader would take for False, and delete.
    (
        HEAD + SPEC + ", dryRun: 'off'}",
        "f: document 1 (TaskDeletion one): spec.dryRun: Input should be a valid boolean",
    ),
    (
        HEAD + SPEC + ", parallelism: '5'}",
        "f: document 1 (TaskDeletion one): spec.parallelism: Input should be a valid",
    ),
    (HEAD + SPEC + ", parallelism: .nan}", "f: document 1 (TaskDeletion one): spec holds what JSON can't"),
    (
        HEAD + SPEC + ", unreachablePeers: Forgive}",
        "f: document 1 (TaskDeletion one): spec.unreachablePeers: Input sho",
    ),
    (HEAD + SPEC + ", dryRun: true, dryRun: false}", "f: no YAML: 'dryRun' is there twice"),
    (
        HEAD + f"spec: {{targets: [{{taskID: {TASK}, url: 'https://e.com/f'}}]}}",
        "f: document 1 (TaskDeletion one): spec.targets[0]: a target names a task in exactly one way: url, image,",
    ),
    (
        HEAD + "spec: {targets: [{taskID: zz}]}",
        "f: document 1 (TaskDeletion one): spec.targets[0].taskID: taskID must be 64 lowercase hex digits",
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_an_api_server_would_refuse_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        read(text)

    assert str(caught.value)[: len(message)] == message


def test_everything_that_is_wrong_is_told_at_once_up_to_a_number() -> None:
    wrong = "---\n".join([HEAD + "spec: {targets: [{taskID: zz}], dryrun: 1}\n"] * MAX_TROUBLES)

    with pytest.raises(InvalidManifest) as caught:
        read(HEAD + SPEC + "}\n---\n" + wrong)

    lines = str(caught.value).splitlines()
    assert [line.partition(" (")[0] for line in lines[:4]] == ["f: document 2"] * 2 + ["f: document 3"] * 2
    assert (len(lines), lines[-1]) == (MAX_TROUBLES + 1, f"and {MAX_TROUBLES} more")
