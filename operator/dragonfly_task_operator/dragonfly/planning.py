"""The plan of a run: every task that its targets may be, images among them."""

from __future__ import annotations

import time
from asyncio import sleep
from collections.abc import Sequence
from typing import Protocol

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.dragonfly.targets import candidates, candidates_of_url
from dragonfly_task_operator.dragonfly.task_ids import Candidate, blob_digest_id, manifest_digest_id
from dragonfly_task_operator.engine.fanout import fan_out
from dragonfly_task_operator.engine.identity import Identity
from dragonfly_task_operator.engine.model import Image, ImagePart, Plan, PlannedImage, PlannedTask
from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.errors import InvalidTarget

IMAGES_AT_ONCE = 4
"""Images of one object that registries are asked about at once."""
SLICE = 0.05
"""Seconds after which others may go on: an image may have thousands of URLs, each as long as a registry likes."""


class Images(Protocol):
    """Tells what images are made of."""

    async def read(self, target: Target, *, namespace: str, troubled: Troubled) -> Image:
        """Tell what the image of a target is made of.

        Raises:
            InvalidTarget: its URL is none of a manifest.
            ImageUnresolvable, RegistryDenied, SecretNotFound: it can't be told.
        """
        ...


class TargetResolver:
    """`engine.ports.Targets`."""

    def __init__(self, images: Images) -> None:
        self._images = images

    async def resolve(self, targets: Sequence[Target], *, namespace: str, troubled: Troubled) -> Plan:
        """Give every id that any of the targets can have, each once. Raises as `candidates` and `Images.read` do."""
        images: dict[int, Image] = {}

        async def read(index: int) -> None:
            images[index] = await self._images.read(targets[index], namespace=namespace, troubled=troubled)

        wanted = [index for index, target in enumerate(targets) if target.image_reference is not None]
        await fan_out(wanted, read, at_once=IMAGES_AT_ONCE)
        planned: dict[str, PlannedTask] = {}
        planned_images: list[PlannedImage] = []
        slices = _Slices()
        for index, target in enumerate(targets):
            if index in images:
                tasks, image = await _plan_image(index, target, images[index], slices)
                planned_images.append(image)
            else:
                tasks = [
                    _plan(index, target, candidate, subject=str(index), url=target.url)
                    for candidate in candidates(target)
                ]
            for task in tasks:
                planned.setdefault(task.id, task)
        return Plan(tuple(planned.values()), tuple(planned_images))


class _Slices:
    """Parts long work into slices, between which others go on."""

    def __init__(self) -> None:
        self._end = time.monotonic() + SLICE

    async def pause(self) -> None:
        """Let others go on if the slice is over."""
        if time.monotonic() >= self._end:
            await sleep(0)
            self._end = time.monotonic() + SLICE


async def _plan_image(
    index: int, target: Target, image: Image, slices: _Slices
) -> tuple[list[PlannedTask], PlannedImage]:
    tasks: list[PlannedTask] = []
    blobs: list[frozenset[str]] = []
    for part in image.parts:
        found = [
            _plan(index, target, candidate, subject=f"{index} {part.digest}", url=url, part=part)
            for candidate, url in await _part_candidates(part, target, slices)
        ]
        tasks += found
        if not part.is_manifest:
            blobs.append(frozenset(task.id for task in found))
    reference, ignores_unknown = target.image_reference or "", bool(target.ignore_unknown_parts)
    return tasks, PlannedImage(index, reference, image, tuple(blobs), ignores_unknown)


async def _part_candidates(part: ImagePart, target: Target, slices: _Slices) -> list[tuple[Candidate, str]]:
    """Give every id that a part of an image can have, with a URL that leads to it, the digest's id first."""
    by_digest = part.urls[0]
    digest = (
        Candidate(manifest_digest_id(by_digest), Identity.MANIFEST_DIGEST)
        if part.is_manifest
        else Candidate(blob_digest_id(by_digest), Identity.BLOB_DIGEST)
    )
    found = [(digest, by_digest)]
    for url in part.urls:
        await slices.pause()
        found += [(candidate, url) for candidate in candidates_of_url(url, target)]
    for url in part.elsewhere:
        await slices.pause()
        try:
            found += [(candidate, url) for candidate in candidates_of_url(url, target)]
        except InvalidTarget:
            continue  # by the peers' own rules: so none of them has fetched anything from there
    return found


def _plan(
    index: int, target: Target, candidate: Candidate, *, subject: str, url: str | None, part: ImagePart | None = None
) -> PlannedTask:
    filtered = target.filtered_query_params
    return PlannedTask(
        id=candidate.task_id,
        target=index,
        identity=candidate.identity,
        subject=subject,
        url=url,
        tag=target.tag,
        application=target.application,
        filtered_query_params=None if filtered is None else tuple(filtered),
        piece_length=target.piece_length,
        digest=part.digest if part else None,
        media_type=part.media_type if part else None,
        platform=",".join(part.platforms) or None if part else None,
    )
