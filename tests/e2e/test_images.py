"""Image blobs that were pulled through the proxies of dfdaemons from a real registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from tests.e2e.runs import Runs
from tests.real import RealDragonfly
from tests.registry import image as oci
from tests.registry.real import RealRegistry

pytestmark = pytest.mark.real

BY_DIGEST = {"X-Dragonfly-Enable-Task-ID-Based-Blob-Digest": "true"}
BY_URL = {"X-Dragonfly-Enable-Task-ID-Based-Blob-Digest": "false"}
EVERY_WAY = pytest.mark.parametrize("headers", [BY_DIGEST, BY_URL], ids=["digest ids", "URL ids"])


@dataclass(frozen=True, slots=True)
class Image:
    """What was pushed. `blobs` are the digests of configs and layers, by platform."""

    url: str
    repository: str
    blobs: Mapping[str, Sequence[str]]


@pytest.fixture
def image(registry: RealRegistry, path: str) -> Image:
    """A new image, for two platforms that share nothing."""
    name = f"test{path.removesuffix('.bin')}"
    contents: dict[str, list[oci.Content]] = {}
    manifests: list[tuple[oci.Content, str]] = []
    for platform in ("linux/amd64", "linux/arm64"):
        config = oci.document(oci.CONFIG, os="linux", architecture=platform.partition("/")[2], salt=path)
        layers = [oci.blob(f"{path} {platform} {number} " * 500) for number in range(2)]
        contents[platform] = [config, *layers]
        manifests.append((oci.manifest(config, *layers), platform))
    root = oci.index(*manifests)
    blobs = [each for parts in contents.values() for each in parts]
    registry.push(oci.Image(root, [each for each, _ in manifests], blobs), name, "latest")
    digests = {platform: [each.digest for each in parts] for platform, parts in contents.items()}
    return Image(registry.url(name, "latest"), f"{registry.origin}/v2/{name}", digests)


def pulled(dragonfly: RealDragonfly, peer: str, image: Image, platform: str, headers: dict[str, str]) -> set[str]:
    """Pull the blobs of one platform; returns the ids of the tasks that the peer has made of them."""
    before = dragonfly.peers[peer].tasks()
    for digest in image.blobs[platform]:
        dragonfly.peers[peer].relays(f"{image.repository}/blobs/{digest}", headers)
    return dragonfly.peers[peer].tasks() - before


@EVERY_WAY
def test_image_is_found_by_its_manifest(
    dragonfly: RealDragonfly, runs: Runs, image: Image, headers: dict[str, str]
) -> None:
    tasks = pulled(dragonfly, "n0", image, "linux/amd64", headers)

    outcome = runs.search(imageManifestURL=image.url)

    assert (len(tasks), outcome.found, outcome.caching) == (3, tasks, {"n0"})


@EVERY_WAY
def test_image_is_deleted_by_its_manifest(
    dragonfly: RealDragonfly, runs: Runs, image: Image, headers: dict[str, str]
) -> None:
    tasks = pulled(dragonfly, "n0", image, "linux/amd64", headers)
    pulled(dragonfly, "n2", image, "linux/amd64", headers)

    outcome = runs.delete({"imageManifestURL": image.url})

    assert (outcome.reason, outcome.status["peers"]["deleted"]) == ("Deleted", 2)
    assert [dragonfly.holders(task) for task in tasks] == [set(), set(), set()]


def test_only_the_platform_that_is_named_is_deleted(dragonfly: RealDragonfly, runs: Runs, image: Image) -> None:
    arm = pulled(dragonfly, "n0", image, "linux/arm64", BY_DIGEST)
    amd = pulled(dragonfly, "n0", image, "linux/amd64", BY_DIGEST)

    runs.delete({"imageManifestURL": image.url, "platform": "linux/arm64"})

    left = dragonfly.peers["n0"].tasks()
    assert (arm & left, amd - left) == (set(), set())


def test_image_that_nobody_pulled_is_not_found(runs: Runs, image: Image) -> None:
    assert runs.search(imageManifestURL=image.url).reason == "NotFound"
