"""Nothing drifts: what is applied, defaulted, run and read back is what a GitOps tool calls in sync."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.controlplane.server import ControlPlane
from hack.installation import ROOT, running_operator
from hack.kubectl import Kubectl, KubectlError
from tests.gitops import drift, flux, syncing
from tests.objects import API_VERSION, Objects, is_finished, manifest
from tests.simulator.control import simulation

pytestmark = pytest.mark.controlplane

Body = dict[str, Any]
TASK = {"taskID": "71" * 32}
URL = {"url": "https://models.example.com/a.bin"}


def examples() -> dict[str, Body]:
    """Every object of the examples, by name."""
    found = {}
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        for body in yaml.safe_load_all(path.read_text()):
            if body.get("apiVersion") == API_VERSION:
                assert body["metadata"]["name"] not in found, path
                found[body["metadata"]["name"]] = body
    return found


def _of(kind: str, target: Body, *, metadata: Body | None = None, more: Body | None = None, **spec: Any) -> Body:
    body = manifest(kind, "", target, **spec)
    return {**body, "metadata": {**body["metadata"], **(metadata or {})}, **(more or {})}


SPELLINGS: dict[str, Body] = {
    "quantity": _of("TaskSearch", {**URL, "pieceLength": "16Mi"}),
    "quantity-of-another-unit": _of("TaskSearch", {**URL, "pieceLength": "64M"}),
    "quantity-in-bytes": _of("TaskSearch", {**URL, "pieceLength": 16777216}),
    "quantity-in-quotes": _of("TaskSearch", {**URL, "pieceLength": "16777216"}),
    "quantity-with-zeros": _of("TaskSearch", {**URL, "pieceLength": "16384Ki"}),
    "defaults-of-a-search": _of("TaskSearch", TASK, activeDeadlineSeconds=300, suspend=False),
    "defaults-of-a-deletion": _of(
        "TaskDeletion", TASK, activeDeadlineSeconds=1800, suspend=False, dryRun=False, backoffLimit=6,
        unfinishedDownloads="Wait", unreachablePeers="Fail",
    ),
    "everything": _of(
        "TaskDeletion",
        {**URL, "pieceLength": "4Mi", "tag": "t", "application": "a", "revision": "r", "filteredQueryParams": ["b"]},
        schedulerClusterIDs=[1, 7], runID="2026-11-24", parallelism=8, activeDeadlineSeconds=60, dryRun=True,
        backoffLimit=0, unfinishedDownloads="Delete", unreachablePeers="Ignore",
    ),
    "empty-list": _of("TaskSearch", {**URL, "filteredQueryParams": []}),
    "empty-words": _of("TaskSearch", {**URL, "tag": "", "application": "", "revision": ""}),
    "nulls-in-place-of-defaults": _of("TaskDeletion", TASK, suspend=None, dryRun=None, backoffLimit=None),
    "null-metadata": _of(
        "TaskSearch", TASK, metadata={"labels": None, "annotations": None, "creationTimestamp": None}
    ),
    "empty-metadata": _of("TaskSearch", TASK, metadata={"annotations": {}}),
    "empty-status": _of("TaskSearch", TASK, more={"status": {}}),
    "white-space": _of("TaskSearch", {"url": " https://Models.example.com:443/a/../b.bin?q=%7e "}),
    "number-for-a-word": _of("TaskSearch", TASK, runID="20261124"),
}  # fmt: skip
"""Ways to write a spec that somebody may normalise, by name."""

NULLS = {
    "of-the-spec": (_of("TaskSearch", URL, runID=None, parallelism=None), False),
    "of-a-target": (_of("TaskSearch", {**URL, "tag": None}), True),
}
"""Nulls where there is no default, and whether Argo CD on the client's side calls them out of sync."""

APPLIED = {**examples(), **SPELLINGS}


@pytest.fixture(scope="module")
def applied(control_plane: ControlPlane, kubectl: Kubectl, objects: Objects, tmp_path_factory: Any) -> Iterator[Path]:
    """Apply all of it on either side, and give the folder with what was applied."""
    folder: Path = tmp_path_factory.mktemp("repository")
    for side in ("client", "server"):
        wanted = [_named(body, name, side) for name, body in APPLIED.items()]
        (folder / side).write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted}))
    with simulation(peers=2) as simulator:
        arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
        # No registry is asked: what is not to be had runs to its end as well.
        with running_operator(control_plane, [*arguments, "--registry-allowlist=nowhere.example.com"]):
            kubectl.must("apply", "-f", folder / "client")
            kubectl.must("apply", "--server-side", f"--field-manager={syncing.MANAGER}", "-f", folder / "server")
            for side in ("client", "server"):
                for name, body in APPLIED.items():
                    objects.until(body["kind"], f"{name}-{side}", is_finished)
            yield folder


def _named(body: Body, name: str, side: str) -> Body:
    named = deepcopy(body)
    named["metadata"]["name"] = f"{name}-{side}"
    return named


def _all(kubectl: Kubectl, path: Path) -> dict[str, Body]:
    """Read every object of a file, by name."""
    listed = kubectl.must("get", "-f", path, "-o", "json", "--show-managed-fields")
    return {each["metadata"]["name"]: each for each in json.loads(listed)["items"]}


@pytest.mark.parametrize("name", APPLIED)
def test_argo_cd_finds_what_it_has_applied_in_sync(applied: Path, objects: Objects, name: str) -> None:
    wanted = _named(APPLIED[name], name, "client")
    live = objects.get(wanted["kind"], wanted["metadata"]["name"])

    assert drift.LAST_APPLIED in live["metadata"]["annotations"]
    assert drift.client_side(wanted, live) == {}


@pytest.mark.parametrize("name", APPLIED)
def test_argo_cd_finds_what_somebody_else_has_created_in_sync(applied: Path, objects: Objects, name: str) -> None:
    """Two ways: nothing says what was applied last."""
    wanted = _named(APPLIED[name], name, "server")
    live = objects.get(wanted["kind"], wanted["metadata"]["name"])

    assert drift.LAST_APPLIED not in (live["metadata"].get("annotations") or {})
    assert drift.client_side(wanted, live) == {}


@pytest.mark.parametrize("side", ["client", "server"])
def test_applying_all_of_it_again_changes_no_object(applied: Path, kubectl: Kubectl, side: str) -> None:
    before = _all(kubectl, applied / side)
    flags = [] if side == "client" else ["--server-side", f"--field-manager={syncing.MANAGER}"]

    said = kubectl.must("apply", *flags, "-f", applied / side)
    differs = kubectl("diff", *flags, "-f", applied / side)

    changes = {name: drift.difference(before[name], body) for name, body in _all(kubectl, applied / side).items()}
    assert {name: change for name, change in changes.items() if change} == {}
    assert side == "server" or [line for line in said.splitlines() if not line.endswith(" unchanged")] == []
    assert (differs.returncode, differs.stdout) == (0, "")


@pytest.mark.parametrize("manager", [syncing.MANAGER, flux.MANAGER])
@pytest.mark.parametrize("side", ["client", "server"])
def test_api_server_would_change_nothing_by_applying_all_of_it(
    applied: Path, kubectl: Kubectl, side: str, manager: str
) -> None:
    """As ServerSideDiff=true and Flux ask it; in what the one has applied, the other finds nothing to change."""
    live = _all(kubectl, applied / side)
    said = kubectl.must(
        "apply", "--server-side", "--dry-run=server", "--force-conflicts", f"--field-manager={manager}", "-o", "json",
        "-f", applied / side,
    )  # fmt: skip

    after = {each["metadata"]["name"]: each for each in json.loads(said)["items"]}
    changes = {name: drift.difference(live[name], body) for name, body in after.items()}
    assert {name: change for name, change in changes.items() if change} == {}


@pytest.mark.parametrize("name", NULLS)
def test_null_is_as_the_page_says(kubectl: Kubectl, objects: Objects, name: str) -> None:
    """The API server leaves it out, or refuses it of server-side apply. Argo CD compares lists as wholes."""
    body, drifts = NULLS[name]
    wanted = _named(body, "null", name)
    kubectl.apply(wanted)
    live = objects.get("TaskSearch", f"null-{name}")

    kubectl.apply(wanted)

    assert objects.get("TaskSearch", f"null-{name}")["metadata"]["generation"] == 1
    assert drift.client_side(wanted, live) == ({"spec": {"targets": wanted["spec"]["targets"]}} if drifts else {})
    with pytest.raises(KubectlError, match=r'Invalid value: "null"'):
        drift.server_side(kubectl, wanted, live, manager=flux.MANAGER)


def test_change_in_the_repository_is_seen(applied: Path, kubectl: Kubectl, objects: Objects) -> None:
    for side in ("client", "server"):
        wanted = _named(APPLIED["everything"], "everything", side)
        live = objects.get("TaskDeletion", f"everything-{side}")
        wanted["spec"] |= {"dryRun": False, "runID": "2026-11-25"}
        del wanted["spec"]["parallelism"]

        changed = {"dryRun": False, "runID": "2026-11-25"}
        assert drift.client_side(wanted, live) == {
            "spec": changed | ({"parallelism": None} if side == "client" else {})
        }
        assert drift.server_side(kubectl, wanted, live, manager=syncing.MANAGER) == {
            "spec": changed | ({"parallelism": None} if side == "server" else {}),
            "metadata": {"generation": 2},
        }


def test_folder_of_purges_builds_and_is_accepted(kubectl: Kubectl) -> None:
    built = kubectl.must("kustomize", ROOT / "examples" / "gitops" / "purges")

    assert kubectl("apply", "--dry-run=server", "-f", "-", stdin=built).stderr == ""
