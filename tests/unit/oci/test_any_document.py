"""Whatever a registry serves: only the operator's own errors come out, and no part that a document names is lost."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dragonfly_task_operator.engine.model import Image
from dragonfly_task_operator.errors import ImageUnresolvable, RunError
from dragonfly_task_operator.oci.documents import Document, read_digest, read_document
from dragonfly_task_operator.oci.media_types import INDEXES, MANIFESTS, SCHEMA_1
from dragonfly_task_operator.oci.platforms import is_platform, read_platform
from dragonfly_task_operator.oci.referrers import next_link
from tests.registry import image as make
from tests.registry.image import Content
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
"""Any JSON."""

DIGESTS = st.one_of(
    st.integers(0, 9).map(lambda number: f"sha256:{number:064x}"),
    st.just(f"sha512:{'5' * 128}"),
    st.sampled_from(
        ["", "sha256:", f"sha256:{'A' * 64}", f"md5:{'0' * 32}", f"sha384:{'0' * 96}", f"sha256:{'0' * 65}"]
    ),
    ANYTHING,
)
MEDIA_TYPES = st.one_of(
    st.sampled_from(sorted(INDEXES | MANIFESTS | SCHEMA_1)),
    st.sampled_from([make.GZIP, make.CONFIG, make.DOCKER_FOREIGN, "application/octet-stream", "text/html", "a/b", ""]),
    ANYTHING,
)
PLATFORMS = st.fixed_dictionaries(
    {},
    optional={
        key: st.sampled_from(["linux", "arm64", "unknown", "v8"]) | ANYTHING
        for key in ("os", "architecture", "variant")
    },
)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(usual, usual, usual, ANYTHING)


DESCRIPTORS = st.fixed_dictionaries(
    {"mediaType": MEDIA_TYPES, "digest": DIGESTS},
    optional={
        "size": st.integers() | ANYTHING,
        "urls": mostly(st.lists(st.sampled_from(["https://h/x", "ftp://h", "http://"]) | ANYTHING, max_size=3)),
        "platform": mostly(PLATFORMS),
        "annotations": ANYTHING,
        "data": ANYTHING,
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "schemaVersion": st.sampled_from([1, 2]) | ANYTHING,
        "mediaType": MEDIA_TYPES,
        "config": mostly(DESCRIPTORS),
        **{key: mostly(st.lists(mostly(DESCRIPTORS), max_size=4)) for key in ("manifests", "layers", "blobs")},
        "subject": ANYTHING,
        "fsLayers": ANYTHING,
    },
)
BODIES = st.one_of(
    DOCUMENTS.map(lambda document: json.dumps(document).encode()),
    ANYTHING.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=200),
    st.sampled_from(
        [b"<html>", b"\x1f\x8b00", b'{"a":' * 5000, b"[1e999]", b"-" * 100, b'"\\ud800"', b"NaN", b"9" * 5000]
    ),
)
HEADERS = st.one_of(
    st.sampled_from([*sorted(INDEXES | MANIFESTS | SCHEMA_1), "text/html; charset=utf-8", "application/json", ""]),
    st.text(max_size=40),
)


def named(document: Any) -> set[str]:
    """The digests that a document names, found without the code under test."""
    found = set()
    if isinstance(document, dict):
        for key in ("manifests", "layers", "blobs"):
            entries = document.get(key)
            found |= {_digest(entry) for entry in entries} if isinstance(entries, list) else set()
        found.add(_digest(document.get("config")))
    return {digest for digest in found if read_digest(digest) == digest and digest}


def _digest(entry: Any) -> str:
    digest = entry.get("digest") if isinstance(entry, dict) else None
    return digest if isinstance(digest, str) else ""


def entries_of(document: dict[str, Any]) -> int:
    return sum(len(document[key]) for key in ("manifests", "layers", "blobs") if isinstance(document.get(key), list))


@settings(max_examples=150, deadline=None)
@given(body=BODIES, content_type=HEADERS)
def test_nothing_but_an_error_of_ours_comes_of_what_is_read(body: bytes, content_type: str) -> None:
    try:
        assert isinstance(read_document(body, content_type=content_type, what="it"), Document)
    except ImageUnresolvable:
        return


@settings(max_examples=150, deadline=None)
@given(document=DOCUMENTS, content_type=HEADERS)
def test_document_that_is_read_has_every_reference(document: dict[str, Any], content_type: str) -> None:
    try:
        read = read_document(json.dumps(document).encode(), content_type=content_type, what="it")
    except ImageUnresolvable:
        return
    references = (*read.manifests, *read.content)
    assert {each.digest for each in references if each.digest} == named(document)
    assert all(bool(each.flaw) != bool(each.digest) for each in references)
    assert len(references) - (read.config is not None) == entries_of(document)


async def read_image(root: Content, child: Content, **target: Any) -> Image | None:
    """Read it as the operator does; None where it is refused."""
    async with ScriptedRegistry() as registry:
        registry.holds(make.Image(root, (child,), ()))
        try:
            return await Reader(allow=(f"http://{registry.host}",))(registry.url(), **target)
        except RunError:
            return None


def is_readable(document: Content) -> bool:
    try:
        read_document(document.body, content_type=document.media_type, what="it")
    except ImageUnresolvable:
        return False
    return True


@settings(max_examples=40, deadline=None)
@given(
    document=DOCUMENTS,
    header=st.sampled_from(["", make.MANIFEST, make.INDEX, "text/html"]),
    more=st.lists(mostly(DESCRIPTORS), max_size=3),
    ignores=st.booleans(),
)
async def test_image_has_every_part_that_its_documents_name(
    document: dict[str, Any], header: str, more: list[Any], *, ignores: bool
) -> None:
    child = Content(header, json.dumps(document).encode())
    listed = [{**child.descriptor(), "mediaType": make.MANIFEST}, *more]
    root = make.document(make.INDEX, mediaType=make.INDEX, manifests=listed)

    found = await read_image(root, child, ignoreUnknownParts=ignores)

    if found is None:
        return
    parts, unknown = {part.digest for part in found.parts}, [part.digest for part in found.unknown]
    assert parts >= named({"manifests": listed}) | {child.digest}
    assert (child.digest in unknown) != is_readable(child)
    if child.digest not in unknown:
        assert parts >= named(document)
    flawed = [entry for entry in more if not named({"manifests": [entry]})]
    assert unknown.count("") >= len(flawed)


@given(
    config=st.binary(max_size=100) | PLATFORMS.map(lambda value: json.dumps(value).encode()),
    wanted=st.sampled_from(["linux/arm64", "linux/arm64/v8", "linux/amd64"]),
)
def test_any_config_tells_a_platform_or_none(config: bytes, wanted: str) -> None:
    platform = read_platform(config)

    assert not platform or is_platform(platform, wanted) in {True, False}


@given(st.lists(st.text(max_size=60) | st.from_regex(r"<[^>]*>; ?rel=\"?\w+\"?", fullmatch=True), max_size=3))
def test_any_link_header_is_read(headers: list[str]) -> None:
    found = next_link(headers)

    assert found is None or any(f"<{found}>" in header for header in headers)
