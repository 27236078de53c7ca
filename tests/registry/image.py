"""Images as registries store them: content by digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

OCI = "application/vnd.oci.image."
INDEX = f"{OCI}index.v1+json"
MANIFEST = f"{OCI}manifest.v1+json"
CONFIG = f"{OCI}config.v1+json"
GZIP = f"{OCI}layer.v1.tar+gzip"
ZSTD = f"{OCI}layer.v1.tar+zstd"
DOCKER = "application/vnd.docker."
DOCKER_LIST = f"{DOCKER}distribution.manifest.list.v2+json"
DOCKER_MANIFEST = f"{DOCKER}distribution.manifest.v2+json"
DOCKER_CONFIG = f"{DOCKER}container.image.v1+json"
DOCKER_LAYER = f"{DOCKER}image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN = f"{DOCKER}image.rootfs.foreign.diff.tar.gzip"
ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"


@dataclass(frozen=True)
class Content:
    media_type: str
    body: bytes

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"

    @property
    def hex(self) -> str:
        return self.digest.partition(":")[2]

    def descriptor(self, **more: Any) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.body), **more}


def blob(text: str, media_type: str = GZIP) -> Content:
    return Content(media_type, text.encode())


def config(os: str = "linux", architecture: str = "amd64", media_type: str = CONFIG) -> Content:
    return document(media_type, os=os, architecture=architecture)


def document(media_type: str, **fields: Any) -> Content:
    return Content(media_type, json.dumps(fields).encode())


def manifest(config: Content, *layers: Content, media_type: str = MANIFEST, **more: Any) -> Content:
    return document(
        media_type,
        schemaVersion=2,
        mediaType=media_type,
        config=config.descriptor(),
        layers=[layer.descriptor() for layer in layers],
        **more,
    )


def index(*children: tuple[Content, str], media_type: str = INDEX) -> Content:
    """Each child with its platform; an empty one for none."""
    return document(
        media_type,
        schemaVersion=2,
        mediaType=media_type,
        manifests=[
            child.descriptor(**({"platform": _platform(platform)} if platform else {})) for child, platform in children
        ],
    )


def _platform(platform: str) -> dict[str, str]:
    return dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))


@dataclass(frozen=True)
class Image:
    """`root` is what a tag leads to."""

    root: Content
    manifests: Sequence[Content]
    blobs: Sequence[Content]


def multi_platform(salt: str = "") -> Image:
    """Two platforms that share a base layer; the salt makes all but that layer another's."""
    base, amd, arm = blob("base"), blob(f"amd{salt}"), blob(f"arm{salt}", ZSTD)
    configs = (
        document(CONFIG, os="linux", architecture="amd64", salt=salt),
        document(CONFIG, os="linux", architecture="arm64", salt=salt),
    )
    for_amd, for_arm = manifest(configs[0], base, amd), manifest(configs[1], base, arm)
    root = index((for_amd, "linux/amd64"), (for_arm, "linux/arm64/v8"))
    return Image(root, (for_amd, for_arm), (*configs, base, amd, arm))
