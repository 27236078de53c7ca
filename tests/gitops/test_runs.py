"""What Argo CD and Flux do causes exactly the runs that docs/gitops.md says.

Runs are counted as a user counts them, in status.history, over all objects of the name that there have been.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import running_operator
from hack.kubectl import Kubectl
from hack.write_argocd import DOCUMENT
from tests.gitops.flux import Flux
from tests.gitops.syncing import DELETE_POLICY, HOOK, ArgoCD, live
from tests.objects import Objects, is_finished, manifest, wait_for
from tests.simulator.control import simulation

pytestmark = pytest.mark.controlplane

KIND, TASK = "TaskDeletion", {"taskID": "61" * 32}
SECONDS = 60.0
COUNTS = {"none": 0, "one": 1, "two": 2}
PAGE = dict(re.findall(r"^\| ([^|]+) \| (none|one|two) \|$", DOCUMENT.read_text(), re.MULTILINE))
"""What the page says: new runs, by what happens."""

Body = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def operator(control_plane: ControlPlane, kubectl: Kubectl) -> Iterator[None]:
    del kubectl  # has installed it
    with simulation(peers=2) as simulator:
        schedulers = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
        with running_operator(control_plane, schedulers):
            yield


@dataclass
class Case:
    """One object in a repository, and what is done about it."""

    argo: ArgoCD
    objects: Objects
    control_plane: ControlPlane
    name: str
    repository: Body
    _counted: dict[str, int] = field(default_factory=dict)
    _sentinels: Iterator[int] = field(default_factory=itertools.count)

    @property
    def flux(self) -> Flux:
        return Flux(self.argo.kubectl, self.objects)

    def commits(self, **spec: Any) -> None:
        """Change the spec in the repository."""
        self.repository = {**self.repository, "spec": {**self.repository["spec"], **spec}}

    def settles(self) -> None:
        """Wait until the operator has nothing more to do about the object, and count its runs."""
        sentinel = f"{self.name}-{next(self._sentinels)}"
        self.objects.create(manifest(KIND, sentinel, {"taskID": "5e" * 32}))
        self.objects.until(KIND, sentinel, is_finished, seconds=SECONDS)
        wait_for(self._has_settled, f"the end of {self.name}", seconds=SECONDS)
        body = self.objects.get(KIND, self.name)
        self._counted[body["metadata"]["uid"]] = len(body["status"]["history"])

    def _has_settled(self) -> bool:
        body = self.objects.get(KIND, self.name)
        status = body["status"]
        return bool(is_finished(status) and status["observedGeneration"] == body["metadata"]["generation"])

    def by_hand(self, patch: str) -> None:
        """Patch the object as a person does."""
        self.argo.kubectl.must("patch", KIND, self.name, "--type=merge", "-p", patch)

    @property
    def runs(self) -> int:
        return sum(self._counted.values())


Act = Callable[[Case], None]
ROWS: dict[str, tuple[Act, bool]] = {}
"""What is done, and whether it is done on the client's and on the server's side; otherwise only on the client's."""


def row(text: str, *, twice: bool = False) -> Callable[[Act], Act]:
    def note(act: Act) -> Act:
        ROWS[text] = (act, twice)
        return act

    return note


@row("it is synced again", twice=True)
def _(case: Case) -> None:
    assert not case.argo.heal(case.repository)
    assert case.argo.sync(case.repository)


@row("with `Replace=true`")
def _(case: Case) -> None:
    assert case.argo.sync(case.repository, replace=True)


@row("with `Force=true`")
def _(case: Case) -> None:
    case.commits(parallelism=3)
    assert case.argo.sync(case.repository, force=True)


@row("with `Replace=true,Force=true`: it is deleted, and made anew")
def _(case: Case) -> None:
    assert case.argo.sync(case.repository, replace=True, force=True)


@row("with `Force=true`, and a spec that the API server refuses: it is deleted, and the old one made anew")
def _(case: Case) -> None:
    case.commits(backoffLimit=-1)
    assert not case.argo.sync(case.repository, force=True)


@row("another `runID`, another target, `dryRun: true` or `false` in the repository", twice=True)
def _(case: Case) -> None:
    case.commits(dryRun=True)
    assert case.argo.heal(case.repository)


@row("another `parallelism`, deadline, `backoffLimit`, label or annotation in the repository")
def _(case: Case) -> None:
    case.commits(parallelism=9, activeDeadlineSeconds=77, backoffLimit=1)
    case.repository["metadata"] = {**case.repository["metadata"], "labels": {"a": "b"}, "annotations": {"c": "d"}}
    assert case.argo.heal(case.repository)


@row("`suspend: true` in the repository once it has run, and out of it again")
def _(case: Case) -> None:
    before = case.repository
    case.commits(suspend=True)
    assert case.argo.heal(case.repository)
    case.settles()
    assert case.argo.heal(before)


@row("somebody edits a target by hand, and self-healing takes it back", twice=True)
def _(case: Case) -> None:
    case.by_hand('{"spec":{"targets":[{"taskID":"%s"}]}}' % ("62" * 32))
    case.settles()
    assert case.argo.heal(case.repository)


@row("somebody edits `parallelism` by hand, and self-healing takes it back")
def _(case: Case) -> None:
    case.commits(parallelism=5)
    assert case.argo.heal(case.repository)
    case.by_hand('{"spec":{"parallelism":6}}')
    case.settles()
    assert case.argo.heal(case.repository)


@row("**Run again**, where the repository has no `runID`: it stays in sync", twice=True)
def _(case: Case) -> None:
    case.argo.act(case.repository, "rerun")
    case.settles()
    assert not case.argo.heal(case.repository)


@row("**Run again**, where the repository has a `runID`, which self-healing puts back", twice=True)
def _(case: Case) -> None:
    case.argo.act(case.repository, "rerun")
    case.settles()
    assert case.argo.heal(case.repository)


@row("**Run again**, and a sync with `Replace=true`, which takes its `runID` away")
def _(case: Case) -> None:
    case.argo.act(case.repository, "rerun")
    case.settles()
    assert case.argo.sync(case.repository, replace=True)


@row("it is pruned, and put back into the repository")
def _(case: Case) -> None:
    case.argo.prune(case.repository)
    assert case.argo.heal(case.repository)


@row("it has outlived its `ttlSecondsAfterFinished`, and self-healing makes it again")
def _(case: Case) -> None:
    lasting = case.repository
    case.commits(ttlSecondsAfterFinished=0)
    assert case.argo.heal(case.repository)
    wait_for(lambda: live(case.objects, case.repository) is None, "the operator to remove it", seconds=SECONDS)
    assert case.argo.heal(lasting)  # with the TTL it would be gone before it could be counted


@row("each further sync of which it is a hook")
def _(case: Case) -> None:
    case.argo.prune(case.repository)
    annotations = {HOOK: "PostSync", DELETE_POLICY: "BeforeHookCreation"}
    case.repository["metadata"] = {**case.repository["metadata"], "annotations": annotations}
    case._counted.clear()
    assert case.argo.run_hook(case.repository) == "Healthy"
    case.settles()
    assert case.argo.run_hook(case.repository) == "Healthy"


@row("Flux reconciles it")
def _(case: Case) -> None:
    case.flux.reconcile(case.repository)  # has it from Argo CD
    assert not case.flux.reconcile(case.repository)


@row("Flux reconciles it after somebody has set another `runID` with kubectl, which it takes back")
def _(case: Case) -> None:
    case.flux.reconcile(case.repository)
    case.by_hand('{"spec":{"runID":"by-hand"}}')
    case.settles()
    assert case.flux.reconcile(case.repository)


@row("Flux reconciles it after `kubectl dragonfly rerun`, which it leaves alone")
def _(case: Case) -> None:
    case.flux.reconcile(case.repository)
    command = ["rerun", f"tdel/{case.name}", "--kubeconfig", str(case.control_plane.admin_kubeconfig)]
    subprocess.run([Path(sys.executable).with_name("kubectl-dragonfly"), *command], check=True, timeout=SECONDS)
    case.settles()
    assert not case.flux.reconcile(case.repository)


CASES = [
    (text, is_server_side)
    for text, (_, twice) in ROWS.items()
    for is_server_side in ((False, True) if twice else (False,))
]


def test_page_says_what_becomes_of_all_of_it() -> None:
    assert set(PAGE) == set(ROWS)


@pytest.mark.parametrize(("text", "is_server_side"), CASES)
def test_runs_are_those_that_the_page_says(
    control_plane: ControlPlane, kubectl: Kubectl, objects: Objects, text: str, is_server_side: bool
) -> None:
    name = f"case-{list(ROWS).index(text)}-{'server' if is_server_side else 'client'}"
    spec = {"runID": "first"} if "has a `runID`" in text else {}
    case = Case(
        ArgoCD(kubectl, objects, is_server_side), objects, control_plane, name, manifest(KIND, name, TASK, **spec)
    )
    assert case.argo.sync(case.repository)
    case.settles()
    assert case.runs == 1

    act, _ = ROWS[text]
    act(case)
    case.settles()

    assert case.runs - 1 == COUNTS[PAGE[text]]
