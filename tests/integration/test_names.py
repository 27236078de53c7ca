"""How targets name things, from the object on the API server to what peers are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dragonfly_task_operator.dragonfly.task_ids import standard_task_id, url_candidates
from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.server import ControlPlane
from hack.installation import running_operator
from hack.kubectl import Kubectl
from hack.registry import find
from tests.integration.conftest import Finished
from tests.objects import condition, manifest
from tests.registry.image import multi_platform
from tests.registry.real import RealRegistry, real_registry
from tests.simulator.control import Control, Simulation

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

NAME = "team/app"
IMAGE, SPARED = multi_platform(), multi_platform("spared")
SECRET = "pl4nted"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    try:
        find()
    except ControlPlaneError as error:
        pytest.skip(f"NO REAL REGISTRY: {error}")
    with real_registry(tmp_path_factory.mktemp("registry")) as running:
        running.push(IMAGE, NAME, "1.0")
        running.push(SPARED, NAME, "spared")
        yield running


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "operator.log"


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane, kubectl: Kubectl, simulator: Simulation, registry: RealRegistry, log: Path
) -> Iterator[None]:
    del kubectl  # has installed it
    arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    arguments += [f"--registry-allowlist=http://{registry.host}", "--log-format=json"]
    with running_operator(control_plane, arguments, log=log):
        yield


def found(status: dict[str, Any]) -> dict[str, str]:
    """Which ids are cached, and by which rule each was made."""
    return {task["taskID"]: task["identity"] for task in status["tasks"] if task["result"] == "Found"}


def test_file_of_a_hub_is_found_under_dfgets_revision(kubectl: Kubectl, world: Control, finished: Finished) -> None:
    url = "hf://deepseek-ai/DeepSeek-R1/config.json"
    cached = standard_task_id(url, revision="main")
    world.caches(cached, on="n1")

    kubectl.apply(manifest("TaskSearch", "hub", {"url": url}))

    assert found(finished("tsearch", "hub")) == {cached: "url"}


@pytest.mark.parametrize(("kind", "identity"), [("blobs", "blob-digest"), ("manifests", "manifest-digest")])
def test_url_with_a_digest_is_deleted_under_the_digest_too(
    kubectl: Kubectl, world: Control, finished: Finished, kind: str, identity: str
) -> None:
    digest = ("b10b" if kind == "blobs" else "3a41") * 16
    url = f"https://registry.example.com/v2/n/{kind}/sha256:{digest}?ns=docker.io"
    by_url = url_candidates(url)[0].task_id
    world.caches(digest, on="n1")
    world.caches(by_url, on="n2")

    kubectl.apply(manifest("TaskDeletion", f"by-{identity}", {"url": url}))

    status = finished("tdel", f"by-{identity}")
    assert {task["taskID"]: task["identity"] for task in status["tasks"] if task["result"] == "Deleted"} == {
        digest: identity,
        by_url: "url",
    }
    assert (world.holders(digest), world.holders(by_url)) == (set(), set())


@pytest.mark.parametrize(
    ("name", "given", "length"),
    [("m", "128Mi", 128 << 20), ("g", "1Gi", 1 << 30), ("e", "1e9", 10**9), ("i", 1 << 40, 1 << 40)],
)
def test_piece_length_of_any_size_is_asked_for(  # noqa: PLR0917 - fixtures
    kubectl: Kubectl, world: Control, finished: Finished, name: str, given: object, length: int
) -> None:
    url = "https://models.example.com/pieces.bin"
    cached = standard_task_id(url, piece_length=length)
    world.caches(cached, on="n3")

    kubectl.apply(manifest("TaskSearch", f"pieces-{name}", {"url": url, "pieceLength": given}))

    status = finished("tsearch", f"pieces-{name}")
    assert (found(status), status["tasks"][0]["pieceLength"]) == ({cached: "url"}, length)


def test_image_is_found_by_its_name(
    kubectl: Kubectl, world: Control, finished: Finished, registry: RealRegistry
) -> None:
    name = f"{registry.host}/{NAME}:1.0"
    for blob in IMAGE.blobs:
        world.caches(blob.hex, on="n1")
    by_tag = url_candidates(registry.url(NAME, "1.0"))[0].task_id
    world.caches(by_tag, on="n2")

    kubectl.apply(manifest("TaskSearch", "by-name", {"image": name}))

    status = finished("tsearch", "by-name")
    assert found(status) == {**{blob.hex: "blob-digest" for blob in IMAGE.blobs}, by_tag: "url"}
    assert status["images"][0]["reference"] == name
    assert f"{name}: 5 blobs for 2 platforms" in kubectl.must("get", "tsearch", "by-name", "-o", "wide")


def test_image_is_deleted_by_its_name_and_what_a_named_one_uses_is_kept(
    kubectl: Kubectl, world: Control, finished: Finished, registry: RealRegistry
) -> None:
    for blob in IMAGE.blobs:
        world.caches(blob.hex, on="n4")
    shared = {blob.hex for blob in IMAGE.blobs} & {blob.hex for blob in SPARED.blobs}
    assert shared

    target = {
        "image": f"{registry.host}/{NAME}@{IMAGE.root.digest}",
        "keepSharedWith": [f"{registry.host}/{NAME}:spared"],
    }
    kubectl.apply(manifest("TaskDeletion", "by-digest", target))

    assert condition(finished("tdel", "by-digest"), "Succeeded")["reason"] == "Deleted"
    assert {blob.hex for blob in IMAGE.blobs if world.holders(blob.hex)} == shared


def test_short_name_is_asked_for_at_docker_hub(kubectl: Kubectl, finished: Finished) -> None:
    """As far as the allowlist lets it: these tests contact nobody outside."""
    kubectl.apply(manifest("TaskSearch", "short", {"image": "nginx:1.27"}))

    succeeded = condition(finished("tsearch", "short"), "Succeeded")
    assert succeeded["reason"] == "RegistryDenied"
    assert "https://registry-1.docker.io" in succeeded["message"]


def test_kubectl_explains_the_name_of_an_image(kubectl: Kubectl) -> None:
    assert "exactly one of five ways" in " ".join(kubectl.must("explain", "tdel.spec.targets").split())
    assert "nginx:1.27" in kubectl.must("explain", "tdel.spec.targets.image")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("quotes", f"https://b.example.com/m.bin?disposition=attachment;filename='m.bin'&X-Amz-Signature={SECRET}"),
        ("double", f'https://b.example.com/m.bin?filename="m n.bin"&sig={SECRET}#{SECRET}'),
        ("spaces", f"https://b.example.com/m.bin?a=b {SECRET} <{SECRET}>&c\\{SECRET}"),
        ("user", f"https://u:p@a/{SECRET}@b.example.com/m.bin"),
        ("invalid", f"https://u:p/{SECRET}@b.example.com:port/m.bin?{SECRET}"),
        ("nested", f"https://b.example.com/m.bin?u=https://x:{SECRET}@h/?t={SECRET}&{SECRET}"),
    ],
)
def test_secret_in_a_url_is_shown_nowhere(  # noqa: PLR0917 - fixtures
    kubectl: Kubectl, world: Control, finished: Finished, log: Path, name: str, url: str
) -> None:
    """Not even where each peer quotes the URL in an error."""
    world.fails("fails", "stat", code="PERMISSION_DENIED", details=f"no right to get {url}: 403")

    kubectl.apply(manifest("TaskSearch", f"secret-{name}", {"url": url}))

    status = finished("tsearch", f"secret-{name}")
    events = kubectl.must("get", "events", f"--field-selector=involvedObject.name=secret-{name}", "-o", "json")
    wide = kubectl.must("get", "tsearch", f"secret-{name}", "-o", "wide")
    messages = [event["message"] for event in json.loads(events)["items"]]
    assert SECRET not in json.dumps(status) + json.dumps(messages) + wide + log.read_text()
