"""deploy/argocd, evaluated as Argo CD does it: what its own tests in these folders say, and what users paste."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dragonfly_task_operator.api.conditions import Reason
from hack.write_argocd import ACTIONS, CUSTOMIZATIONS, DOCUMENT, PATCH, documented, patch
from tests.gitops import argocd
from tests.gitops.situations import KINDS, SITUATIONS

FOLDERS = {kind: CUSTOMIZATIONS / "tasks.d7y.io" / kind for kind in KINDS}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def script(kind: str, name: str) -> str:
    return (FOLDERS[kind] / name).read_text()


HEALTH = [(kind, test["inputPath"]) for kind in KINDS for test in read(FOLDERS[kind] / "health_test.yaml")["tests"]]
DISCOVERY = [
    (kind, test["inputPath"])
    for kind in KINDS
    for test in read(FOLDERS[kind] / "actions/action_test.yaml")["discoveryTests"]
]
BOTH = pytest.mark.parametrize("kind", KINDS)


@pytest.mark.parametrize(("kind", "path"), HEALTH)
def test_health_is_what_its_test_says(kind: str, path: str) -> None:
    (wanted,) = (
        test["healthStatus"] for test in read(FOLDERS[kind] / "health_test.yaml")["tests"] if test["inputPath"] == path
    )

    assert argocd.health(script(kind, "health.lua"), read(FOLDERS[kind] / path)) == wanted


@BOTH
def test_there_is_a_test_for_every_situation_and_every_status_is_tested(kind: str) -> None:
    paths = [path for of, path in HEALTH if of == kind]

    assert paths == [f"testdata/{situation}.yaml" for situation in SITUATIONS[kind]]
    assert sorted(paths) == sorted(f"testdata/{path.name}" for path in (FOLDERS[kind] / "testdata").iterdir())


def test_every_reason_is_there() -> None:
    recorded = {read(FOLDERS[kind] / path)["status"]["reason"] for kind, path in HEALTH}

    assert recorded == {str(reason) for reason in Reason}


@pytest.mark.parametrize(("kind", "path"), DISCOVERY)
def test_actions_that_are_offered_are_those_that_their_test_says(kind: str, path: str) -> None:
    tests = read(FOLDERS[kind] / "actions/action_test.yaml")["discoveryTests"]
    (wanted,) = (test["result"] for test in tests if test["inputPath"] == path)

    offered = argocd.discover(script(kind, "actions/discovery.lua"), read(FOLDERS[kind] / "actions" / path))

    assert sorted(offered.values(), key=lambda action: ACTIONS.index(action["name"])) == wanted


@BOTH
@pytest.mark.parametrize("action", ACTIONS)
def test_action_does_what_its_test_says(kind: str, action: str) -> None:
    folder = FOLDERS[kind] / "actions"
    (test,) = (test for test in read(folder / "action_test.yaml")["actionTests"] if test["action"] == action)
    before = read(folder / test["inputPath"])

    after = argocd.act(script(kind, f"actions/{action}/action.lua"), before)

    assert after == read(folder / test["expectedOutputPath"])
    assert set(argocd.merge_patch(before, after)) == {"spec"}


@BOTH
def test_repeated_reruns_each_have_a_run_id_of_their_own(kind: str) -> None:
    rerun = script(kind, "actions/rerun/action.lua")
    body: dict[str, Any] = {"spec": {"targets": [{"url": "https://example.com/a"}]}}
    run_ids = []
    for generation in range(1, 5):
        body = argocd.act(rerun, {**body, "metadata": {"generation": generation}})
        run_ids.append(body["spec"]["runID"])

    assert run_ids == ["rerun-2", "rerun-3", "rerun-4", "rerun-5"]


@BOTH
def test_rerun_of_an_object_restored_under_a_lower_generation_is_a_new_run_all_the_same(kind: str) -> None:
    restored = {"metadata": {"generation": 1}, "spec": {"runID": "rerun-2"}}

    after = argocd.act(script(kind, "actions/rerun/action.lua"), restored)

    assert after["spec"]["runID"] not in {"rerun-2", ""}


@BOTH
def test_action_leaves_empty_lists_and_empty_objects_as_they_are(kind: str) -> None:
    body = {
        "metadata": {"generation": 3, "annotations": {}},
        "spec": {"targets": [{"url": "https://example.com/a", "filteredQueryParams": []}], "suspend": True},
    }

    after = argocd.act(script(kind, "actions/resume/action.lua"), body)

    assert argocd.merge_patch(body, after) == {"spec": {"suspend": False}}


@BOTH
@pytest.mark.parametrize(
    "status", [None, {}, {"observedGeneration": 1}, {"observedGeneration": 1, "conditions": []}], ids=str
)
def test_object_with_hardly_a_status_is_waited_for(kind: str, status: Any) -> None:
    body = {"metadata": {"generation": 1}, "spec": {}} | ({} if status is None else {"status": status})

    assert argocd.health(script(kind, "health.lua"), body)["status"] == "Progressing"
    assert argocd.discover(script(kind, "actions/discovery.lua"), body)["suspend"]["disabled"] is False


@BOTH
@pytest.mark.parametrize(("status", "health"), [("True", "Healthy"), ("False", "Degraded"), ("Unknown", "Progressing")])
def test_reason_of_a_later_version_is_read_by_its_status(kind: str, status: str, health: str) -> None:
    condition = {"type": "Succeeded", "status": status, "reason": "Vaporised", "message": "what it says"}
    body = {"metadata": {"generation": 2}, "spec": {}, "status": {"observedGeneration": 2, "conditions": [condition]}}

    assert argocd.health(script(kind, "health.lua"), body) == {"status": health, "message": "what it says"}


def test_both_kinds_have_the_same_scripts() -> None:
    search, deletion = (
        {path.relative_to(FOLDERS[kind]): path.read_text() for path in FOLDERS[kind].rglob("*.lua")} for kind in KINDS
    )

    assert search == deletion


def test_patch_and_document_are_made_of_the_scripts() -> None:
    assert PATCH.read_text() == patch(), "make generate"
    assert documented(DOCUMENT.read_text()) == DOCUMENT.read_text(), "make generate"


@BOTH
def test_config_map_holds_the_scripts_as_they_are(kind: str) -> None:
    data = read(PATCH)["data"]
    actions = yaml.safe_load(data[f"resource.customizations.actions.tasks.d7y.io_{kind}"])

    assert data[f"resource.customizations.health.tasks.d7y.io_{kind}"] == script(kind, "health.lua")
    assert actions["discovery.lua"] == script(kind, "actions/discovery.lua")
    assert {each["name"]: each["action.lua"] for each in actions["definitions"]} == {
        action: script(kind, f"actions/{action}/action.lua") for action in ACTIONS
    }


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ("return {status = string.upper('healthy')}", "index global 'string'"),
        ("return {status = ('Healthy'):sub(1)}", "index a string value"),
        ("return {status = os.date()}", "index global 'os'"),
        ("return {status = math.max(1)}", "index global 'math'"),
        ("return {status = 'Fine'}", "an invalid health status"),
        ("return 'Healthy'", "an invalid health status"),
        ("return {status = obj.spec.targets[1].url}", "index field 'targets'"),
        ("x = = 1", "unexpected symbol"),
    ],
)
def test_script_that_argo_cd_would_not_take_fails_here(wrong: str, error: str) -> None:
    with pytest.raises(argocd.ScriptError, match=error):
        argocd.health(wrong, {"spec": {}})
