"""Images in a real registry, and every id that their parts can be cached as, by docs/images.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dragonfly_task_operator.dragonfly.task_ids import url_candidates
from tests.registry.image import Content, Image, blob, config, index, manifest
from tests.registry.real import RealRegistry

NAME, TAG = "team/app", "1"


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image that a registry has: how a target names it, and the ids of its parts."""

    url: str
    ids: Sequence[str]


def push_image(registry: RealRegistry, *, layers: int) -> Pushed:
    """Push an image of one platform."""
    described = config()
    content = [blob(f"layer {number}") for number in range(layers)]
    root = manifest(described, *content)
    return _push(registry, root, (root,), (described, *content))


def push_index(registry: RealRegistry, *, platforms: int, layers: int) -> Pushed:
    """Push an index of so many platforms, to which so many layers are shared out."""
    blobs: list[Content] = []
    children: list[tuple[Content, str]] = []
    for platform in range(platforms):
        architecture = f"arch{platform}"
        described = config(architecture=architecture)
        own = [blob(f"layer {number}") for number in range(layers)[platform::platforms]]
        blobs += [described, *own]
        children.append((manifest(described, *own), f"linux/{architecture}"))
    root = index(*children)
    return _push(registry, root, (*(child for child, _ in children), root), blobs)


def _push(registry: RealRegistry, root: Content, manifests: Sequence[Content], blobs: Sequence[Content]) -> Pushed:
    registry.push(Image(root, tuple(manifests), tuple(blobs)), NAME, TAG)
    repository = f"{registry.origin}/v2/{NAME}"
    urls = [f"{repository}/blobs/{each.digest}" for each in blobs]
    urls += [registry.url(NAME, each.digest) for each in manifests]
    urls.append(registry.url(NAME, TAG))
    by_url = [candidate.task_id for url in urls for candidate in url_candidates(url)]
    return Pushed(registry.url(NAME, TAG), [each.hex for each in (*blobs, *manifests)] + by_url)
