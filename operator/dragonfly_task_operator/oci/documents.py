"""What registries send: indexes, manifests and configs of the OCI and Docker formats, parsed without trust."""

from __future__ import annotations

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from dragonfly_task_operator.errors import ImageUnresolvable

INDEXES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
MANIFESTS = frozenset(
    {
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.artifact.manifest.v1+json",
    }
)
ACCEPT = ", ".join(sorted(INDEXES | MANIFESTS))

_ANYTHING = frozenset({"", "application/json", "application/octet-stream", "text/plain"})
"""What registries say of a manifest whose kind they don't look at."""

_FOREIGN = ("application/vnd.docker.image.rootfs.foreign.", "application/vnd.oci.image.layer.nondistributable.")

_Digest = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$")]
_MediaType = Annotated[
    str, Field(max_length=255, pattern=r"^([A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9!#$&^_.+-]+)?$")
]
_Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,32}$")]


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class Platform(_Wire):
    """What a manifest is for."""

    os: _Word = ""
    architecture: _Word = ""
    variant: _Word | None = None

    def __str__(self) -> str:
        """Give it as os/architecture or os/architecture/variant; nothing where it is not known."""
        if self.os in {"", "unknown"} or self.architecture in {"", "unknown"}:
            return ""
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


class Descriptor(_Wire):
    """A pointer to content."""

    media_type: _MediaType
    digest: _Digest
    size: Annotated[int, Field(ge=0, lt=1 << 63)]
    urls: tuple[str, ...] | None = None
    platform: Platform | None = None

    @property
    def is_foreign_layer(self) -> bool:
        """Whether it is fetched from elsewhere than the registry: base layers of Windows."""
        return bool(self.urls) and self.media_type.startswith(_FOREIGN)


class Document(_Wire):
    """An index (`manifests`), an image's manifest (`config` and `layers`) or an artifact's (`blobs`)."""

    media_type: _MediaType | None = None
    manifests: tuple[Descriptor, ...] | None = None
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] | None = None
    blobs: tuple[Descriptor, ...] | None = None

    @property
    def content(self) -> tuple[Descriptor, ...]:
        """The config and layers, or the blobs."""
        config = () if self.config is None else (self.config,)
        return config + (self.layers or ()) + (self.blobs or ())


def read_document(body: bytes, *, content_type: str, what: str) -> tuple[str, Document]:
    """Read what a registry sent as a manifest, and tell its media type.

    What two readers may take for two things is refused: a document that calls itself otherwise than the registry does,
    or that is an index and a manifest at once.

    Args:
        body: all of it.
        content_type: the registry's word on it.
        what: to speak of it in an error.

    Raises:
        ImageUnresolvable: it is none.
    """
    try:
        document = Document.model_validate_json(body)
    except ValidationError:
        raise ImageUnresolvable(
            f"{what} is no manifest or index: its JSON is cut off or malformed; push the image again or correct the URL"
        ) from None
    declared = content_type.partition(";")[0].strip().lower()
    media_type = (document.media_type or "") if declared in _ANYTHING else declared
    if media_type not in INDEXES | MANIFESTS:
        raise ImageUnresolvable(
            f"{what} is of a media type that the operator can't read: it reads OCI and Docker (schema 2) manifests and"
            " indexes; is it really a registry that answers there?"
        )
    if media_type in INDEXES:
        fits = document.manifests is not None and not document.content
    else:
        fits = document.manifests is None and (document.config is not None or "artifact" in media_type)
    if document.media_type not in {None, "", media_type} or not fits:
        raise ImageUnresolvable(f"{what} contradicts its own media type {media_type}; push the image again")
    return media_type, document


def read_platform(config: bytes) -> Platform:
    """Read from an image's config what it is for; of unknown platform where it does not say."""
    try:
        return Platform.model_validate_json(config)
    except ValidationError:
        return Platform()


def is_platform(platform: str, wanted: str) -> bool:
    """Tell whether a user who writes `wanted` means this platform. Without a variant, every variant is meant."""
    os, architecture, *variant = platform.split("/")
    if architecture == "arm64" and not variant:
        variant = ["v8"]
    return [os, architecture, *variant][: wanted.count("/") + 1] == wanted.split("/")


def has_digest(body: bytes, digest: str) -> bool:
    """Tell whether content is what a digest stands for."""
    algorithm, _, encoded = digest.partition(":")
    return algorithm in {"sha256", "sha512"} and hashlib.new(algorithm, body).hexdigest() == encoded
