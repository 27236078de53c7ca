"""Write the tests of deploy/argocd anew, from what the real operator writes: to be read before they are committed.

What is expected comes from `situations`, and the actions' results are made here: nothing is taken from the scripts.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from hack.write_argocd import ACTIONS, CUSTOMIZATIONS
from tests.gitops.situations import SITUATIONS, Body, play, stage
from tests.objects import condition

WAITING = "waiting for the operator"
_SHOWN = {
    "rerun": {"displayName": "Run again", "iconClass": "fa fa-fw fa-redo"},
    "suspend": {"displayName": "Suspend", "iconClass": "fa fa-fw fa-pause"},
    "resume": {"displayName": "Resume", "iconClass": "fa fa-fw fa-play"},
}
_BEFORE = {
    "TaskSearch": {"rerun": "found", "suspend": "running", "resume": "suspended"},
    "TaskDeletion": {"rerun": "peers-failed", "suspend": "running", "resume": "suspended"},
}
_CHANGES: dict[str, dict[str, Any]] = {
    "rerun": {"runID": "rerun-2"},
    "suspend": {"suspend": True},
    "resume": {"suspend": False},
}


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8")


def _write_health(folder: Path, seen: dict[str, Body]) -> None:
    tests = []
    for situation, expected in SITUATIONS[folder.name].items():
        _write(folder / "testdata" / f"{situation}.yaml", seen[situation])
        message = WAITING if situation == "edited" else condition(seen[situation]["status"], "Succeeded")["message"]
        status = {"status": expected.health, "message": message}
        tests.append({"healthStatus": status, "inputPath": f"testdata/{situation}.yaml"})
    _write(folder / "health_test.yaml", {"tests": tests})


def _write_actions(folder: Path, seen: dict[str, Body]) -> None:
    discovery = [
        {
            "inputPath": f"../testdata/{situation}.yaml",
            "result": [{"name": name, **_SHOWN[name], "disabled": name not in expected.can} for name in ACTIONS],
        }
        for situation, expected in SITUATIONS[folder.parent.name].items()
    ]
    tests = []
    for action, situation in _BEFORE[folder.parent.name].items():
        after = deepcopy(seen[situation])
        after["spec"] |= _CHANGES[action]
        _write(folder / "testdata" / f"{action}.yaml", after)
        tests.append({
            "action": action,
            "inputPath": f"../testdata/{situation}.yaml",
            "expectedOutputPath": f"testdata/{action}.yaml",
        })  # fmt: skip
    _write(folder / "action_test.yaml", {"discoveryTests": discovery, "actionTests": tests})


def _main() -> None:
    with stage() as on:
        played = play(on)
    for kind in SITUATIONS:
        seen = {situation: body for (of, situation), body in played.items() if of == kind}
        folder = CUSTOMIZATIONS / "tasks.d7y.io" / kind
        _write_health(folder, seen)
        _write_actions(folder / "actions", seen)


if __name__ == "__main__":
    _main()
