"""What an index or a manifest may list: each is a part of the image, or told as one that could not be looked at."""

from __future__ import annotations

from typing import Any

import pytest

from dragonfly_task_operator.engine.model import Image as Found
from dragonfly_task_operator.errors import ImageUnresolvable
from tests.registry import image as make
from tests.registry.image import Content, Image
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
SHA512 = f"sha512:{'ab' * 64}"


def entry(media_type: Any, *, digest: Any = None, **more: Any) -> dict[str, Any]:
    """An entry of an index, about a blob that is nowhere."""
    return {"mediaType": media_type, "digest": digest or make.blob("x").digest, "size": 1, **more}


def each(field: str, *values: Any) -> list[Any]:
    return [{field: value} for value in values]


def cases(*values: Any) -> list[Any]:
    return list(values)


def index_of(*entries: Any) -> Content:
    return make.document(make.INDEX, schemaVersion=2, mediaType=make.INDEX, manifests=list(entries))


def urls_of(found: Found, digest: str) -> list[str]:
    return [url.rpartition("/v2/")[2] for part in found.parts if part.digest == digest for url in part.urls]


@pytest.mark.parametrize(
    "media_type",
    [
        make.GZIP,
        make.ZSTD,
        "application/vnd.oci.image.layer.v1.tar",
        f"{make.GZIP}+encrypted",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        make.DOCKER_LAYER,
        make.DOCKER_FOREIGN,
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        make.CONFIG,
        make.DOCKER_CONFIG,
        "application/vnd.oci.empty.v1+json",
        "application/vnd.docker.plugin.v1+json",
        "application/vnd.buildkit.cacheconfig.v0",
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        "application/vnd.wasm.content.layer.v1+wasm",
        "application/wasm",
        "application/gzip",
        "application/x-tar",
        "Application/Vnd.OCI.Image.Layer.V1.Tar+Gzip; charset=binary",
    ],
)
async def test_entry_of_an_index_that_is_no_manifest_is_a_blob(
    registry: ScriptedRegistry, read: Reader, media_type: str
) -> None:
    registry.holds(index_of(entry(media_type)))

    found = await read(registry.url())

    digest = make.blob("x").digest
    assert (urls_of(found, digest), found.unknown) == ([f"library/app/blobs/{digest}"], ())


async def test_cache_of_buildkit_is_made_of_blobs(registry: ScriptedRegistry, read: Reader) -> None:
    layers = [make.blob(f"layer {number}") for number in range(3)]
    config = make.document("application/vnd.buildkit.cacheconfig.v0", layers=[])
    registry.holds(index_of(*(each.descriptor() for each in (*layers, config))))

    found = await read(registry.url())

    assert [part.digest for part in found.parts if not part.is_manifest] == [each.digest for each in (*layers, config)]
    assert found.unknown == ()


@pytest.mark.parametrize(
    ("media_type", "why"),
    [
        (SCHEMA_1, "schema 1"),
        ("application/vnd.docker.distribution.manifest.v1+json", "schema 1"),
        ("application/vnd.oci.image.manifest.v2+json", "does not know this media type"),
        ("application/vnd.docker.distribution.manifest.v3+json", "does not know this media type"),
        ("application/spdx+json", "does not know this media type"),
        ("text/html", "does not know this media type"),
    ],
)
async def test_entry_of_a_kind_that_nobody_knows_is_told_and_asked_for_all_the_same(
    registry: ScriptedRegistry, read: Reader, media_type: str, why: str
) -> None:
    root = index_of(entry(make.GZIP, digest=make.blob("y").digest), entry(media_type))
    registry.holds(root)

    found = await read(registry.url())

    digest = make.blob("x").digest
    (unknown,) = found.unknown
    assert (unknown.position, unknown.media_type, unknown.digest) == (
        f"manifests[1] of {root.digest}",
        media_type,
        digest,
    )
    assert why in unknown.why
    assert urls_of(found, digest) == [f"library/app/manifests/{digest}", f"library/app/blobs/{digest}"]


@pytest.mark.parametrize(
    "value",
    cases(
        *(None, 7, "sha256", [], {}, {"mediaType": make.GZIP}, {"mediaType": make.MANIFEST}),
        *(
            entry(make.GZIP, digest=digest)
            for digest in ("sha256:zz", 7, ["x"], "md5:" + "0" * 32, "sha384:" + "0" * 96)
        ),
        entry(make.MANIFEST, digest="sha256:" + "AB" * 32),
        entry(make.GZIP, digest="../../" + "0" * 64),
    ),
    ids=str,
)
@pytest.mark.parametrize("field", ["manifests", "layers", "blobs"])
async def test_reference_without_a_digest_that_peers_know_is_told(
    registry: ScriptedRegistry, read: Reader, field: str, value: Any
) -> None:
    media_type = {"manifests": make.INDEX, "layers": make.MANIFEST, "blobs": make.ARTIFACT}[field]
    config = {"config": make.config().descriptor()} if field == "layers" else {}
    registry.holds(make.document(media_type, mediaType=media_type, **config, **{field: [value]}))

    (unknown,) = (await read(registry.url())).unknown

    assert unknown.position.startswith(f"{field}[0] of sha256:")


@pytest.mark.parametrize(
    "config",
    each("mediaType", make.CONFIG) + each("size", 7) + [{"mediaType": make.CONFIG, "digest": "", "size": 7}],
    ids=str,
)
async def test_config_that_is_described_without_a_digest_is_told(
    registry: ScriptedRegistry, read: Reader, config: dict[str, Any]
) -> None:
    registry.holds(make.document(make.MANIFEST, config=config, layers=[make.blob("layer").descriptor()]))

    (unknown,) = (await read(registry.url())).unknown

    assert unknown.position.startswith("config of sha256:")


@pytest.mark.parametrize("config", [None, {}, {"mediaType": "", "digest": "", "size": 0}], ids=str)
async def test_config_of_nothing_is_none(registry: ScriptedRegistry, read: Reader, config: Any) -> None:
    registry.holds(make.document(make.MANIFEST, config=config, layers=[make.blob("layer").descriptor()]))

    assert (await read(registry.url())).unknown == ()


async def test_layer_that_is_a_manifest_is_read_on_and_asked_for_as_a_blob_too(
    registry: ScriptedRegistry, read: Reader
) -> None:
    layer = make.blob("layer")
    child = make.manifest(make.config(), layer)
    registry.holds(Image(make.manifest(make.config("linux", "arm64"), child), (child,), ()))

    found = await read(registry.url())

    assert layer.digest in {part.digest for part in found.parts}
    assert urls_of(found, child.digest) == [f"library/app/{kind}/{child.digest}" for kind in ("manifests", "blobs")]


@pytest.mark.parametrize("media_type", ["", None, 7, "application/octet-stream", "application/json", "no type at all"])
async def test_entry_that_does_not_say_what_it_is_is_looked_at(
    registry: ScriptedRegistry, read: Reader, media_type: Any
) -> None:
    layer = make.blob("layer")
    child = make.manifest(make.config(), layer)
    registry.holds(Image(index_of(child.descriptor(mediaType=media_type)), (child,), ()))

    found = await read(registry.url())

    assert layer.digest in {part.digest for part in found.parts}
    assert found.unknown == ()


@pytest.mark.parametrize("serves", [None, b"", b"<html>", b"{}", b"\x1f\x8b"])
async def test_entry_that_does_not_say_what_it_is_and_is_no_manifest_is_told(
    registry: ScriptedRegistry, read: Reader, serves: bytes | None
) -> None:
    child = Content("", serves or b"gone")
    registry.holds(Image(index_of(entry("", digest=child.digest)), (child,) if serves is not None else (), ()))

    (unknown,) = (await read(registry.url())).unknown

    assert unknown.digest == child.digest
    assert serves is not None or "does not say what it is" in unknown.why


async def test_manifest_that_can_t_be_read_is_told_and_the_others_are_read(
    registry: ScriptedRegistry, read: Reader
) -> None:
    layer = make.blob("layer")
    good = make.manifest(make.config(), layer)
    bad = Content(make.DOCKER_MANIFEST, b'{"schemaVersion": 1, "fsLayers": []}')
    registry.holds(Image(index_of(bad.descriptor(), good.descriptor()), (bad, good), ()))

    found = await read(registry.url())

    assert layer.digest in {part.digest for part in found.parts}
    assert ["schema 1" in part.why for part in found.unknown] == [True]


@pytest.mark.parametrize(
    "more",
    cases(
        *each("size", *(-1, None, "12", 1.5, True, [], 1 << 63, 10**400)),
        *each("annotations", *(None, [], "x", {"a": 1}, {"k": "v" * 100_000})),
        *each("urls", *(None, "https://h/x", [None, 7, "ftp://h/x"], {})),
        *each("platform", *(None, 7, [], "linux/amd64", {"os": 7, "os.features": {"a": []}})),
        {"data": "AAAA"},
        {"artifactType": 7},
        {"subject": "nothing"},
        {"unknown": {"deep": [[[{}]]]}},
    ),
    ids=lambda more: str(more)[:60],
)
async def test_field_that_nothing_depends_on_spoils_nothing(
    registry: ScriptedRegistry, read: Reader, more: dict[str, Any]
) -> None:
    layer = make.blob("layer")
    config = make.config()
    child = make.document(
        make.MANIFEST,
        mediaType=make.MANIFEST,
        config=config.descriptor(**more),
        layers=[layer.descriptor(**more)],
        **{key: value for key, value in more.items() if key not in {"size", "urls", "platform", "data"}},
    )
    registry.holds(Image(index_of(child.descriptor(**more)), (child,), ()))

    found = await read(registry.url())

    assert {part.digest for part in found.parts} >= {config.digest, layer.digest, child.digest}
    assert (found.unknown, min(part.size for part in found.parts) >= 0) == ((), True)


async def test_sha512_is_a_digest_too(registry: ScriptedRegistry, read: Reader) -> None:
    registry.holds(make.document(make.ARTIFACT, mediaType=make.ARTIFACT, blobs=[entry(make.GZIP, digest=SHA512)]))

    found = await read(registry.url())

    assert (found.parts[-1].digest, found.unknown) == (SHA512, ())


async def test_part_that_is_listed_twice_is_one_part(registry: ScriptedRegistry, read: Reader) -> None:
    config, layer = make.config(), make.blob("layer")
    child = make.manifest(config, layer, layer)
    registry.holds(Image(index_of(child.descriptor(), child.descriptor()), (child,), ()))

    assert len((await read(registry.url())).parts) == 4


async def test_images_to_spare_are_to_be_known_as_a_whole_too(registry: ScriptedRegistry, read: Reader) -> None:
    registry.holds(make.manifest(make.config(), make.blob("layer")), "bad")
    registry.holds(index_of(entry(SCHEMA_1)), "good")

    found = await read(registry.url("bad"), keepSharedWith=[registry.url("good")])

    (unknown,) = found.unknown
    assert "schema 1" in unknown.why
    assert unknown.position.endswith(f" in {registry.host}/library/app:good of keepSharedWith")


@pytest.mark.parametrize(
    "attests",
    [
        {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
        {"platform": {"os": "unknown", "architecture": "unknown"}},
    ],
)
@pytest.mark.parametrize("target", [{}, {"platform": "linux/amd64"}])
async def test_attestation_that_the_registry_lacks_spoils_nothing(
    registry: ScriptedRegistry, read: Reader, attests: dict[str, Any], target: dict[str, Any]
) -> None:
    config, layer = make.config(), make.blob("layer")
    child, attestation = make.manifest(config, layer), make.manifest(make.config(), make.blob("provenance"))
    platform = {"os": "linux", "architecture": "amd64"}
    root = index_of(child.descriptor(platform=platform), attestation.descriptor(**attests))
    registry.holds(Image(root, (child,), (config,)))

    found = await read(registry.url(), **target)

    assert (layer.digest in {part.digest for part in found.parts}, found.unknown) == (True, ())


@pytest.mark.parametrize("is_nested", [False, True])
async def test_manifest_that_is_listed_as_an_attestation_and_as_a_platform_is_not_spared_when_it_is_missing(
    registry: ScriptedRegistry, read: Reader, *, is_nested: bool
) -> None:
    gone = make.manifest(make.config(), make.blob("layer"))
    attestation = gone.descriptor(platform={"os": "unknown", "architecture": "unknown"})
    platform = gone.descriptor(platform={"os": "linux", "architecture": "amd64"})
    nested = index_of(platform)
    root = index_of(attestation, nested.descriptor() if is_nested else platform)
    registry.holds(Image(root, (nested,), ()))

    with pytest.raises(ImageUnresolvable, match=f"a manifest for linux/amd64 that it does not have: {gone.digest}"):
        await read(registry.url())


async def test_manifest_that_is_also_listed_as_what_nobody_knows_is_read_all_the_same(
    registry: ScriptedRegistry, read: Reader
) -> None:
    layer = make.blob("layer")
    child = make.manifest(make.config(), layer)
    root = index_of(child.descriptor(mediaType="application/vnd.future.v9+json"), child.descriptor())
    registry.holds(Image(root, (child,), ()))

    found = await read(registry.url(), ignoreUnknownParts=True)

    assert (layer.digest in {part.digest for part in found.parts}, len(found.unknown)) == (True, 1)


@pytest.mark.parametrize("target", [{}, {"platform": "linux/arm64"}])
async def test_platform_that_the_registry_lacks_is_named_with_what_to_do(
    registry: ScriptedRegistry, read: Reader, target: dict[str, Any]
) -> None:
    image = make.multi_platform()
    registry.holds(image)
    gone = image.manifests[1].digest
    del registry.content[f"/v2/library/app/manifests/{gone}"]

    with pytest.raises(
        ImageUnresolvable, match=rf"a manifest for linux/arm64/v8 that it does not have: {gone}; .*set platform to one"
    ):
        await read(registry.url(), **target)

    found = await read(registry.url(), platform="linux/amd64")
    assert (found.platforms, found.unknown) == (("linux/amd64",), ())
    whole = await read(registry.url(), ignoreUnknownParts=True)
    assert [part.digest for part in whole.unknown] == [gone]
    assert gone in {part.digest for part in whole.parts}


async def test_manifest_without_a_platform_that_the_registry_lacks_is_not_answered_with_the_platform_that_was_given(
    registry: ScriptedRegistry, read: Reader
) -> None:
    amd = make.manifest(make.config(), make.blob("amd"))
    platform = {"os": "linux", "architecture": "amd64"}
    registry.holds(Image(index_of(amd.descriptor(platform=platform), entry(make.MANIFEST)), (amd,), ()))

    with pytest.raises(ImageUnresolvable, match=r"which platform is not said.* name the manifest .* by its digest, or"):
        await read(registry.url(), platform="linux/amd64")
    with pytest.raises(ImageUnresolvable, match=r"set platform to one that is there \(listed: linux/amd64\)"):
        await read(registry.url())
