"""What the tasks of an image are, and what a status tells of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dragonfly_task_operator.api.specs import TaskSearchSpec
from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.dragonfly.planning import TargetResolver
from dragonfly_task_operator.dragonfly.task_ids import url_candidates
from dragonfly_task_operator.engine.ledger import Cleared, Failed, Holds, Ledger, Outcome
from dragonfly_task_operator.engine.model import ABSENT, Cached, Host, HostType, Image, ImagePart, Plan
from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.engine.report import MAX_STATUS_BYTES, results, shrink
from dragonfly_task_operator.engine.summary import summarise
from dragonfly_task_operator.engine.verdict import judge
from dragonfly_task_operator.errors import PeerReason

REPOSITORY = "https://registry.example.com/v2/library/app"
URL = f"{REPOSITORY}/manifests/1.0"
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def part(number: int, *, manifest: bool = False) -> ImagePart:
    kind, type_ = ("manifests", "manifest.v1+json") if manifest else ("blobs", "layer.v1.tar+gzip")
    tag = (URL,) if manifest else ()
    return ImagePart(
        digest=digest(number),
        media_type=f"application/vnd.oci.image.{type_}",
        size=1 << 20,
        platforms=("linux/amd64",),
        urls=(f"{REPOSITORY}/{kind}/{digest(number)}", *tag),
        is_manifest=manifest,
    )


def image(blobs: Iterable[int]) -> Image:
    return Image(
        digest(999),
        ("linux/amd64", "linux/arm64"),
        (part(999, manifest=True), *(part(number) for number in blobs)),
        foreign_layers=1,
        kept=2,
    )


class Images:
    """Every target is an image of these blobs."""

    def __init__(self, blobs: Iterable[int]) -> None:
        self.image = image(blobs)

    async def read(self, target: Target, *, namespace: str, troubled: Troubled) -> Image:
        return self.image


async def plan(*targets: dict[str, Any], blobs: Iterable[int] = range(3)) -> Plan:
    return await TargetResolver(Images(blobs)).resolve(
        [Target.model_validate(target) for target in targets], namespace="team", troubled=lambda trouble: None
    )


def hosts(count: int) -> list[Host]:
    return [Host(f"10.0.0.{n}-n{n}", f"n{n}", f"10.0.0.{n}", 4000, HostType.NORMAL, 1, "default") for n in range(count)]


def answered(plan: Plan, count: int, answer: Callable[[int, str], Outcome]) -> Ledger:
    """A ledger where peer `n` has answered `answer(n, task id)`."""
    ledger = Ledger(plan.tasks, plan.images)
    ledger.add_hosts(hosts(count))
    for n, host in enumerate(hosts(count)):
        for task in plan.tasks:
            ledger.record(task.id, host.id, answer(n, task.id))
    return ledger


async def test_blob_is_looked_for_by_its_digest_and_by_its_url() -> None:
    planned = await plan({"imageManifestURL": URL, "pieceLength": "16Mi", "tag": "prod"}, blobs=[7])

    by_url = url_candidates(f"{REPOSITORY}/blobs/{digest(7)}", tag="prod", piece_length=16 << 20)
    blobs = [task for task in planned.tasks if task.digest == digest(7)]
    assert [(task.id, task.identity) for task in blobs] == [
        (digest(7).removeprefix("sha256:"), "blob-digest"),
        *((candidate.task_id, candidate.identity) for candidate in by_url),
    ]


async def test_layer_that_is_elsewhere_is_looked_for_there_too_unless_no_peer_takes_that_for_a_url() -> None:
    elsewhere, impossible = "https://mcr.example.com/base?x=1", "https://[::1/base"
    layer = replace(part(7), elsewhere=(elsewhere, impossible))
    images = Images([])
    images.image = replace(image([]), parts=(layer,))

    planned = await TargetResolver(images).resolve(
        [Target.model_validate({"imageManifestURL": URL})], namespace="team", troubled=lambda trouble: None
    )

    assert [task.url for task in planned.tasks][-1] == elsewhere
    assert planned.tasks[-1].id == url_candidates(elsewhere)[-1].task_id
    assert planned.images[0].blobs == (frozenset(task.id for task in planned.tasks),)


async def test_manifest_is_looked_for_by_digest_and_by_its_urls() -> None:
    planned = await plan({"imageManifestURL": URL}, blobs=[])

    assert [(task.identity, task.url) for task in planned.tasks] == [
        ("manifest-digest", f"{REPOSITORY}/manifests/{digest(999)}"),
        ("url", f"{REPOSITORY}/manifests/{digest(999)}"),
        ("url", URL),
    ]
    assert planned.tasks[2].id == url_candidates(URL)[0].task_id


async def test_task_of_an_image_says_what_it_is() -> None:
    planned = await plan({"imageManifestURL": URL}, blobs=[7])

    tasks = results(ledger := answered(planned, 1, lambda n, task: ABSENT), summarise(ledger), deleting=False).tasks

    assert tasks is not None
    assert [(task.identity, task.digest, task.media_type, task.platform) for task in tasks] == [
        ("manifest-digest", digest(999), "application/vnd.oci.image.manifest.v1+json", "linux/amd64"),
        ("blob-digest", digest(7), "application/vnd.oci.image.layer.v1.tar+gzip", "linux/amd64"),
    ]


async def test_blob_has_one_line_and_one_more_for_each_id_that_is_cached_besides() -> None:
    planned = await plan({"imageManifestURL": URL}, blobs=[1, 2])
    first = [task.id for task in planned.tasks if task.digest == digest(1)]

    ledger = answered(planned, 2, lambda n, task: Holds(Cached()) if task in first else ABSENT)
    tasks = results(ledger, summarise(ledger), deleting=False).tasks

    assert tasks is not None
    assert [task.digest for task in tasks] == [digest(1)] * len(first) + [digest(999), digest(2)]


async def test_task_that_two_images_share_is_asked_for_once() -> None:
    planned = await plan({"imageManifestURL": URL}, {"imageManifestURL": URL, "platform": "linux/amd64"})

    assert len({task.id for task in planned.tasks}) == len(planned.tasks)
    assert [image.target for image in planned.images] == [0, 1]
    assert planned.images[0].blobs == planned.images[1].blobs


async def test_peers_with_all_of_an_image_are_told_from_those_with_some() -> None:
    planned = await plan({"imageManifestURL": URL}, blobs=[1, 2])
    by_digest = {task.id for task in planned.tasks if task.identity == "blob-digest"}
    by_url = {task.id for task in planned.tasks if task.identity == "url" and task.digest == digest(1)}

    def answer(n: int, task: str) -> Outcome:
        has = {0: by_digest, 1: by_url | {digest(2).removeprefix("sha256:")}, 2: by_url}.get(n, set())
        return Holds(Cached()) if task in has else ABSENT

    ledger = answered(planned, 4, answer)
    (found,) = results(ledger, summarise(ledger), deleting=False).images or []

    assert (found.peers_with_all, found.peers_with_some) == (2, 1)
    assert found.to_json() == {
        "target": 0,
        "reference": URL,
        "digest": digest(999),
        "platforms": ["linux/amd64", "linux/arm64"],
        "blobs": 2,
        "size": 2 << 20,
        "peersWithAll": 2,
        "peersWithSome": 1,
        "foreignLayers": 1,
        "kept": 2,
        "summary": (
            "registry.example.com/library/app:1.0: 2 blobs for 2 platforms, 2.0 MiB;"
            " peers with all of it: 2, with some: 1"
        ),
    }


async def test_peers_that_a_deletion_cleared_or_failed_to_clear_had_the_image() -> None:
    planned = await plan({"imageManifestURL": URL}, blobs=[1])
    failed = Failed(PeerReason.INTERNAL, "disk on fire", retryable=False, had_copy=True, at=NOW)
    unasked = Failed(PeerReason.UNREACHABLE, "refused", retryable=False, had_copy=False, at=NOW)

    ledger = answered(planned, 4, lambda n, task: (Cleared(), failed, unasked, ABSENT)[n])

    assert [(i.peers_with_all, i.peers_with_some) for i in summarise(ledger).images] == [(2, 0)]


async def test_message_tells_how_much_of_the_image_peers_have() -> None:
    planned = await plan({"imageManifestURL": URL}, blobs=[1, 2])
    one = digest(1).removeprefix("sha256:")
    ledger = answered(planned, 3, lambda n, task: Holds(Cached()) if n == 0 or task == one else ABSENT)

    searched = judge(TaskSearchSpec(targets=[Target(image_manifest_url=URL)]), ledger, summarise(ledger))

    assert searched.message == "cached on 3 of 3 peers; all of the image on 1, some of it on 2"


async def test_query_values_of_a_reference_are_redacted() -> None:
    planned = await plan({"imageManifestURL": f"{URL}?token=s3cret"}, blobs=[1])
    ledger = answered(planned, 1, lambda n, task: ABSENT)

    assert "s3cret" not in json.dumps(results(ledger, summarise(ledger), deleting=False).to_json())


async def test_status_of_100_blobs_on_1000_peers_stays_within_the_limit() -> None:
    planned = await plan({"imageManifestURL": URL}, blobs=range(100))
    broken = Failed(PeerReason.INTERNAL, "x" * 2000, retryable=False, had_copy=True, at=NOW)
    ledger = answered(planned, 1000, lambda n, task: broken if n % 2 else Holds(Cached()))

    status = shrink(results(ledger, summarise(ledger), deleting=False), MAX_STATUS_BYTES)

    assert len(json.dumps(status.to_json())) < MAX_STATUS_BYTES
    assert status.images
    assert status.images[0].peers_with_all == 1000


async def test_status_of_100_images_stays_within_the_limit() -> None:
    name = "a" * 1000
    target = {"imageManifestURL": f"https://registry.example.com/v2/{name}/manifests/1.0"}
    planned = await plan(*[target] * 100, blobs=range(100))
    ledger = answered(planned, 10, lambda n, task: Holds(Cached()))

    status = shrink(results(ledger, summarise(ledger), deleting=False), MAX_STATUS_BYTES)

    assert len(json.dumps(status.to_json())) < MAX_STATUS_BYTES
    assert status.omitted is not None
    assert status.omitted.images + len(status.images or ()) == 100


async def test_image_of_many_long_urls_holds_nobody_else_up() -> None:
    long_url = f"https://mcr.example.com/{{}}?{'a=b&' * 2000}"
    images = Images([1])
    first, *others = images.image.parts
    urls = tuple(long_url.format(number) for number in range(60))
    images.image = replace(images.image, parts=(replace(first, elsewhere=urls), *others))
    target = Target.model_validate({"imageManifestURL": URL})
    turns = 0

    async def go_on() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(go_on())
    await TargetResolver(images).resolve([target], namespace="team", troubled=lambda _: None)
    other.cancel()

    assert turns >= 5
