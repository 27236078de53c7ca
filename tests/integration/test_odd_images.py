"""Images that are not as most are, from a registry that does as it is told, through the API server.

What an image is made of, and what could not be looked at, decides what the operator says: in the object's own status.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dragonfly_task_operator.dragonfly.task_ids import url_candidates
from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.server import ControlPlane
from hack.installation import running_operator
from hack.kubectl import Kubectl
from hack.registry import find
from tests.integration.conftest import Finished
from tests.registry import image as make
from tests.registry.image import Content, Image, multi_platform
from tests.registry.real import RealRegistry, real_registry
from tests.registry.scripted import ScriptedRegistry
from tests.registry.threaded import Servers
from tests.simulator.control import Control, Simulation

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"


@pytest.fixture(scope="module")
def registry() -> Iterator[ScriptedRegistry]:
    with Servers() as servers:
        yield servers.enter(ScriptedRegistry())


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    try:
        find()
    except ControlPlaneError as error:
        pytest.skip(f"NO REAL REGISTRY: {error}")
    with real_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane,
    kubectl: Kubectl,
    simulator: Simulation,
    registry: ScriptedRegistry,
    real: RealRegistry,
) -> Iterator[None]:
    del kubectl  # has installed it
    arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    arguments += [f"--registry-allowlist=http://{each}" for each in (registry.host, real.host)]
    with running_operator(control_plane, [*arguments, "--rpc-timeout=5s"]):
        yield


def index_of(*entries: dict[str, Any]) -> Content:
    return make.document(make.INDEX, schemaVersion=2, mediaType=make.INDEX, manifests=list(entries))


def apply(kubectl: Kubectl, kind: str, name: str, target: dict[str, Any], **spec: Any) -> None:
    kubectl.apply(
        {
            "apiVersion": "tasks.d7y.io/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"targets": [target], **spec},
        }
    )


def condition(status: dict[str, Any]) -> tuple[str, str]:
    succeeded = next(each for each in status["conditions"] if each["type"] == "Succeeded")
    return succeeded["reason"], succeeded["message"]


def test_cache_of_buildkit_is_deleted_blob_by_blob(
    kubectl: Kubectl, world: Control, finished: Finished, registry: ScriptedRegistry
) -> None:
    layers = [make.blob(f"cached step {number}") for number in range(3)]
    config = make.document("application/vnd.buildkit.cacheconfig.v0", layers=[])
    registry.holds(index_of(*(each.descriptor() for each in (*layers, config))), "buildcache")
    for each in (*layers, config):
        world.caches(each.hex, on="n1,n2")

    apply(kubectl, "TaskDeletion", "buildcache", {"imageManifestURL": registry.url("buildcache")})

    status = finished("tdel", "buildcache")
    assert (condition(status)[0], status["images"][0]["blobs"]) == ("Deleted", 4)
    assert [each.hex for each in (*layers, config) if world.holders(each.hex)] == []


def test_nothing_is_claimed_over_a_part_that_was_not_looked_at(
    kubectl: Kubectl, world: Control, finished: Finished, registry: ScriptedRegistry
) -> None:
    layer = make.blob("a layer beside schema 1")
    child, old = make.manifest(make.config(), layer), Content(SCHEMA_1, b'{"schemaVersion": 1}')
    registry.holds(Image(index_of(child.descriptor(), old.descriptor()), (child, old), ()), "mixed")
    world.caches(layer.hex, on="n1")
    target = {"imageManifestURL": registry.url("mixed")}

    apply(kubectl, "TaskSearch", "mixed", target)
    reason, message = condition(finished("tsearch", "mixed"))
    assert (reason, "1 part of the image" in message, "schema 1" in message) == ("PartialResults", True, True)

    apply(kubectl, "TaskDeletion", "mixed", target)
    reason, message = condition(finished("tdel", "mixed"))
    assert (reason, SCHEMA_1 in message, old.digest in message) == ("ImageUnresolvable", True, True)
    assert "set ignoreUnknownParts: true" in message
    assert world.holders(layer.hex)

    apply(kubectl, "TaskDeletion", "mixed-all-the-same", {**target, "ignoreUnknownParts": True})
    status = finished("tdel", "mixed-all-the-same")
    reason, message = condition(status)
    assert (reason, "1 part of the image" in message) == ("Deleted", True)
    assert (status["images"][0]["unknownParts"], world.holders(layer.hex)) == (1, set())


def test_foreign_layer_is_deleted_under_every_id(
    kubectl: Kubectl, world: Control, finished: Finished, registry: ScriptedRegistry
) -> None:
    elsewhere = "https://mcr.example.com/v2/windows/blobs/base"
    windows = make.blob("windows", make.DOCKER_FOREIGN)
    config = make.config("windows")
    registry.holds(
        make.document(
            make.DOCKER_MANIFEST,
            mediaType=make.DOCKER_MANIFEST,
            config=config.descriptor(),
            layers=[windows.descriptor(urls=[elsewhere])],
        ),
        "windows",
    )
    of_blob = registry.url("windows").replace("manifests/windows", f"blobs/{windows.digest}")
    ids = [windows.hex, *(url_candidates(url)[0].task_id for url in (of_blob, elsewhere))]
    for number, task in enumerate(ids):
        world.caches(task, on=f"n{number + 1}")

    apply(kubectl, "TaskDeletion", "windows", {"imageManifestURL": registry.url("windows")})

    status = finished("tdel", "windows")
    assert (condition(status)[0], status["images"][0]["foreignLayers"]) == ("Deleted", 1)
    assert [task for task in ids if world.holders(task)] == []


def test_image_of_which_everything_is_kept_is_told(
    kubectl: Kubectl, finished: Finished, registry: ScriptedRegistry
) -> None:
    registry.holds(multi_platform("kept"), "kept")
    registry.holds(multi_platform("kept"), "the-same")
    target = {"imageManifestURL": registry.url("kept"), "keepSharedWith": [registry.url("the-same")]}

    apply(kubectl, "TaskDeletion", "kept", target)

    status = finished("tdel", "kept")
    reason, message = condition(status)
    assert (reason, "all 8 parts of the image" in message, "no peer was asked" in message) == (
        "NothingToDelete",
        True,
        True,
    )
    assert status["images"][0]["kept"] == 8


def test_odd_document_is_taken_for_what_it_is(
    kubectl: Kubectl, world: Control, finished: Finished, registry: ScriptedRegistry
) -> None:
    """A size below zero, a header that says nothing, a repository with v2 in its name, an index without platforms."""
    config, layer, other = make.config(architecture="arm64"), make.blob("odd layer"), make.blob("other layer")
    child = make.document(make.MANIFEST, config=config.descriptor(), layers=[layer.descriptor(size=-1)])
    amd = make.config()
    for_amd = make.manifest(amd, other)
    root = index_of(child.descriptor(), for_amd.descriptor())
    odd = [Content("binary/octet-stream", each.body) for each in (child, for_amd, root)]
    name = "team/v2/app"
    registry.holds(Image(odd[2], odd[:2], (config, amd)), name=name)
    world.caches(layer.hex, on="n4")
    target = {"imageManifestURL": registry.url(name=name), "platform": "linux/arm64"}

    apply(kubectl, "TaskSearch", "odd", target)

    status = finished("tsearch", "odd")
    assert condition(status)[0] == "Found"
    assert {task["digest"] for task in status["tasks"]} == {each.digest for each in (root, child, config, layer)}
    assert "/team/v2/app:1.0: 2 blobs" in status["images"][0]["summary"]


def test_platform_that_was_pruned_is_named_and_the_others_can_be_had(
    kubectl: Kubectl, finished: Finished, registry: ScriptedRegistry
) -> None:
    image = multi_platform("pruned")
    registry.holds(image, "pruned")
    del registry.content[f"/v2/library/app/manifests/{image.manifests[1].digest}"]
    target = {"imageManifestURL": registry.url("pruned")}

    apply(kubectl, "TaskSearch", "pruned", target)
    apply(kubectl, "TaskSearch", "pruned-amd", {**target, "platform": "linux/amd64"})

    reason, message = condition(finished("tsearch", "pruned"))
    assert (reason, image.manifests[1].digest in message) == ("ImageUnresolvable", True)
    assert "for linux/arm64/v8" in message
    assert "set platform to one that is there" in message
    assert condition(finished("tsearch", "pruned-amd"))[0] == "NotFound"


def test_attestation_that_the_registry_lacks_spoils_nothing(
    kubectl: Kubectl, world: Control, finished: Finished, registry: ScriptedRegistry
) -> None:
    """It is in the index, and was not copied with the image. Peers may have it from before."""
    layer = make.blob("attested layer")
    child, attestation = make.manifest(make.config(), layer), make.manifest(make.config("unknown", "unknown"))
    about = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": child.digest}
    root = index_of(
        child.descriptor(platform={"os": "linux", "architecture": "amd64"}),
        attestation.descriptor(platform={"os": "unknown", "architecture": "unknown"}, annotations=about),
    )
    registry.holds(Image(root, (child,), ()), "attested")
    for task in (layer.hex, attestation.hex):
        world.caches(task, on="n7")

    apply(kubectl, "TaskDeletion", "attested", {"imageManifestURL": registry.url("attested")})

    status = finished("tdel", "attested")
    reason, message = condition(status)
    assert (reason, "could not be looked at" in message, "unknownParts" in status["images"][0]) == (
        "Deleted",
        False,
        False,
    )
    assert (world.holders(layer.hex), world.holders(attestation.hex)) == (set(), set())


def test_image_of_schema_1_is_told_for_what_it_is(
    kubectl: Kubectl, finished: Finished, registry: ScriptedRegistry
) -> None:
    sums = [{"blobSum": make.blob("layer of old").digest}]
    registry.holds(make.document(SCHEMA_1, schemaVersion=1, name="library/app", tag="old", fsLayers=sums), "old")

    apply(kubectl, "TaskDeletion", "schema-1", {"imageManifestURL": registry.url("old")})

    reason, message = condition(finished("tdel", "schema-1"))
    assert (reason, "is a Docker schema 1 manifest, a format that was given up" in message) == (
        "ImageUnresolvable",
        True,
    )
    assert "push the image again with a client of today, or name its blobs by url" in message


def test_log_in_page_is_told_for_what_it_is(kubectl: Kubectl, finished: Finished, registry: ScriptedRegistry) -> None:
    registry.holds(Content("text/html", b"<!DOCTYPE html><title>Sign in</title>"), "page")

    apply(kubectl, "TaskSearch", "page", {"imageManifestURL": registry.url("page")})

    reason, message = condition(finished("tsearch", "page"))
    assert (reason, "is a web page (HTML), no manifest" in message) == ("ImageUnresolvable", True)


def test_what_is_only_for_images_is_refused_beside_another_way(kubectl: Kubectl) -> None:
    for field in ("includeReferrers", "ignoreUnknownParts"):
        target = {"url": "https://example.com/model.bin", field: True}
        manifest = {
            "apiVersion": "tasks.d7y.io/v1alpha1",
            "kind": "TaskSearch",
            "metadata": {"name": "misplaced", "namespace": "default"},
            "spec": {"targets": [target]},
        }
        done = kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
        assert done.returncode != 0
        assert f"{field} goes only with" in done.stderr


@pytest.mark.parametrize("lists", [True, False], ids=["listed", "tagged"])
def test_signatures_are_deleted_with_the_image(
    kubectl: Kubectl, world: Control, finished: Finished, registry: ScriptedRegistry, *, lists: bool
) -> None:
    tag = f"signed-{lists}".lower()
    image = multi_platform(tag)
    signature = make.blob(f"signature of {tag}", "application/vnd.dev.cosign.simplesigning.v1+json")
    signed = make.manifest(make.config(), signature, subject=image.root.descriptor())
    registry.holds(image, tag)
    registry.holds(Image(signed, (), ()), f"{image.root.digest.replace(':', '-')}.sig" if not lists else "unused")
    if lists:
        registry.content[f"/v2/library/app/referrers/{image.root.digest}"] = index_of(signed.descriptor())
    for task in (signature.hex, signed.hex):
        world.caches(task, on="n5")

    apply(kubectl, "TaskDeletion", f"without-{tag}", {"imageManifestURL": registry.url(tag)})
    assert condition(finished("tdel", f"without-{tag}"))[0] == "NothingToDelete"
    apply(kubectl, "TaskDeletion", tag, {"imageManifestURL": registry.url(tag), "includeReferrers": True})

    assert condition(finished("tdel", tag))[0] == "Deleted"
    assert [task for task in (signature.hex, signed.hex) if world.holders(task)] == []


def test_signatures_in_a_real_registry_are_deleted_with_the_image(
    kubectl: Kubectl, world: Control, finished: Finished, real: RealRegistry
) -> None:
    """Docker's registry lists no referrers: they are under tags, both of OCI's clients and of cosign."""
    image = multi_platform("really signed")
    parts = []
    for tag, text in (("", "of notation"), (".sig", "of cosign"), (".att", "attestation"), (".sbom", "list of parts")):
        blob, config = make.blob(text), make.config()
        manifest = make.manifest(config, blob)
        root = manifest if tag else index_of(manifest.descriptor())
        real.push(
            Image(root, (manifest,), (blob, config)), "team/signed", f"{image.root.digest.replace(':', '-')}{tag}"
        )
        parts += [blob, manifest]
    real.push(image, "team/signed", "1.0")
    for each in parts:
        world.caches(each.hex, on="n6")

    apply(
        kubectl,
        "TaskDeletion",
        "really-signed",
        {"imageManifestURL": real.url("team/signed", "1.0"), "includeReferrers": True},
    )

    assert condition(finished("tdel", "really-signed"))[0] == "Deleted"
    assert [each.hex for each in parts if world.holders(each.hex)] == []
