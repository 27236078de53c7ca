"""What the API server refuses at apply, and in which words. Where there is none, `exec` refuses the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dragonfly_task_operator.api.manifests import read_manifests
from dragonfly_task_operator.errors import InvalidManifest
from hack.kubectl import Kubectl

pytestmark = pytest.mark.controlplane

WAYS = "a target names a task in exactly one way: url, image, imageManifestURL, taskID or contentForCalculatingTaskID"
PIECE = (
    "pieceLength must be at least 4Mi and fit into 64 bits, as a quantity (16Mi) or a whole number of bytes (16777216)"
)
URL = "https://example.com/x"
ID = "a1" * 32
IMAGE = "https://registry.example.com/v2/library/nginx/manifests/1.27"
MANIFEST_URL = f"must be the URL of an image's manifest, by tag or by digest and without user info, as in {IMAGE}"


NO_ROOM = (
    "the texts of all targets are longer than 196608 characters together, which leaves no room for a status in the"
    " object: use several objects"
)
KEPT = f"{IMAGE}{'1' * 700}"


def manifest(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "tasks.d7y.io/v1alpha1", "kind": kind, "metadata": {"name": "bad"}, "spec": spec}


def refusal(kubectl: Kubectl, body: dict[str, Any]) -> str:
    done = kubectl("apply", "-f", "-", stdin=json.dumps(body))
    assert done.returncode != 0, f"accepted: {done.stdout}"
    with pytest.raises(InvalidManifest):
        read_manifests(json.dumps(body).encode(), source="the file")
    return done.stderr


@pytest.mark.parametrize("kind", ["TaskSearch", "TaskDeletion"])
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"url": URL, "taskID": ID}, WAYS),
        ({}, WAYS),
        ({"taskID": "A1" * 32}, "taskID must be 64 lowercase hex digits"),
        ({"taskID": "a1"}, "taskID must be 64 lowercase hex digits"),
        ({"url": "model.bin"}, "url must be absolute"),
        ({"imageManifestURL": "nginx:1.27"}, MANIFEST_URL),
        ({"imageManifestURL": "https://registry.example.com/library/nginx"}, MANIFEST_URL),
        ({"imageManifestURL": "https://registry.example.com/v2/library/nginx/blobs/sha256:0"}, MANIFEST_URL),
        ({"imageManifestURL": "https://u:p@registry.example.com/v2/nginx/manifests/1"}, MANIFEST_URL),
        ({"imageManifestURL": IMAGE, "keepSharedWith": ["https://r.example.com/nginx"]}, MANIFEST_URL),
        ({"imageManifestURL": IMAGE, "keepSharedWith": ["Nginx:1.26"]}, "its repository in lower case"),
        ({"imageManifestURL": IMAGE, "keepSharedWith": ["nginx:"]}, "must be the name of an image"),
        ({"image": "nginx", "imageManifestURL": IMAGE}, WAYS),
        ({"image": "nginx", "url": URL}, WAYS),
        ({"image": "Nginx:1.27"}, "must be in lower case"),
        ({"image": "nginx:1.27 "}, "invalid reference format"),
        ({"image": "nginx@sha256:abc"}, "invalid reference format"),
        ({"image": "registry..example.com/a"}, "invalid reference format"),
        ({"image": IMAGE}, "give the URL of a manifest as imageManifestURL"),
        ({"image": ID}, "64 hex digits are no name"),
        ({"image": ""}, "should be at least 1 chars long"),
        ({"image": "nginx", "revision": "main"}, "revision goes only with url"),
        ({"url": URL, "keepSharedWith": [IMAGE]}, "keepSharedWith goes only with image or imageManifestURL"),
        ({"url": URL, "pieceLength": "1Mi"}, PIECE),
        ({"url": URL, "pieceLength": "4194303"}, PIECE),
        ({"url": URL, "pieceLength": (4 << 20) - 1}, PIECE),
        ({"url": URL, "pieceLength": "8Ei"}, PIECE),
        ({"url": URL, "pieceLength": "-16Mi"}, PIECE),
        ({"url": URL, "pieceLength": "sixteen"}, PIECE),
        ({"taskID": ID, "pieceLength": "16Mi"}, "pieceLength goes only with url, image or imageManifestURL"),
        ({"taskID": ID, "tag": "x"}, "tag goes only with url, image or imageManifestURL"),
        ({"taskID": ID, "application": "x"}, "application goes only with url, image or imageManifestURL"),
        (
            {"taskID": ID, "filteredQueryParams": []},
            "filteredQueryParams goes only with url, image or imageManifestURL",
        ),
        ({"contentForCalculatingTaskID": "x", "revision": "y"}, "revision goes only with url"),
        ({"url": URL, "platform": "linux/amd64"}, "platform goes only with image or imageManifestURL"),
        ({"url": URL, "pullSecretRef": {"name": "x"}}, "pullSecretRef goes only with image or imageManifestURL"),
        ({"url": URL, "caSecretRef": {"name": "x"}}, "caSecretRef goes only with image or imageManifestURL"),
        ({"url": URL, "insecureSkipTLSVerify": True}, "insecureSkipTLSVerify goes only with image or imageManifestURL"),
    ],
)
def test_bad_target_is_refused(kubectl: Kubectl, kind: str, target: dict[str, Any], message: str) -> None:
    assert message in refusal(kubectl, manifest(kind, {"targets": [target]}))


@pytest.mark.parametrize(
    ("kind", "spec", "message"),
    [
        ("TaskSearch", {"targets": []}, "should have at least 1 items"),
        ("TaskSearch", {}, "spec.targets: Required value"),
        ("TaskSearch", {"targets": [{"url": URL}] * 101}, "must have at most 100 items"),
        ("TaskSearch", {"targets": [{"url": URL}], "refreshIntervalSeconds": 29}, "greater than or equal to 30"),
        ("TaskSearch", {"targets": [{"url": URL}], "parallelism": 2001}, "less than or equal to 2000"),
        ("TaskDeletion", {"targets": [{"url": URL}], "unreachablePeers": "Maybe"}, "supported values"),
        ("TaskDeletion", {"targets": [{"url": URL}], "backoffLimit": -1}, "greater than or equal to 0"),
    ],
)
def test_bad_spec_is_refused(kubectl: Kubectl, kind: str, spec: dict[str, Any], message: str) -> None:
    assert message in refusal(kubectl, manifest(kind, spec))


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("TaskDeletion", {"targets": [{"contentForCalculatingTaskID": "x" * 14_200}] * 100}),
        ("TaskSearch", {"targets": [{"contentForCalculatingTaskID": "é" * 1967}] * 100}),
        ("TaskSearch", {"targets": [{"url": f"{URL}{'y' * 2000}"}] * 100}),
        ("TaskSearch", {"targets": [{"imageManifestURL": f"{IMAGE}?{'y' * 2000}"}] * 100}),
        ("TaskSearch", {"targets": [{"url": URL, "filteredQueryParams": ["p" * 256] * 100}] * 8}),
        ("TaskSearch", {"targets": [{"imageManifestURL": IMAGE, "keepSharedWith": [KEPT] * 10}] * 30}),
        ("TaskSearch", {"targets": [{"url": URL, "tag": "t" * 1000, "application": "a" * 1000}] * 100}),
    ],
)
def test_spec_that_leaves_no_room_for_a_status_is_refused(kubectl: Kubectl, kind: str, spec: dict[str, Any]) -> None:
    # `apply` would keep a copy in an annotation, which has a bound of its own.
    done = kubectl("create", "-f", "-", stdin=json.dumps(manifest(kind, spec)))

    assert (done.returncode, NO_ROOM in done.stderr) == (1, True), done.stdout + done.stderr


def test_spec_that_leaves_room_for_a_status_is_taken(kubectl: Kubectl) -> None:
    body = manifest("TaskDeletion", {"targets": [{"contentForCalculatingTaskID": "<" * 1966}] * 100})

    done = kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(body))

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["tsearch", "tdel"])
def test_objects_are_selected_by_the_reason_of_their_status(kubectl: Kubectl, kind: str) -> None:
    name = {"tsearch": "TaskSearch", "tdel": "TaskDeletion"}[kind]
    for reason in ("PeersFailed", "Found"):
        body = manifest(name, {"targets": [{"url": URL}]}) | {
            "metadata": {"name": reason.lower(), "namespace": "default"}
        }
        kubectl.apply(body)
        patch = json.dumps({"status": {"reason": reason}})
        kubectl.must("patch", kind, reason.lower(), "--subresource=status", "--type=merge", "-p", patch)

    listed = kubectl.must("get", kind, "--field-selector=status.reason=PeersFailed", "-o", "name")

    kubectl.must("delete", kind, "peersfailed", "found")
    names = [line.partition("/")[2] for line in listed.split()]  # of other tests' objects, too
    assert [name for name in names if name in {"peersfailed", "found"}] == ["peersfailed"]


def test_untouched_object_says_that_it_waits_for_the_operator(kubectl: Kubectl) -> None:
    kubectl.apply(
        manifest("TaskSearch", {"targets": [{"url": URL, "pieceLength": "16Mi"}]})
        | {"metadata": {"name": "untouched", "namespace": "default"}}
    )
    status = kubectl.get("tsearch", "untouched")["status"]
    kubectl("delete", "tsearch", "untouched")

    assert (status["observedGeneration"], status["reason"]) == (-1, "Pending")
    assert [(c["reason"], c["message"]) for c in status["conditions"]] == [("Pending", "waiting for the operator")]
