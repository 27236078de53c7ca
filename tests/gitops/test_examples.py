"""The examples for Argo CD and Flux, as far as they can be looked at without either. test_drift applies the objects."""

from __future__ import annotations

from typing import Any

import yaml

from dragonfly_task_operator.api.specs import TaskDeletionSpec
from hack.installation import ROOT
from tests.gitops.drift import difference
from tests.gitops.syncing import DELETE_POLICY, HOOK

FOLDER = ROOT / "examples" / "gitops"
PURGES = FOLDER / "purges"


def read(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def seconds(text: str) -> int:
    return int(text.removesuffix("m")) * 60


def test_dry_run_then_real_is_one_changed_line() -> None:
    text = (PURGES / "dry-run-then-real.yaml").read_text()
    dry, real = yaml.safe_load(text), yaml.safe_load(text.replace("  dryRun: true\n", "  dryRun: false\n"))

    assert difference(dry, real) == {"spec": {"dryRun": False}}


def test_folder_of_purges_lists_all_that_is_in_it() -> None:
    (kustomization,) = read("purges/kustomization.yaml")

    listed = {*kustomization["resources"], "kustomization.yaml"}
    assert listed == {path.name for path in PURGES.iterdir()}


def test_hook_runs_after_a_sync_and_is_made_anew_for_each() -> None:
    (hook,) = read("post-sync-hook.yaml")

    assert hook["metadata"]["annotations"] == {HOOK: "PostSync", DELETE_POLICY: "BeforeHookCreation"}
    assert "ttlSecondsAfterFinished" not in hook["spec"]


def test_application_set_brings_the_folder_of_purges_without_what_would_repeat_them() -> None:
    (application_set,) = read("applicationset.yaml")
    spec = application_set["spec"]["template"]["spec"]

    assert ROOT / spec["source"]["path"] == PURGES
    assert spec["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}
    assert not {"Force=true", "Replace=true"} & set(spec["syncPolicy"]["syncOptions"])


def test_kustomization_of_flux_waits_longer_than_a_deletion_may_last() -> None:
    source, kustomization = read("flux.yaml")
    spec = kustomization["spec"]

    assert (spec["sourceRef"]["kind"], spec["sourceRef"]["name"]) == (source["kind"], source["metadata"]["name"])
    assert ROOT / spec["path"] == PURGES
    assert (spec["wait"], spec["prune"], "force" in spec) == (True, True, False)
    assert seconds(spec["timeout"]) > TaskDeletionSpec.model_fields["active_deadline_seconds"].default
