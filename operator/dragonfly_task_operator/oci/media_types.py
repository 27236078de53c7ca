"""What the media types of images mean: which content refers to further content, and which is just content.

The lists are those of the OCI image specification, of Docker's registry, of BuildKit's caches and of ORAS. What is on
none of them is not guessed at: content that nobody understands may refer to anything.
"""

from __future__ import annotations

import re
from enum import Enum, auto

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEXES = frozenset({INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"})
MANIFESTS = frozenset(
    {
        MANIFEST,
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.artifact.manifest.v1+json",
        "application/vnd.cncf.oras.artifact.manifest.v1+json",
    }
)
ARTIFACTS = frozenset(media_type for media_type in MANIFESTS if "artifact" in media_type)
SCHEMA_1 = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)
CONFIGS = frozenset({"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"})
"""Configs that tell a platform."""
ACCEPT = ", ".join(sorted(INDEXES | MANIFESTS))

_FOREIGN = ("application/vnd.docker.image.rootfs.foreign.", "application/vnd.oci.image.layer.nondistributable.")

_UNSAID = frozenset({"", "application/json", "application/octet-stream", "binary/octet-stream", "text/plain"})

_CONTENT = (
    *_FOREIGN,
    "application/vnd.oci.image.layer.",
    "application/vnd.oci.image.config.",
    "application/vnd.oci.empty.",
    "application/vnd.docker.image.rootfs.",
    "application/vnd.docker.container.image.",
    "application/vnd.docker.plugin.",
    "application/vnd.buildkit.",
)

_PACKED = re.compile(r"([./+](tar|x-tar|gzip|x-gzip|zstd|zip|wasm|encrypted))$")
"""Archives and programs, which refer to nothing, whoever's they are."""


class Kind(Enum):
    """What to do about content of a media type."""

    INDEX = auto()
    MANIFEST = auto()
    SCHEMA_1 = auto()
    CONTENT = auto()
    UNSAID = auto()
    """The media type says nothing: the content itself may."""
    UNKNOWN = auto()


def plain(media_type: str) -> str:
    """Write a media type without parameters, in lower case, as it is compared."""
    return media_type.partition(";")[0].strip().lower()


def kind_of(media_type: str) -> Kind:
    """Tell what content of a plain media type is."""
    for kind, known in (
        (Kind.INDEX, INDEXES),
        (Kind.MANIFEST, MANIFESTS),
        (Kind.SCHEMA_1, SCHEMA_1),
        (Kind.UNSAID, _UNSAID),
    ):
        if media_type in known:
            return kind
    return Kind.CONTENT if media_type.startswith(_CONTENT) or _PACKED.search(media_type) else Kind.UNKNOWN


def is_foreign(media_type: str) -> bool:
    """Tell whether layers of a media type need not be in the registry."""
    return media_type.startswith(_FOREIGN)
