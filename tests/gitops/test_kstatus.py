"""What kstatus, by which Flux waits, makes of the recorded statuses: as docs/gitops.md says."""

from __future__ import annotations

import pytest
import yaml

from hack.write_argocd import CUSTOMIZATIONS
from tests.gitops.flux import kstatus
from tests.gitops.situations import KINDS, SITUATIONS

OF_HEALTH = {"Progressing": "InProgress", "Healthy": "Current", "Suspended": "Current", "Degraded": "Failed"}


@pytest.mark.parametrize("kind", KINDS)
def test_flux_waits_for_what_argo_cd_waits_for_but_for_the_suspended(kind: str) -> None:
    told = {}
    for situation in SITUATIONS[kind]:
        recorded = CUSTOMIZATIONS / "tasks.d7y.io" / kind / "testdata" / f"{situation}.yaml"
        told[situation] = kstatus(yaml.safe_load(recorded.read_text()))

    assert told == {situation: OF_HEALTH[each.health] for situation, each in SITUATIONS[kind].items()}
