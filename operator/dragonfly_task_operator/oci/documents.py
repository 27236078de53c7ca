"""What registries send: indexes and manifests of the OCI and Docker formats, read without trust.

A document is taken for what it is made of. A field that nobody needs spoils nothing, whatever is in it; and what a
reference lacks is told of that reference: never of the whole document, and never passed over.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dragonfly_task_operator.errors import ImageUnresolvable
from dragonfly_task_operator.oci.media_types import (
    ARTIFACTS,
    INDEX,
    INDEXES,
    MANIFEST,
    MANIFESTS,
    SCHEMA_1,
    Kind,
    kind_of,
    plain,
)
from dragonfly_task_operator.oci.platforms import is_said_to_be_unknown, platform_of

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9!#$&^_.+-]+")
_MAX_MEDIA_TYPE = 255
_URL = re.compile(r"https?://\S.*", re.IGNORECASE)
_MAX_URL = 8192
_MAX_SIZE = (1 << 63) - 1
_MAX_DIGITS = 19
_REFERENCE_TYPE, _REFERENCE_DIGEST = "vnd.docker.reference.type", "vnd.docker.reference.digest"
"""Annotations that BuildKit writes on the attestations in an index."""

_NAMES = {
    name.casefold(): name
    for name in (
        *("schemaVersion", "mediaType", "manifests", "config", "layers", "blobs", "fsLayers"),
        *("digest", "size", "urls", "platform", "os", "architecture", "variant", "annotations", "errors"),
    )
}
"""Names as they are read here. Clients in Go take any case of them."""


_SHAPES = {"mediaType", "manifests", "config", "layers", "blobs"}
_CONTENT = {"config", "layers", "blobs"}
_POINTERS = {"mediaType", "digest", "urls", "platform"}
_DESCRIBED = ("mediaType", "digest", "size")
"""What every descriptor has to have."""


class Unreadable(ImageUnresolvable):
    """What was served in place of a manifest or index is none that can be read."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to content.

    Attributes:
        position: where it stands, as in `layers[3]`.
        media_type: plain; empty where it is none.
        digest: empty where it is none that content can be known by; then `flaw` says why.
        size: bytes; 0 where it does not say.
        urls: where else the content may be had.
        platform: what it is for, empty where it does not say.
        attests: of an attestation, the digest of what it is about, empty where it does not say; None of all else.
    """

    position: str
    media_type: str = ""
    digest: str = ""
    size: int = 0
    urls: tuple[str, ...] = ()
    platform: str = ""
    attests: str | None = None
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """An index (`manifests`) or a manifest (its config and layers, or an artifact's blobs, as `content`)."""

    media_type: str
    manifests: tuple[Descriptor, ...]
    content: tuple[Descriptor, ...]

    @property
    def is_index(self) -> bool:
        """Whether it refers to manifests."""
        return self.media_type in INDEXES

    @property
    def config(self) -> Descriptor | None:
        """The config of an image or artifact, where it has one."""
        return next((each for each in self.content if each.position == "config"), None)


def read_document(body: bytes, *, content_type: str, what: str) -> Document:
    """Read what a registry sent as a manifest.

    The document's word on its own media type counts, then the registry's, then what the document is made of. What two
    readers may take for two things is refused: a document that is called an index and made as a manifest, or is both.

    Args:
        body: all of it.
        content_type: the registry's word on it.
        what: to speak of it in an error.

    Raises:
        Unreadable: it is none.
    """
    header = plain(content_type)
    document = _read_json(body, what)
    own = plain(document["mediaType"]) if isinstance(document.get("mediaType"), str) else ""
    _refuse_others(document, {own, header}, what)
    manifests = _list(document, "manifests", what)
    content = (*_config(document), *_list(document, "layers", what), *_list(document, "blobs", what))
    said = [media_type for media_type in (own, header) if media_type in INDEXES | MANIFESTS]
    if not said and kind_of(own) is not Kind.UNSAID:
        raise Unreadable(
            f"{what} calls itself {_shown(own)}, a media type that the operator can't read: it reads OCI and Docker"
            " (schema 2) manifests and indexes; name an image, or its blobs by url"
        )
    if not said and not manifests and not content:
        raise Unreadable(
            f"{what} is JSON, but no manifest or index: it names neither manifests nor layers; is it really a registry"
            " that answers there?"
        )
    if not said and manifests and content:
        raise Unreadable(
            f"{what} names manifests as an index does, and layers as a manifest does, and does not say which it is;"
            " push the image again"
        )
    if said:
        media_type = said[0]
    elif manifests:
        media_type = INDEX
    else:
        media_type = MANIFEST
    is_index = media_type in INDEXES
    if is_index:
        fits = "manifests" in document and not content
    else:
        fits = not manifests and (media_type in ARTIFACTS or not document.keys().isdisjoint(_CONTENT))
    if fits and any((each in INDEXES) != is_index for each in said):
        raise Unreadable(
            f"{what} calls itself {own}, and its Content-Type is {header}: readers take it for different things; have"
            " it served as what it is"
        )
    if not fits:
        if own != media_type:
            raise Unreadable(
                f"{what} contradicts the Content-Type that it is served with, {media_type}; have it served as what it"
                " is"
            )
        raise Unreadable(f"{what} contradicts its own media type {media_type}; push the image again")
    return Document(media_type, manifests, content)


def read_digest(text: str) -> str:
    """Read a digest, as a header has it; empty where it is none that content can be checked by."""
    found = text.strip().strip("\"'").strip().lower()
    return found if _DIGEST.fullmatch(found) else ""


def has_digest(body: bytes, digest: str) -> bool:
    """Tell whether content is what a digest stands for."""
    algorithm, _, encoded = digest.partition(":")
    return algorithm in {"sha256", "sha512"} and hashlib.new(algorithm, body).hexdigest() == encoded


def _read_json(body: bytes, what: str) -> _Object:
    if body.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        raise Unreadable(
            f"{what} is compressed, which was not asked for: something between the operator and the registry compresses"
            " what must not be changed; have it leave /v2/ alone"
        )
    if body.lstrip().startswith(b"<?xml"):
        raise Unreadable(
            f"{what} is XML, no manifest: storage behind the registry, or a proxy, tells of an error in place of what"
            " was asked for; check both"
        )
    if body.lstrip().startswith(b"<"):
        raise Unreadable(
            f"{what} is a web page (HTML), no manifest: a log-in page, a portal or a proxy answers in place of the"
            " registry's API; name the host and path of the API in imageManifestURL, and have /v2/ let through there"
        )
    if not body.strip():
        raise Unreadable(f"{what} is empty; check the registry's storage, or push the image again")
    try:
        document = json.loads(body, object_pairs_hook=_Object, parse_int=_number)
    except (ValueError, RecursionError):
        raise Unreadable(
            f"{what} is no manifest or index: its JSON is cut off or malformed; push the image again or correct the URL"
        ) from None
    if not isinstance(document, _Object):
        raise Unreadable(f"{what} is no manifest or index: its JSON is malformed, no object; correct the URL")
    if twice := document.twice & _SHAPES:
        raise Unreadable(
            f"{what} has its {min(twice)} twice, and readers differ in which they take; push the image again"
        )
    return document


class _Object(dict[str, Any]):
    """An object of JSON. `twice`: the names that it has more than once, in any case of their letters."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__()
        self.twice: set[str] = set()
        for written, value in pairs:
            name = _NAMES.get(written.casefold(), written)
            if name in self:
                self.twice.add(name)
            self[name] = value


def _number(text: str) -> int | None:
    return int(text) if len(text) <= _MAX_DIGITS else None


def _refuse_others(document: _Object, said: set[str], what: str) -> None:
    if _SHAPES & document.keys() - {"mediaType"}:
        return
    if said & SCHEMA_1 or "fsLayers" in document or document.get("schemaVersion") == 1:
        raise Unreadable(
            f"{what} is a Docker schema 1 manifest, a format that was given up, and that the operator can't read: push"
            " the image again with a client of today, or name its blobs by url"
        )
    if "errors" in document:
        raise Unreadable(f"{what} is an error of the registry, served as if it were a manifest; check the registry")


def _list(document: _Object, name: str, what: str) -> tuple[Descriptor, ...]:
    found = document.get(name)
    if found is None:  # Go writes an empty list so
        return ()
    if not isinstance(found, list):
        raise Unreadable(f"{what} is malformed: its {name} are no list; push the image again")
    return tuple(_descriptor(value, f"{name}[{index}]") for index, value in enumerate(found))


def _config(document: _Object) -> tuple[Descriptor, ...]:
    found = document.get("config")
    if found is None or (isinstance(found, _Object) and not any(map(found.get, _DESCRIBED))):
        return ()  # or nothing, as Go writes it
    return (_descriptor(found, "config"),)


def _descriptor(value: object, position: str) -> Descriptor:
    if not isinstance(value, _Object):
        return Descriptor(position, flaw="it is no descriptor")
    if twice := value.twice & _POINTERS:
        return Descriptor(position, flaw=f"it has its {min(twice)} twice")
    digest, media_type, size = value.get("digest"), value.get("mediaType"), value.get("size")
    is_digest = isinstance(digest, str) and _DIGEST.fullmatch(digest)
    media_type = plain(media_type) if isinstance(media_type, str) else ""
    urls = value.get("urls")
    platform = value.get("platform")
    return Descriptor(
        position,
        media_type=media_type if _is_media_type(media_type) else "",
        digest=str(digest) if is_digest else "",
        size=size if isinstance(size, int) and 0 <= size <= _MAX_SIZE else 0,
        urls=tuple(dict.fromkeys(filter(_is_url, urls))) if isinstance(urls, list) else (),
        platform=platform_of(platform),
        attests=_attested(value.get("annotations"), platform),
        flaw="" if is_digest else "its digest is none by sha256 or sha512, which are those that peers know",
    )


def _attested(annotations: object, platform: object) -> str | None:
    if isinstance(annotations, Mapping) and annotations.get(_REFERENCE_TYPE) == "attestation-manifest":
        return read_digest(str(annotations.get(_REFERENCE_DIGEST, "")))
    return "" if is_said_to_be_unknown(platform) else None


def _is_url(value: object) -> bool:
    return (
        isinstance(value, str) and len(value) <= _MAX_URL and value.isprintable() and _URL.fullmatch(value) is not None
    )


def _is_media_type(text: str) -> bool:
    return len(text) <= _MAX_MEDIA_TYPE and _MEDIA_TYPE.fullmatch(text) is not None


def _shown(media_type: str) -> str:
    return media_type if _is_media_type(media_type) else "something else"
