"""From an image target to what the image is made of: index, platform manifests, configs and layers."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.fanout import fan_out
from dragonfly_task_operator.engine.model import Image, ImagePart
from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.errors import ImageUnresolvable, SecretNotFound
from dragonfly_task_operator.oci.addresses import Gate
from dragonfly_task_operator.oci.credentials import CA, Keyring, Secrets, read_pull_secret
from dragonfly_task_operator.oci.documents import INDEXES, MANIFESTS, Descriptor, is_platform, read_platform
from dragonfly_task_operator.oci.registry import Fetched, Repository
from dragonfly_task_operator.oci.retrying import persistently
from dragonfly_task_operator.oci.transport import Transport, Trust
from dragonfly_task_operator.oci.urls import ManifestURL

MAX_DEPTH = 3
"""An index, an index in it, and a manifest in that."""
MAX_BLOBS = 2000
MAX_MANIFESTS = 500
AT_ONCE = 8
"""Manifests fetched at once."""


class RegistryImages:
    """`dragonfly.planning.Images` from registries."""

    def __init__(self, *, gate: Gate, secrets: Secrets) -> None:
        self._gate = gate
        self._secrets = secrets

    async def read(self, target: Target, *, namespace: str, troubled: Troubled) -> Image:
        """Tell what the image of a target is made of.

        Args:
            target: one with an imageManifestURL.
            namespace: where its Secrets are.
            troubled: told of what holds it up.

        Raises:
            InvalidTarget, ImageUnresolvable, RegistryDenied, SecretNotFound.
        """
        at = ManifestURL.parse(target.image_manifest_url or "")
        self._gate.check(at.url)  # before any Secret is read for it
        keyring, trust = await self._read_secrets(target, at, namespace, troubled)
        async with Transport.open(self._gate, trust) as transport:

            async def read(at: ManifestURL, platform: str | None) -> Image:
                return await _Walk(at, Repository(at, transport, keyring, troubled), platform).image()

            image = await read(at, target.platform)
            kept = {
                part.digest
                for url in target.keep_shared_with or ()
                for part in (await read(ManifestURL.parse(url), None)).parts
            }
        parts = tuple(part for part in image.parts if part.digest not in kept)
        return replace(image, parts=parts, kept=len(image.parts) - len(parts))

    async def _read_secrets(
        self, target: Target, at: ManifestURL, namespace: str, troubled: Troubled
    ) -> tuple[Keyring, Trust]:
        keyring = Keyring()
        if target.pull_secret_ref is not None:
            name = target.pull_secret_ref.name
            data = await persistently(lambda: self._secrets.read(namespace, name), troubled=troubled)
            keyring = read_pull_secret(data, name=f"{namespace}/{name}", host=at.url.host_port_subcomponent or "")
        context = ssl.create_default_context()
        if target.ca_secret_ref is not None:
            ca = target.ca_secret_ref.name
            data = await persistently(lambda: self._secrets.read(namespace, ca), troubled=troubled)
            try:
                context.load_verify_locations(cadata=data[CA].decode("ascii"))
            except (KeyError, ValueError, ssl.SSLError):
                raise SecretNotFound(
                    f"the Secret {namespace}/{ca} holds no certificate in PEM as {CA}; make it with"
                    f" kubectl create secret generic {ca} -n {namespace} --from-file={CA}"
                ) from None
        return keyring, Trust(context, at.url.host if target.insecure_skip_tls_verify else None)


@dataclass(slots=True)
class _Part:
    descriptor: Descriptor
    platforms: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Walk:
    """Goes through an image level by level.

    Attributes:
        wanted: only this platform; None for all.
        offered: the platforms that the image has, as far as it was looked at.
    """

    at: ManifestURL
    repository: Repository
    wanted: str | None
    manifests: dict[str, _Part] = field(default_factory=dict)
    blobs: dict[str, _Part] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    offered: set[str] = field(default_factory=set)

    async def image(self) -> Image:
        root = await self.repository.manifest(self.at.reference)
        platform = ""
        if self.wanted is not None and root.descriptor.media_type not in INDEXES:
            platform = await self._platform_of(root)
        self._add(self.manifests, root.descriptor, platform, limit=MAX_MANIFESTS)
        level = [(root, platform)]
        for depth in range(1, MAX_DEPTH + 1):
            due = list(self._take(level))
            if due and depth == MAX_DEPTH:
                raise ImageUnresolvable(
                    f"{self.at.url} {self.at.reference} nests manifests in more than {MAX_DEPTH} levels; name one of"
                    " those further in by its digest"
                )
            level = await self._fetch(due)
        if self.wanted is not None and not self.blobs:
            raise self._lacks_platform()
        return self._result(root.descriptor.digest)

    async def _fetch(self, due: Sequence[tuple[Descriptor, str]]) -> list[tuple[Fetched, str]]:
        fetched: dict[str, Fetched] = {}

        async def fetch(item: tuple[Descriptor, str]) -> None:
            digest = item[0].digest
            fetched[digest] = await self.repository.manifest(digest)

        await fan_out(due, fetch, at_once=AT_ONCE)
        return [(fetched[child.digest], platform) for child, platform in due]

    def _take(self, level: Iterable[tuple[Fetched, str]]) -> Iterator[tuple[Descriptor, str]]:
        """Take what manifests refer to into the image; give the manifests among it that are wanted and new."""
        for fetched, inherited in level:
            for descriptor in fetched.document.content:
                if descriptor.is_foreign_layer:
                    self.foreign.add(descriptor.digest)
                else:
                    self._add(self.blobs, descriptor, inherited, limit=MAX_BLOBS)
            for child in fetched.document.manifests or ():
                platform = str(child.platform or "") or inherited
                if child.media_type in INDEXES | MANIFESTS and self._wants(child, platform):
                    is_new = child.digest not in self.manifests
                    self._add(self.manifests, child, platform, limit=MAX_MANIFESTS)
                    if is_new:
                        yield child, platform

    def _wants(self, child: Descriptor, platform: str) -> bool:
        self.offered.update(filter(None, (platform,)))
        if self.wanted is None:
            return True
        return is_platform(platform, self.wanted) if platform else child.media_type in INDEXES

    def _add(self, parts: dict[str, _Part], descriptor: Descriptor, platform: str, *, limit: int) -> None:
        part = parts.setdefault(descriptor.digest, _Part(descriptor))
        part.platforms.update(filter(None, (platform,)))
        if len(parts) > limit:
            kind = "blobs" if parts is self.blobs else "manifests"
            raise ImageUnresolvable(
                f"{self.at.url} {self.at.reference} has more than {limit} {kind}; name one of its manifests by digest"
            )

    async def _platform_of(self, root: Fetched) -> str:
        """Give the platform of an image that is no index, which only its config tells. It must be the wanted one."""
        config = root.document.config
        platform = "" if config is None else str(read_platform(await self.repository.blob(config.digest)))
        self.offered.update(filter(None, (platform,)))
        if not platform or not is_platform(platform, self.wanted or ""):
            raise self._lacks_platform()
        return platform

    def _lacks_platform(self) -> ImageUnresolvable:
        offered = ", ".join(sorted(self.offered)[:20]) or "it does not say which it has"
        return ImageUnresolvable(
            f"{self.at.url} {self.at.reference} has no platform {self.wanted} ({offered}); correct platform, or"
            " leave it out for all"
        )

    def _result(self, digest: str) -> Image:
        at = self.at
        parts = [_image_part(part, at.manifest(key), is_manifest=True) for key, part in self.manifests.items()]
        if at.reference != digest:
            # Peers may have pulled what the tag led to by the tag as well.
            parts[0] = replace(parts[0], urls=(*parts[0].urls, at.manifest(at.reference)))
        parts += [_image_part(part, at.blob(key), is_manifest=False) for key, part in self.blobs.items()]
        platforms = {platform for part in parts for platform in part.platforms}
        return Image(digest, tuple(sorted(platforms)), tuple(parts), len(self.foreign), kept=0)


def _image_part(part: _Part, url: str, *, is_manifest: bool) -> ImagePart:
    descriptor = part.descriptor
    return ImagePart(
        digest=descriptor.digest,
        media_type=descriptor.media_type,
        size=descriptor.size,
        platforms=tuple(sorted(part.platforms)),
        urls=(url,),
        is_manifest=is_manifest,
    )
