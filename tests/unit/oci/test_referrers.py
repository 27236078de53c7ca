"""What refers to an image belongs to it where the target says so: by the registry's list, by its tag, by cosign's."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from dragonfly_task_operator.engine.model import Image as Found
from dragonfly_task_operator.oci.referrers import next_link
from tests.registry import image as make
from tests.registry.image import Content, Image
from tests.registry.login import BASIC, BASIC_AUTH
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

REPOSITORY = "/v2/library/app"
IMAGE = make.multi_platform()
EMPTY = Content("application/vnd.oci.empty.v1+json", b"{}")


def signature(subject: str, text: str = "signature") -> tuple[Content, Content]:
    """A manifest with a subject, and its blob."""
    layer = make.blob(text, "application/vnd.dev.cosign.simplesigning.v1+json")
    return make.manifest(EMPTY, layer, subject={"digest": subject}), layer


def index_of(*contents: Content) -> Content:
    return make.document(make.INDEX, mediaType=make.INDEX, manifests=[each.descriptor() for each in contents])


def digests(found: Found) -> set[str]:
    return {part.digest for part in found.parts}


@pytest.fixture
def registry(registry: ScriptedRegistry) -> ScriptedRegistry:
    registry.holds(IMAGE)
    return registry


def has(registry: ScriptedRegistry, *contents: Content) -> None:
    for each in contents:
        registry.content[f"{REPOSITORY}/manifests/{each.digest}"] = each


def lists(registry: ScriptedRegistry, subject: str, *contents: Content) -> None:
    registry.content[f"{REPOSITORY}/referrers/{subject}"] = index_of(*contents)


async def test_referrers_of_index_and_manifests_are_parts(registry: ScriptedRegistry, read: Reader) -> None:
    of_root, root_blob = signature(IMAGE.root.digest, "of the index")
    of_child, child_blob = signature(IMAGE.manifests[0].digest, "of a platform")
    has(registry, of_root, of_child)
    lists(registry, IMAGE.root.digest, of_root)
    lists(registry, IMAGE.manifests[0].digest, of_child)

    without, found = await read(registry.url()), await read(registry.url(), includeReferrers=True)

    assert digests(found) - digests(without) == {
        each.digest for each in (of_root, root_blob, of_child, child_blob, EMPTY)
    }
    assert found.unknown == ()


async def test_referrers_of_other_platforms_are_left_out(registry: ScriptedRegistry, read: Reader) -> None:
    of_amd, _ = signature(IMAGE.manifests[0].digest)
    of_arm, _ = signature(IMAGE.manifests[1].digest, "other")
    has(registry, of_amd, of_arm)
    lists(registry, IMAGE.manifests[0].digest, of_amd)
    lists(registry, IMAGE.manifests[1].digest, of_arm)

    found = await read(registry.url(), includeReferrers=True, platform="linux/amd64")

    assert (of_amd.digest in digests(found), of_arm.digest in digests(found)) == (True, False)


async def test_referrers_of_referrers_are_parts(registry: ScriptedRegistry, read: Reader) -> None:
    sbom, _ = signature(IMAGE.root.digest, "sbom")
    signed, blob = signature(sbom.digest, "signature of the sbom")
    has(registry, sbom, signed)
    lists(registry, IMAGE.root.digest, sbom)
    lists(registry, sbom.digest, signed)

    assert blob.digest in digests(await read(registry.url(), includeReferrers=True))


async def test_referrers_beyond_the_levels_that_are_looked_at_are_told(
    registry: ScriptedRegistry, read: Reader
) -> None:
    subject = IMAGE.root.digest
    for number in range(5):
        manifest, _ = signature(subject, f"{number}")
        has(registry, manifest)
        lists(registry, subject, manifest)
        subject = manifest.digest

    found = await read(registry.url(), includeReferrers=True)

    assert ["in 3 levels only" in part.why for part in found.unknown] == [True]


@pytest.mark.parametrize("suffix", ["", ".sig", ".att", ".sbom"])
async def test_manifest_under_a_tag_made_of_the_digest_is_a_part_with_its_tag(
    registry: ScriptedRegistry, read: Reader, suffix: str
) -> None:
    signed, blob = signature(IMAGE.root.digest)
    tagged = signed if suffix else index_of(signed)
    tag = f"{IMAGE.root.digest.replace(':', '-')}{suffix}"
    registry.holds(Image(tagged, (signed,), (blob,)), tag)

    found = await read(registry.url(), includeReferrers=True)

    assert digests(found) >= {tagged.digest, signed.digest, blob.digest}
    assert registry.url(tag) in next(part for part in found.parts if part.digest == tagged.digest).urls
    assert found.unknown == ()


@pytest.mark.parametrize(
    "answer",
    [
        *((status, b"", "") for status in (400, 404, 405, 406, 410, 415, 501)),
        (200, b"<html>", "text/html"),
        (200, b"{}", "application/json"),
        (200, b"", make.INDEX),
        (200, b'{"errors": []}', "application/json"),
        (200, json.dumps({"config": make.config().descriptor(), "layers": []}).encode(), make.MANIFEST),
    ],
    ids=str,
)
async def test_registry_that_can_not_list_referrers_is_asked_for_the_tag_of_their_index(
    registry: ScriptedRegistry, read: Reader, answer: tuple[int, bytes, str]
) -> None:
    signed, blob = signature(IMAGE.root.digest)
    registry.holds(Image(index_of(signed), (signed,), (blob,)), IMAGE.root.digest.replace(":", "-"))
    status, body, media_type = answer

    async def intercept(request: web.Request) -> web.Response | None:
        if "/referrers/" not in request.path:
            return None
        return web.Response(status=status, body=body, headers={"Content-Type": media_type})

    registry.intercept = intercept

    found = await read(registry.url(), includeReferrers=True)

    assert (blob.digest in digests(found), found.unknown) == (True, ())


async def test_registry_that_sends_whoever_asks_to_another_one_has_no_more_tags_than_that(
    registry: ScriptedRegistry, other: ScriptedRegistry
) -> None:
    other.holds(IMAGE, name="mirror/app")

    async def intercept(request: web.Request) -> web.Response:
        there = request.path.replace("library/app", "mirror/app")
        if "/referrers/" in request.path:
            return web.Response(status=404)
        return web.Response(status=307, headers={"Location": f"{other.origin}{there}"})

    registry.intercept = intercept
    read = Reader(allow=(f"http://{registry.host}", f"http://{other.host}"))

    assert (await read(registry.url(), includeReferrers=True)).unknown == ()


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (index_of(EMPTY).body[:-9], make.INDEX),
        (b'{"schemaVersion": 2, "mani', make.INDEX),
        (index_of(EMPTY).body[:-9], "application/json"),
        (b'{"manifests": {}}', "application/json"),
        (b"<html>", make.INDEX),
    ],
    ids=str,
)
async def test_list_that_is_broken_is_told_and_not_taken_for_none(
    registry: ScriptedRegistry, read: Reader, body: bytes, media_type: str
) -> None:
    registry.content[f"{REPOSITORY}/referrers/{IMAGE.root.digest}"] = Content(media_type, body)

    (unknown,) = (await read(registry.url(), includeReferrers=True)).unknown

    assert (unknown.position, unknown.digest) == ("referrers", IMAGE.root.digest)
    assert "cut off or malformed; check the registry" in unknown.why


@pytest.mark.parametrize(
    "link", ['</v2/library/app/referrers/{}?last=1>; rel="next"', "<?last=1>; rel=next", "<{url}?last=1>;rel=next"]
)
async def test_list_is_read_page_by_page(registry: ScriptedRegistry, read: Reader, link: str) -> None:
    signed = [signature(IMAGE.root.digest, f"{number}")[0] for number in range(2)]
    has(registry, *signed)

    async def intercept(request: web.Request) -> web.Response | None:
        if not request.path.endswith(f"/referrers/{IMAGE.root.digest}"):
            return None
        page = int(request.query.get("last", 0))
        header = (
            {}
            if page
            else {"Link": link.replace("{url}", f"{registry.origin}{request.path}").format(IMAGE.root.digest)}
        )
        return web.Response(body=index_of(signed[page]).body, headers={"Content-Type": make.INDEX, **header})

    registry.intercept = intercept

    found = await read(registry.url(), includeReferrers=True)

    assert digests(found) >= {each.digest for each in signed}


@pytest.mark.parametrize(
    ("status", "link", "why"),
    [
        (500, "", "answered 500"),
        (403, "", "403"),
        (418, "", "answered 418"),
        (200, "<?x>; rel=next", "more than 100 pages"),
        (200, "<https://elsewhere.example/>; rel=next", "same server"),
        (200, "<https://h:port/>; rel=next", "same server"),
    ],
)
async def test_list_that_can_not_be_read_to_its_end_is_told(
    registry: ScriptedRegistry, read: Reader, status: int, link: str, why: str
) -> None:
    async def intercept(request: web.Request) -> web.Response | None:
        if not request.path.endswith(f"/referrers/{IMAGE.root.digest}"):
            return None
        headers = {"Content-Type": make.INDEX, "Link": link}
        return web.Response(status=status, body=index_of().body, headers=headers)

    registry.intercept = intercept

    (unknown,) = (await read(registry.url(), includeReferrers=True)).unknown

    assert (unknown.position, unknown.digest, why in unknown.why) == ("referrers", IMAGE.root.digest, True)


async def test_page_on_another_server_is_not_shown_the_login(
    registry: ScriptedRegistry, other: ScriptedRegistry
) -> None:
    async def intercept(request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != BASIC:
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic realm=r"})
        if "/referrers/" not in request.path:
            return None
        link = {"Link": f"<{other.origin}{request.path}>; rel=next"}
        return web.Response(body=index_of().body, headers={"Content-Type": make.INDEX, **link})

    registry.intercept = intercept
    read = Reader(allow=(f"http://{registry.host}", f"http://{other.host}"), secrets={"regcred": BASIC_AUTH})

    await read(registry.url(), includeReferrers=True, pullSecretRef={"name": "regcred"})

    assert other.asked == []


async def test_referrer_that_the_registry_lists_and_lacks_is_told(registry: ScriptedRegistry, read: Reader) -> None:
    signed, _ = signature(IMAGE.root.digest)
    lists(registry, IMAGE.root.digest, signed)

    (unknown,) = (await read(registry.url(), includeReferrers=True)).unknown

    assert (unknown.position, unknown.digest) == (f"referrers[0] of {IMAGE.root.digest}", signed.digest)


async def test_attestation_in_the_index_belongs_to_its_platform_as_a_referrer(
    registry: ScriptedRegistry, read: Reader
) -> None:
    child = make.manifest(make.config(), make.blob("layer"))
    provenance = make.blob("provenance", "application/vnd.in-toto+json")
    attestation = make.manifest(make.config("unknown", "unknown"), provenance)
    annotations = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": child.digest}
    root = make.document(
        make.INDEX,
        mediaType=make.INDEX,
        manifests=[
            attestation.descriptor(annotations=annotations, platform={"os": "unknown", "architecture": "unknown"}),
            child.descriptor(platform={"os": "linux", "architecture": "amd64"}),
        ],
    )
    registry.holds(Image(root, (child, attestation), ()), "attested")
    url = registry.url("attested")

    assert provenance.digest in digests(await read(url))
    assert provenance.digest not in digests(await read(url, platform="linux/amd64"))
    assert provenance.digest in digests(await read(url, platform="linux/amd64", includeReferrers=True))


@pytest.mark.parametrize(
    ("headers", "link"),
    [
        ([], None),
        ([""], None),
        (["</a>; rel=next"], "/a"),
        (['</a>; rel="next"'], "/a"),
        (['</a>;REL="prev NEXT"'], "/a"),
        (['</a>; title="a, b; rel=next"; rel=last'], None),
        (["</a>; rel=prev, </b>; rel=next"], "/b"),
        (["</a>; rel=prev", "</b>; type=x; rel=next"], "/b"),
        (["</a?x=1,2;3>; rel=next"], "/a?x=1,2;3"),
        (["/a; rel=next"], None),
        (['</a>; title="a\\"; b"; rel=next'], "/a"),
        (["</a>; crossorigin; rel=next"], "/a"),
        (["</a>; title*=UTF-8''b; x.y=1; rel=next"], "/a"),
        (['</a>; title="</b>; rel=next"; rel=last'], None),
        (["<" * 10_000], None),
    ],
)
def test_link_headers_are_read_as_the_standard_has_them(headers: list[str], link: str | None) -> None:
    assert next_link(headers) == link
