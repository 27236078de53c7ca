"""What has been found of an image so far: each part once, with every URL and platform, within limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dragonfly_task_operator.engine.model import Image, ImagePart, UnknownPart
from dragonfly_task_operator.errors import ImageUnresolvable
from dragonfly_task_operator.oci.documents import Descriptor
from dragonfly_task_operator.oci.media_types import is_foreign
from dragonfly_task_operator.oci.urls import ManifestURL

MAX_BLOBS = 2000
MAX_MANIFESTS = 500
MAX_URLS = 500
"""URLs of layers outside the repository."""


@dataclass(slots=True)
class Part:
    """Content of an image, known by its digest. `urls`: in the repository. `elsewhere`: outside of it."""

    media_type: str
    size: int
    urls: dict[str, None] = field(default_factory=dict)
    elsewhere: dict[str, None] = field(default_factory=dict)
    platforms: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Parts:
    """Collects the parts of the image at a URL. What adds one raises ImageUnresolvable when that is one too many."""

    at: ManifestURL
    manifests: dict[str, Part] = field(default_factory=dict)
    blobs: dict[str, Part] = field(default_factory=dict)
    unknown: list[UnknownPart] = field(default_factory=list)
    _foreign: set[str] = field(default_factory=set)
    _elsewhere: set[str] = field(default_factory=set)

    def add_manifest(self, digest: str, *, media_type: str, size: int, platforms: Iterable[str]) -> Part:
        """Take a manifest or index."""
        part = self.manifests.setdefault(digest, Part(media_type, size))
        part.urls.update((at.manifest(digest), None) for at in self.at.everywhere)
        part.platforms.update(platforms)
        self.require_room(0)
        return part

    def add_blob(self, descriptor: Descriptor, platforms: Iterable[str]) -> None:
        """Take a config, a layer, or any other content that refers to nothing."""
        digest = descriptor.digest
        part = self.blobs.setdefault(digest, Part(descriptor.media_type, descriptor.size))
        part.urls.update((at.blob(digest), None) for at in self.at.everywhere)
        part.elsewhere.update(dict.fromkeys(descriptor.urls))
        part.platforms.update(platforms)
        if is_foreign(descriptor.media_type):
            self._foreign.add(digest)
        self._elsewhere.update(descriptor.urls)
        if len(self.blobs) > MAX_BLOBS:
            raise self._too_many(MAX_BLOBS, "blobs")
        if len(self._elsewhere) > MAX_URLS:
            raise self._too_many(MAX_URLS, "URLs for layers outside the registry")

    def add_unread(self, descriptor: Descriptor, platforms: Iterable[str]) -> None:
        """Take what may be a manifest or not: peers know it by its digest, or by either URL."""
        part = self.add_manifest(
            descriptor.digest, media_type=descriptor.media_type, size=descriptor.size, platforms=platforms
        )
        part.urls.update((at.blob(descriptor.digest), None) for at in self.at.everywhere)

    def note(self, descriptor: Descriptor, parent: str, why: str) -> None:
        """Tell that what a descriptor of a manifest, the parent, refers to could not be looked at."""
        position = f"{descriptor.position} of {parent}"
        self.unknown.append(UnknownPart(position, descriptor.media_type, descriptor.digest, why))

    def note_referrers(self, subject: str, why: str) -> None:
        """Tell that what refers to a manifest could not be looked for."""
        self.unknown.append(UnknownPart("referrers", "", subject, why))

    def require_room(self, more: int) -> None:
        """Raise ImageUnresolvable where so many manifests more are too many."""
        if len(self.manifests) + more > MAX_MANIFESTS:
            raise self._too_many(MAX_MANIFESTS, "manifests")

    def _too_many(self, limit: int, what: str) -> ImageUnresolvable:
        return ImageUnresolvable(
            f"{self.at.url} {self.at.reference} has more than {limit} {what}; name one of its manifests by digest"
        )

    def image(self, digest: str) -> Image:
        """Give the image, whose root has this digest."""
        parts = [_image_part(digest, part, is_manifest=True) for digest, part in self.manifests.items()]
        parts += [_image_part(digest, part, is_manifest=False) for digest, part in self.blobs.items()]
        platforms = {platform for part in parts for platform in part.platforms}
        return Image(
            digest, tuple(sorted(platforms)), tuple(parts), len(self._foreign), kept=0, unknown=tuple(self.unknown)
        )


def _image_part(digest: str, part: Part, *, is_manifest: bool) -> ImagePart:
    return ImagePart(
        digest=digest,
        media_type=part.media_type,
        size=part.size,
        platforms=tuple(sorted(part.platforms)),
        urls=tuple(part.urls),
        is_manifest=is_manifest,
        elsewhere=tuple(part.elsewhere),
    )
