"""The same thing as registries, builders and users spell it: media types, digests in headers, platforms, URLs."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from dragonfly_task_operator.errors import ImageUnresolvable, InvalidTarget
from dragonfly_task_operator.oci.platforms import is_platform
from dragonfly_task_operator.oci.urls import ManifestURL
from tests.registry import image as make
from tests.registry.image import Content, Image, multi_platform
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

IMAGE = multi_platform()
LAYER = make.blob("layer")
CHILD = make.manifest(make.config(), LAYER)
WITHOUT_WORD = make.document("", config=make.config().descriptor(), layers=[LAYER.descriptor()])
DOCKER = make.manifest(make.config(), LAYER, media_type=make.DOCKER_MANIFEST)
OTHER = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    "header",
    [
        *("", "application/json", "application/octet-stream", "binary/octet-stream", "text/plain; charset=utf-8"),
        *("text/html", "application/xml", "*/*", "nonsense", make.MANIFEST, make.DOCKER_MANIFEST),
        *(make.MANIFEST.upper(), f"{make.MANIFEST}; charset=utf-8", f"{make.DOCKER}distribution.manifest.v1+json"),
    ],
)
@pytest.mark.parametrize("document", [CHILD, WITHOUT_WORD, DOCKER], ids=["OCI", "without a word", "Docker"])
async def test_manifest_is_one_whatever_the_header_says(
    registry: ScriptedRegistry, read: Reader, document: Content, header: str
) -> None:
    registry.holds(Content(header, document.body))

    found = await read(registry.url())

    assert LAYER.digest in {part.digest for part in found.parts}
    assert found.parts[0].media_type in {make.MANIFEST, make.DOCKER_MANIFEST}


@pytest.mark.parametrize("header", ["", "binary/octet-stream", make.DOCKER_LIST, make.INDEX])
@pytest.mark.parametrize("has_word", [True, False])
async def test_index_is_one_whatever_the_header_says(
    registry: ScriptedRegistry, read: Reader, header: str, *, has_word: bool
) -> None:
    word = {"mediaType": make.INDEX} if has_word else {}
    registry.holds(Image(make.document(header, **word, manifests=[CHILD.descriptor()]), (CHILD,), ()))

    assert LAYER.digest in {part.digest for part in (await read(registry.url())).parts}


@pytest.mark.parametrize(
    "spelling",
    [
        *("{}", '"{}"', "'{}'", " {} ", '" {} "', "", '""', "latest", "sha256:", "sha256:xyz", "md5:" + "0" * 32),
        *("W/{}", "{}, {}", "sha384:" + "0" * 96, "sha256-" + "0" * 64, "\tsha256", "<{}>", "0" * 64),
    ],
)
@pytest.mark.parametrize("upper", [False, True])
async def test_header_with_the_digest_is_taken_for_one_or_for_nothing(
    registry: ScriptedRegistry, read: Reader, spelling: str, *, upper: bool
) -> None:
    registry.holds(IMAGE)
    digest = IMAGE.root.digest.upper() if upper else IMAGE.root.digest

    async def intercept(request: web.Request) -> web.Response | None:
        if not request.path.endswith("/1.0"):
            return None
        headers = {"Content-Type": make.INDEX, "Docker-Content-Digest": spelling.replace("{}", digest)}
        return web.Response(body=IMAGE.root.body, headers=headers)

    registry.intercept = intercept

    assert (await read(registry.url())).digest == IMAGE.root.digest


@pytest.mark.parametrize("spelling", [OTHER, f'"{OTHER}"', OTHER.upper()])
async def test_header_with_another_digest_is_told(registry: ScriptedRegistry, read: Reader, spelling: str) -> None:
    async def intercept(request: web.Request) -> web.Response:
        headers = {"Content-Type": make.INDEX, "Docker-Content-Digest": spelling}
        return web.Response(body=IMAGE.root.body, headers=headers)

    registry.intercept = intercept

    with pytest.raises(ImageUnresolvable, match="has another digest than it should have"):
        await read(registry.url())


@pytest.mark.parametrize(
    "platform",
    [
        *(
            None,
            {},
            {"os": ""},
            {"os": "", "architecture": ""},
            {"architecture": "arm64"},
            {"os": 1, "architecture": 2},
        ),
        *({"os": "unknown", "architecture": "unknown"}, {"os": "of spaces", "architecture": "arm64"}, "linux/arm64"),
    ],
    ids=str,
)
async def test_entry_without_a_platform_is_for_that_of_its_config(
    registry: ScriptedRegistry, read: Reader, platform: Any
) -> None:
    arm, amd = make.config(architecture="arm64"), make.config()
    for_arm, for_amd = make.manifest(arm, make.blob("of arm")), make.manifest(amd, make.blob("of amd"))
    entries = [each.descriptor(platform=platform) for each in (for_amd, for_arm)]
    root = make.document(make.INDEX, mediaType=make.INDEX, manifests=entries)
    registry.holds(Image(root, (for_arm, for_amd), (arm, amd)))

    found = await read(registry.url(), platform="linux/arm64")

    assert [part.digest for part in found.parts] == [each.digest for each in (root, for_arm, arm, make.blob("of arm"))]
    assert (found.platforms, found.unknown) == (("linux/arm64",), ())
    with pytest.raises(ImageUnresolvable, match=r"has no platform linux/s390x \(linux/amd64, linux/arm64\)"):
        await read(registry.url(), platform="linux/s390x")


async def test_entry_whose_config_is_missing_is_told(registry: ScriptedRegistry, read: Reader) -> None:
    amd = make.config()
    for_amd, lost = make.manifest(amd, LAYER), make.manifest(make.config(architecture="arm64"), make.blob("of arm"))
    entries = [for_amd.descriptor(platform={"os": "linux", "architecture": "amd64"}), lost.descriptor()]
    registry.holds(Image(make.document(make.INDEX, manifests=entries), (for_amd, lost), (amd,)))

    (unknown,) = (await read(registry.url(), platform="linux/amd64")).unknown

    assert (unknown.digest, "without it the platform can't be told" in unknown.why) == (lost.digest, True)


@pytest.mark.parametrize("media_type", ["", None, "application/octet-stream", "application/json", make.DOCKER_CONFIG])
async def test_config_tells_the_platform_whatever_it_is_called(
    registry: ScriptedRegistry, read: Reader, media_type: str | None
) -> None:
    config = make.config(architecture="arm64")
    child = make.document(
        make.MANIFEST, config=config.descriptor(mediaType=media_type), layers=[make.blob("of arm").descriptor()]
    )
    beside = make.manifest(make.config(), LAYER)
    entries = [child.descriptor(), beside.descriptor(platform={"os": "linux", "architecture": "arm64"})]
    registry.holds(Image(make.document(make.INDEX, manifests=entries), (child, beside), (config,)))

    found = await read(registry.url(), platform="linux/arm64")

    assert {part.digest for part in found.parts} >= {make.blob("of arm").digest, LAYER.digest}


@pytest.mark.parametrize("body", [b'{"os": "linux", "archi', b"[]", b"<html>", b""])
async def test_entry_whose_config_can_t_be_read_is_told(registry: ScriptedRegistry, read: Reader, body: bytes) -> None:
    broken, amd = Content(make.CONFIG, body), make.config()
    unclear, for_amd = make.manifest(broken, make.blob("of whom")), make.manifest(amd, LAYER)
    entries = [unclear.descriptor(), for_amd.descriptor(platform={"os": "linux", "architecture": "amd64"})]
    registry.holds(Image(make.document(make.INDEX, manifests=entries), (unclear, for_amd), (broken, amd)))

    (unknown,) = (await read(registry.url(), platform="linux/amd64")).unknown

    assert (unknown.digest, "is cut off or malformed, and without it" in unknown.why) == (unclear.digest, True)


async def test_entry_whose_config_can_t_be_asked_for_is_told(registry: ScriptedRegistry, read: Reader) -> None:
    amd = make.config()
    unclear = make.document(make.MANIFEST, config=amd.descriptor(digest="sha256:cut"), layers=[])
    for_amd = make.manifest(amd, LAYER)
    entries = [unclear.descriptor(), for_amd.descriptor(platform={"os": "linux", "architecture": "amd64"})]
    registry.holds(Image(make.document(make.INDEX, manifests=entries), (unclear, for_amd), (amd,)))

    (unknown,) = (await read(registry.url(), platform="linux/amd64")).unknown

    assert (unknown.digest, "the config of library/app" in unknown.why) == (unclear.digest, True)


@pytest.mark.parametrize(
    ("platform", "wanted", "is_it"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/amd64/v1", True),
        ("linux/amd64", "linux/amd64/v2", False),
        ("linux/amd64/v3", "linux/amd64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm", "linux/arm/v7", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/arm/v6", "linux/arm", True),
        ("windows/amd64", "linux/amd64", False),
        ("linux/s390x", "linux/s390x/z13", False),
        ("linux/amd64", "linux/x86_64", True),
        ("linux/arm64/v8", "linux/aarch64", True),
        ("linux/arm64", "linux/arm64/8", True),
        ("linux/arm/v6", "linux/arm/7", False),
    ],
)
def test_platform_is_meant_as_containerd_means_it(platform: str, wanted: str, *, is_it: bool) -> None:
    assert is_platform(platform, wanted) == is_it


@pytest.mark.parametrize(
    ("url", "repository", "name", "reference"),
    [
        ("https://h/v2/app/manifests/1", "https://h/v2/app", "app", "1"),
        ("https://h/v2/team/v2/app/manifests/1.0", "https://h/v2/team/v2/app", "team/v2/app", "1.0"),
        ("https://h/v2/v2/v2/manifests/1", "https://h/v2/v2/v2", "v2/v2", "1"),
        ("https://h/v2/a/manifests/b/manifests/1", "https://h/v2/a/manifests/b", "a/manifests/b", "1"),
        ("https://h/v2/a/blobs/b/manifests/1", "https://h/v2/a/blobs/b", "a/blobs/b", "1"),
        (
            "https://h/artifactory/api/docker/repo/v2/team/app/manifests/1",
            "https://h/artifactory/api/docker/repo/v2/team/app",
            "team/app",
            "1",
        ),
        ("https://h/API/v2/x/v2/y/manifests/1", "https://h/API/v2/x/v2/y", "x/v2/y", "1"),
        (f"https://h/v2/app/manifests/{OTHER}", "https://h/v2/app", "app", OTHER),
    ],
)
def test_repository_of_a_manifest_url_is_all_behind_the_first_v2(
    url: str, repository: str, name: str, reference: str
) -> None:
    found = ManifestURL.parse(url)

    assert (found.repository, found.name, found.reference) == (repository, name, reference)


@pytest.mark.parametrize("reference", ["sha256:0", OTHER.upper(), f"sha384:{'0' * 96}", "sha256:", f"{OTHER}0"])
def test_reference_that_is_no_digest_is_the_user_s_to_mend(reference: str) -> None:
    with pytest.raises(InvalidTarget, match="by what is no digest: one is sha256: and 64 hex digits in lower case"):
        ManifestURL.parse(f"https://h/v2/app/manifests/{reference}")


@pytest.mark.parametrize(
    "words",
    [
        {"OS": "linux", "Architecture": "arm64"},
        {"os": "Linux", "architecture": "ARM64"},
        {"os": "linux", "architecture": "aarch64"},
        {"os": "linux", "architecture": "arm64", "variant": None, "rootfs": 7},
        {"os": "linux", "architecture": "arm64", "variant": "8"},
    ],
    ids=str,
)
async def test_config_tells_its_platform_in_any_spelling(
    registry: ScriptedRegistry, read: Reader, words: dict[str, Any]
) -> None:
    config = make.document(make.CONFIG, **words)
    registry.holds(Image(make.manifest(config, LAYER), (), (config,)))

    (platform,) = (await read(registry.url(), platform="linux/arm64")).platforms
    assert platform == ("linux/arm64/v8" if words.get("variant") else "linux/arm64")
