"""`deploy/policies/`: what admins can switch on, on a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import NAMESPACE, ROOT, install
from hack.kubectl import Kubectl
from tests.gitops import drift, flux, syncing

pytestmark = pytest.mark.controlplane

URL = "https://models.example.com/team-a/x.bin"


@pytest.fixture(scope="module")
def admin() -> Iterator[Kubectl]:
    """On a control plane of its own: policies are for the whole cluster."""
    with ControlPlane() as control_plane:
        kubectl = Kubectl.as_admin(control_plane)
        install(kubectl)
        kubectl.must("apply", "-k", ROOT / "deploy" / "policies")
        for namespace in ("team-a", "team-b"):
            kubectl.must("create", "namespace", namespace)
        allow(kubectl, **{"team-a.urlPrefixes": "https://models.example.com/team-a/\nhttps://data.example.com/"})
        allow(kubectl, **{"team-a.registries": "registry.example.com:5000", "team-a.maxTargets": "2"})
        yield kubectl


def allow(admin: Kubectl, **data: str) -> None:
    admin.must(
        "patch", "configmap", "dragonfly-task-policy", "-n", NAMESPACE, "--type=merge", "-p", json.dumps({"data": data})
    )


def ask(
    admin: Kubectl, *targets: dict[str, Any], kind: str = "TaskDeletion", namespace: str = "team-a", **spec: Any
) -> str:
    """Try to create an object, and give the API server's refusal; nothing when it is accepted."""
    body = {
        "apiVersion": "tasks.d7y.io/v1alpha1",
        "kind": kind,
        "metadata": {"generateName": "x-", "namespace": namespace},
        "spec": {"targets": list(targets), **spec},
    }
    return admin("create", "--dry-run=server", "-f", "-", stdin=json.dumps(body)).stderr


@pytest.fixture(scope="module", autouse=True)
def in_force(admin: Kubectl) -> None:
    """The API server takes a moment to take policies up."""
    refused(admin, {"contentForCalculatingTaskID": "x"}, by="allowed-targets")
    refused(admin, *[{"url": URL}] * 3, by="max-targets")


def refused(admin: Kubectl, *targets: dict[str, Any], by: str) -> str:
    """Ask until a policy refuses it: of several that do, the API server names one."""
    end = datetime.now(UTC) + timedelta(seconds=30)
    while f"'{by}.tasks.d7y.io'" not in (refusal := ask(admin, *targets)):
        assert datetime.now(UTC) < end, f"{by} does not refuse it after 30 s, but: {refusal or 'accepted'}"
    return refusal


@pytest.mark.parametrize("kind", ["TaskSearch", "TaskDeletion"])
@pytest.mark.parametrize(
    "target",
    [
        {"url": URL},
        {"url": "https://data.example.com/a?b=../c"},
        {"imageManifestURL": "https://registry.example.com:5000/v2/a/manifests/1"},
        {"image": "registry.example.com:5000/a:1"},
        {"image": "Registry.Example.com:5000/a", "keepSharedWith": ["registry.example.com:5000/a:2"]},
    ],
)
def test_what_is_allowed_passes(admin: Kubectl, kind: str, target: dict[str, Any]) -> None:
    assert ask(admin, target, kind=kind) == ""


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            {"url": "https://models.example.com/team-b/x"},
            "a url begins with one of: https://models.example.com/team-a/",
        ),
        ({"url": "https://data.example.com.evil.example/x"}, "a url begins with one of"),
        ({"url": "https://models.example.com/team-a/../team-b/x"}, "no dot segments"),
        ({"url": "https://models.example.com/team-a/%2E%2e/team-b/x"}, "no dot segments"),
        ({"url": "https://models.example.com/team-a/..\\team-b/x"}, "no dot segments"),
        ({"url": "https://models.example.com/team-a/.\t./team-b/x"}, "no dot segments"),
        ({"imageManifestURL": "https://docker.io/v2/a/manifests/1"}, "is one of: registry.example.com:5000"),
        (
            {
                "imageManifestURL": "https://registry.example.com:5000/v2/a/manifests/1",
                "keepSharedWith": ["https://docker.io/v2/a/manifests/1"],
            },
            "is one of: registry.example.com:5000",
        ),
        *(
            ({"image": name}, "the registry of an image is one of: registry.example.com:5000")
            for name in (
                "nginx:1.27",
                "team/app",
                "docker.io/library/nginx",
                "registry.example.com/a:1",
                "registry.example.com:5001/a:1",
                "localhost/registry.example.com",
                "evil.example/registry.example.com/a",
                "Evil/registry.example.com",
            )
        ),
        (
            {"image": "registry.example.com:5000/a:1", "keepSharedWith": ["registry.example.com:5000/a:0", "nginx"]},
            "the registry of an image is one of",
        ),
        (
            {
                "image": "registry.example.com:5000/a:1",
                "keepSharedWith": ["https://evil.example/v2/a/manifests/1"],
            },
            "the registry of an image is one of",
        ),
        (
            {"url": f"https://data.example.com/v2/a/blobs/sha256:{'a1' * 32}"},
            "does not name a blob or manifest by digest",
        ),
        (
            {"url": f"https://data.example.com/?u=/v2/a/manifests/sha256:{'a1' * 32}"},
            "does not name a blob or manifest by digest",
        ),
        ({"contentForCalculatingTaskID": "x"}, "by url, image or imageManifestURL"),
    ],
)
def test_what_is_not_allowed_is_refused(admin: Kubectl, target: dict[str, Any], message: str) -> None:
    assert message in ask(admin, target)


def test_namespace_without_a_line_of_its_own_has_the_common_one(admin: Kubectl) -> None:
    assert "in namespace team-b a url begins with one of" in ask(admin, {"url": URL}, namespace="team-b")


def test_task_ids_are_refused_by_a_policy_of_their_own(admin: Kubectl) -> None:
    allowed_targets = ROOT / "deploy" / "policies" / "allowed-targets.yaml"
    admin.must("delete", "-f", allowed_targets)
    try:
        refusal = refused(admin, {"taskID": "a1" * 32}, by="no-task-ids")
    finally:
        admin.must("apply", "-f", allowed_targets)
        refused(admin, {"contentForCalculatingTaskID": "x"}, by="allowed-targets")

    assert "a target does not name its task by taskID" in refusal


def test_more_targets_than_allowed_are_refused(admin: Kubectl) -> None:
    assert "in namespace team-a an object has at most 2 targets; split it" in ask(admin, *[{"url": URL}] * 3)


def around(minutes: int) -> str:
    """A window that now is in the middle of, moved by so many minutes."""
    now = datetime.now(UTC) + timedelta(minutes=minutes)
    return f"{now - timedelta(minutes=30):%H:%M}-{now + timedelta(minutes=30):%H:%M}"


@pytest.fixture
def deletion(admin: Kubectl) -> Iterator[str]:
    """A dry run that is there."""
    body = {
        "apiVersion": "tasks.d7y.io/v1alpha1",
        "kind": "TaskDeletion",
        "metadata": {"name": "dry", "namespace": "team-a"},
        "spec": {"targets": [{"url": URL}], "dryRun": True},
    }
    admin.must("create", "-f", "-", stdin=json.dumps(body))
    yield "dry"
    admin.must("delete", "tdel", "dry", "-n", "team-a")


def patch(admin: Kubectl, name: str, body: dict[str, Any]) -> str:
    return admin("patch", "tdel", name, "-n", "team-a", "--type=merge", "-p", json.dumps(body)).stderr


class TestDeletionWindow:
    @pytest.fixture(autouse=True)
    def window(self, admin: Kubectl) -> Iterator[None]:
        yield
        allow(admin, **{"team-a.deletionWindow": "00:00-24:00"})

    @pytest.mark.parametrize(("minutes", "accepted"), [(0, True), (120, False), (-120, False), (720, False)])
    def test_deletion_is_created_within_it_only(self, admin: Kubectl, minutes: int, *, accepted: bool) -> None:
        allow(admin, **{"team-a.deletionWindow": around(minutes)})

        refusal = settled(admin, accepted=accepted)

        assert (refusal == "") == accepted
        assert accepted or "UTC only; set spec.dryRun to true" in refusal

    def test_dry_run_and_search_are_created_at_any_time(self, admin: Kubectl) -> None:
        allow(admin, **{"team-a.deletionWindow": around(120)})
        settled(admin, accepted=False)

        assert ask(admin, {"url": URL}, dryRun=True) == ""
        assert ask(admin, {"url": URL}, kind="TaskSearch") == ""

    def test_dry_run_becomes_a_deletion_within_it_only(self, admin: Kubectl, deletion: str) -> None:
        allow(admin, **{"team-a.deletionWindow": around(120)})
        settled(admin, accepted=False)
        outside = patch(admin, deletion, {"spec": {"dryRun": False}})
        allow(admin, **{"team-a.deletionWindow": around(0)})
        settled(admin, accepted=True)

        assert "UTC only" in outside
        assert patch(admin, deletion, {"spec": {"dryRun": False}}) == ""

    def test_forged_time_does_not_help(self, admin: Kubectl, deletion: str) -> None:
        allow(admin, **{"team-a.deletionWindow": around(120)})
        settled(admin, accepted=False)
        found = json.loads(admin.must("get", "tdel", deletion, "-n", "team-a", "-o", "json", "--show-managed-fields"))
        inside = f"{datetime.now(UTC) + timedelta(minutes=120):%Y-%m-%dT%H:%M:%SZ}"
        entries = [entry | {"time": inside} for entry in found["metadata"]["managedFields"]]

        refusal = patch(admin, deletion, {"metadata": {"managedFields": entries}, "spec": {"dryRun": False}})

        assert "UTC only" in refusal


def settled(admin: Kubectl, *, accepted: bool) -> str:
    """Ask for a deletion until the API server has seen the change of the window, and give its answer."""
    end = datetime.now(UTC) + timedelta(seconds=20)
    while ((refusal := ask(admin, {"url": URL})) == "") != accepted:
        assert datetime.now(UTC) < end, f"still {refusal or 'accepted'!r} after 20 s"
    return refusal


def requested_by(admin: Kubectl, name: str) -> str:
    return str(
        admin.must(
            "get", "tdel", name, "-n", "team-a", "-o", r"jsonpath={.metadata.annotations.tasks\.d7y\.io/requested-by}"
        )
    )


def test_who_asked_is_stamped_on_the_object(admin: Kubectl, deletion: str) -> None:
    assert requested_by(admin, deletion) == "admin"


def test_who_asked_cannot_be_forged(admin: Kubectl, deletion: str) -> None:
    patch(admin, deletion, {"metadata": {"annotations": {"tasks.d7y.io/requested-by": "somebody else"}}})

    assert requested_by(admin, deletion) == "admin"


@pytest.mark.parametrize("side", ["client", "server"])
def test_stamp_is_nothing_that_a_gitops_tool_would_take_back(admin: Kubectl, side: str) -> None:
    metadata = {"name": f"stamped-{side}", "namespace": "team-a"}
    wanted = {
        "apiVersion": "tasks.d7y.io/v1alpha1",
        "kind": "TaskDeletion",
        "metadata": metadata,
        "spec": {"targets": [{"url": URL}]},
    }
    flags = [] if side == "client" else ["--server-side", f"--field-manager={syncing.MANAGER}"]
    admin.must("apply", *flags, "-f", "-", stdin=json.dumps(wanted))
    command = ["get", "tdel", f"stamped-{side}", "-n", "team-a", "-o", "json", "--show-managed-fields"]
    live = json.loads(admin.must(*command))

    admin.must("apply", *flags, "-f", "-", stdin=json.dumps(wanted))
    again = json.loads(admin.must(*command))

    assert requested_by(admin, f"stamped-{side}") == "admin"
    assert (drift.client_side(wanted, live), drift.difference(live, again)) == ({}, {})
    for manager in (syncing.MANAGER, flux.MANAGER):
        assert drift.server_side(admin, wanted, live, manager=manager) == {}
