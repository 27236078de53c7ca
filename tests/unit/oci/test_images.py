"""What an image is read to be made of, from a registry that is honest."""

from __future__ import annotations

import pytest

from dragonfly_task_operator.engine.model import Image as Found
from dragonfly_task_operator.errors import ImageUnresolvable
from tests.registry import image as make
from tests.registry.image import Content, Image, multi_platform
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry


def digests(found: Found, *, manifests: bool = False) -> set[str]:
    return {part.digest for part in found.parts if part.is_manifest == manifests}


def of(*contents: Content) -> set[str]:
    return {content.digest for content in contents}


async def test_every_platform_of_an_index_is_read(registry: ScriptedRegistry, read: Reader) -> None:
    image = multi_platform()
    registry.holds(image)

    found = await read(registry.url())

    assert found.digest == image.root.digest
    assert found.platforms == ("linux/amd64", "linux/arm64/v8")
    assert digests(found) == of(*image.blobs)
    assert digests(found, manifests=True) == of(image.root, *image.manifests)


async def test_a_part_says_whose_it_is(registry: ScriptedRegistry, read: Reader) -> None:
    image = multi_platform()
    registry.holds(image)

    found = await read(registry.url())

    base = next(part for part in found.parts if part.digest == image.blobs[2].digest)
    arm = next(part for part in found.parts if part.digest == image.blobs[4].digest)
    assert (base.platforms, base.size) == (("linux/amd64", "linux/arm64/v8"), 4)
    assert (arm.platforms, arm.media_type) == (("linux/arm64/v8",), make.ZSTD)


async def test_parts_come_in_the_same_order_each_time(registry: ScriptedRegistry, read: Reader) -> None:
    registry.holds(multi_platform())

    assert await read(registry.url()) == await read(registry.url())


async def test_urls_are_written_as_the_user_wrote_theirs(registry: ScriptedRegistry, read: Reader) -> None:
    image = multi_platform()
    registry.holds(image)

    found = await read(f"{registry.url()}?ns=docker.io")

    repository = f"{registry.origin}/v2/library/app"
    root, layer = found.parts[0], found.parts[-1]
    assert root.urls == (
        f"{repository}/manifests/{image.root.digest}?ns=docker.io",
        f"{repository}/manifests/1.0?ns=docker.io",
    )
    assert layer.urls == (f"{repository}/blobs/{layer.digest}?ns=docker.io",)


async def test_image_is_read_by_digest(registry: ScriptedRegistry, read: Reader) -> None:
    image = multi_platform()
    registry.holds(image)

    found = await read(registry.url(image.root.digest))

    assert (found.digest, found.parts[0].urls) == (image.root.digest, (registry.url(image.root.digest),))


@pytest.mark.parametrize("wanted", ["linux/arm64", "linux/arm64/v8"])
async def test_only_the_platform_that_is_asked_for_is_read(
    registry: ScriptedRegistry, read: Reader, wanted: str
) -> None:
    image = multi_platform()
    registry.holds(image)

    found = await read(registry.url(), platform=wanted)

    assert digests(found) == of(image.blobs[1], image.blobs[2], image.blobs[4])
    assert digests(found, manifests=True) == of(image.root, image.manifests[1])


async def test_platform_that_an_index_lacks_is_told_with_those_it_has(registry: ScriptedRegistry, read: Reader) -> None:
    registry.holds(multi_platform())

    with pytest.raises(ImageUnresolvable, match=r"no platform linux/s390x \(linux/amd64, linux/arm64/v8\)"):
        await read(registry.url(), platform="linux/s390x")


async def test_platform_of_an_image_without_an_index_is_that_of_its_config(
    registry: ScriptedRegistry, read: Reader
) -> None:
    config = make.config(architecture="arm64")
    root = make.manifest(config, make.blob("layer"))
    registry.holds(Image(root, (), (config,)))

    assert (await read(registry.url(), platform="linux/arm64")).platforms == ("linux/arm64",)
    with pytest.raises(ImageUnresolvable, match=r"no platform linux/amd64 \(linux/arm64\)"):
        await read(registry.url(), platform="linux/amd64")


async def test_docker_images_are_read(registry: ScriptedRegistry, read: Reader) -> None:
    config, layer = make.config(media_type=make.DOCKER_CONFIG), make.blob("layer", make.DOCKER_LAYER)
    child = make.manifest(config, layer, media_type=make.DOCKER_MANIFEST)
    registry.holds(Image(make.index((child, "linux/amd64"), media_type=make.DOCKER_LIST), (child,), ()))

    assert digests(await read(registry.url())) == of(config, layer)


async def test_nested_index_is_read(registry: ScriptedRegistry, read: Reader) -> None:
    image = multi_platform()
    registry.holds(Image(make.index((image.root, "")), (image.root, *image.manifests), image.blobs))

    assert digests(await read(registry.url(), platform="linux/amd64")) == of(
        image.blobs[0], image.blobs[2], image.blobs[3]
    )


async def test_artifact_manifest_is_read(registry: ScriptedRegistry, read: Reader) -> None:
    sbom = make.blob("sbom", "application/spdx+json")
    registry.holds(make.document(make.ARTIFACT, mediaType=make.ARTIFACT, blobs=[sbom.descriptor()]))

    assert digests(await read(registry.url())) == {sbom.digest}


async def test_foreign_layers_are_parts_that_may_be_elsewhere_too(registry: ScriptedRegistry, read: Reader) -> None:
    config, layer, windows = make.config("windows"), make.blob("layer"), make.blob("windows", make.DOCKER_FOREIGN)
    mirrors = ["https://mcr.example.com/windows", "HTTP://mirror.example.com/windows?a=b", "https://h/with a space"]
    registry.holds(
        make.document(
            make.MANIFEST,
            mediaType=make.MANIFEST,
            config=config.descriptor(),
            layers=[windows.descriptor(urls=[*mirrors, 7, "no URL", "file:///etc", "https:// "]), layer.descriptor()],
        )
    )

    found = await read(registry.url())

    assert (digests(found), found.foreign_layers) == (of(config, layer, windows), 1)
    foreign = next(part for part in found.parts if part.digest == windows.digest)
    assert foreign.urls == (f"{registry.origin}/v2/library/app/blobs/{windows.digest}",)
    assert foreign.elsewhere == tuple(mirrors)


async def test_media_type_of_the_document_counts_where_the_registry_names_none(
    registry: ScriptedRegistry, read: Reader
) -> None:
    image = multi_platform()
    registry.holds(Image(Content("application/json", image.root.body), image.manifests, image.blobs))

    assert digests(await read(registry.url())) == of(*image.blobs)


async def test_what_other_images_use_is_kept(registry: ScriptedRegistry, read: Reader) -> None:
    bad, good = multi_platform("bad"), multi_platform("good")
    registry.holds(bad, "bad")
    registry.holds(good, "good")

    found = await read(registry.url("bad"), keepSharedWith=[registry.url("good")])

    base = bad.blobs[2]
    assert (digests(found), found.kept) == (of(*bad.blobs) - of(base), 1)


async def test_image_that_is_to_be_spared_and_cannot_be_read_stops_the_run(
    registry: ScriptedRegistry, read: Reader
) -> None:
    registry.holds(multi_platform())

    with pytest.raises(ImageUnresolvable, match="has no /v2/library/app/manifests/gone"):
        await read(registry.url(), keepSharedWith=[registry.url("gone")])
