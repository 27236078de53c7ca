"""The real operator's statuses, of every reason: what Argo CD makes of them, and that testdata is like them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import yaml

from hack.write_argocd import ACTIONS, CUSTOMIZATIONS
from tests.gitops import argocd
from tests.gitops.situations import KINDS, SITUATIONS, Body, play, stage
from tests.objects import condition

pytestmark = pytest.mark.controlplane

EVERY = [(kind, situation) for kind in KINDS for situation in SITUATIONS[kind]]


@pytest.fixture(scope="module")
def seen() -> Mapping[tuple[str, str], Body]:
    with stage() as on:
        return play(on)


@pytest.mark.parametrize(("kind", "situation"), EVERY)
def test_health_and_actions_follow_what_the_operator_writes(
    seen: Mapping[tuple[str, str], Body], kind: str, situation: str
) -> None:
    body, expected, folder = seen[kind, situation], SITUATIONS[kind][situation], CUSTOMIZATIONS / "tasks.d7y.io" / kind

    health = argocd.health((folder / "health.lua").read_text(), body)
    offered = argocd.discover((folder / "actions/discovery.lua").read_text(), body)

    told = condition(body["status"], "Succeeded")["message"]
    assert health == {
        "status": expected.health,
        "message": "waiting for the operator" if situation == "edited" else told,
    }
    assert {name for name in ACTIONS if not offered[name]["disabled"]} == expected.can


@pytest.mark.parametrize(("kind", "situation"), EVERY)
def test_recorded_status_is_like_what_the_operator_writes_today(
    seen: Mapping[tuple[str, str], Body], kind: str, situation: str
) -> None:
    """Where it is not: `python -m tests.gitops` writes it anew."""
    path = CUSTOMIZATIONS / "tasks.d7y.io" / kind / "testdata" / f"{situation}.yaml"
    recorded, now = yaml.safe_load(path.read_text()), seen[kind, situation]

    assert recorded["spec"] | {"targets": []} == now["spec"] | {"targets": []}
    assert set(recorded["status"]) == set(now["status"])
    assert [
        (each["type"], each["status"], each["reason"], each.get("observedGeneration"))
        for each in recorded["status"]["conditions"]
    ] == [
        (each["type"], each["status"], each["reason"], each.get("observedGeneration"))
        for each in now["status"]["conditions"]
    ]
