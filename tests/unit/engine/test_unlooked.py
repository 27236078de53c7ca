"""Images that were not looked at as a whole: no search calls itself complete, no deletion goes on unless it is let."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.model import Image, Plan, PlannedImage, UnknownPart
from dragonfly_task_operator.engine.ports import Troubled
from tests.unit.world import World, end_of, planned

pytestmark = pytest.mark.looptime

URL = "https://registry.example.com/v2/team/app/manifests/1.0"
IMAGE = "the image registry.example.com/team/app:1.0"
BECAUSE = "because images of keepSharedWith use them too"
DIGEST = f"sha256:{'0' * 64}"
SCHEMA_1 = UnknownPart(f"manifests[1] of {DIGEST}", "application/vnd.old", f"sha256:{'1' * 64}", "schema 1")


class Planned:
    """Resolves every spec to an image with these unknown parts, and one task unless everything is kept."""

    def __init__(self, *unknown: UnknownPart, ignored: bool = False, kept: int = 0) -> None:
        image = Image(DIGEST, (), (), foreign_layers=0, kept=kept, unknown=unknown)
        self._plan = Plan(() if kept else (planned(),), (PlannedImage(0, URL, image, (), ignored),))

    async def resolve(self, targets: Sequence[Target], *, namespace: str, troubled: Troubled) -> Plan:
        return self._plan


def world(targets: Planned) -> World:
    world = World(targets=targets)
    world.peer("n1").caches()
    return world


async def test_search_over_an_unknown_part_is_partial_and_names_it() -> None:
    status, verdict = await end_of(world(Planned(SCHEMA_1)).search())

    assert verdict.reason == Reason.PARTIAL_RESULTS
    assert verdict.message == (
        f"cached on 1 of 1 peer; all of the image on 0, some of it on 0; 1 part of {IMAGE} could not be looked at,"
        f" namely manifests[1] of {DIGEST} (application/vnd.old, sha256:{'1' * 64}): schema 1"
    )
    assert [image.unknown_parts for image in status.images or ()] == [1]


@pytest.mark.parametrize("spec", [{}, {"dryRun": True}])
async def test_deletion_over_an_unknown_part_fails_before_anybody_is_asked(spec: dict[str, Any]) -> None:
    there = world(Planned(SCHEMA_1, SCHEMA_1))

    _, verdict = await end_of(there.deletion(**spec))

    assert verdict.reason == Reason.IMAGE_UNRESOLVABLE
    assert verdict.message.startswith(
        "2 parts of the image registry.example.com/team/app:1.0 could not be looked at, so nothing was deleted:"
        f" manifests[1] of {DIGEST}"
    )
    assert "set ignoreUnknownParts: true on the target to delete the rest of it" in verdict.message
    assert there.peer("n1").asked == []


async def test_deletion_that_is_let_go_on_counts_unknown_parts() -> None:
    status, verdict = await end_of(world(Planned(SCHEMA_1, SCHEMA_1, ignored=True)).deletion())

    assert verdict.reason == Reason.DELETED
    assert "2 parts of the image registry.example.com/team/app:1.0 could not be looked at, first" in verdict.message
    assert [image.unknown_parts for image in status.images or ()] == [2]


@pytest.mark.parametrize(
    ("dry_run", "reason"), [(False, Reason.NOTHING_TO_DELETE), (True, Reason.DRY_RUN)], ids=["deletion", "dry run"]
)
async def test_deletion_of_which_everything_is_kept_says_so_and_asks_nobody(*, dry_run: bool, reason: Reason) -> None:
    there = world(Planned(kept=8))

    status, verdict = await end_of(there.deletion(dryRun=dry_run))

    assert (verdict.reason, verdict.message) == (
        reason,
        f"nothing to delete, no peer was asked: all 8 parts of {IMAGE} are kept, {BECAUSE}",
    )
    assert there.peer("n1").asked == []
    assert [image.kept for image in status.images or ()] == [8]


async def test_search_of_which_everything_is_kept_says_so() -> None:
    _, verdict = await end_of(world(Planned(kept=1)).search())

    assert (verdict.reason, verdict.message) == (
        Reason.NOT_FOUND,
        f"no peer was asked: all 1 part of {IMAGE} is kept, {BECAUSE}",
    )


async def test_unknown_parts_count_where_all_that_is_known_is_kept() -> None:
    _, verdict = await end_of(world(Planned(SCHEMA_1, kept=8)).search())

    assert verdict.reason == Reason.PARTIAL_RESULTS


async def test_word_of_a_registry_that_is_endless_is_cut() -> None:
    endless = UnknownPart("p" * 5000, "m" * 5000, DIGEST, "w" * 5000)

    _, verdict = await end_of(world(Planned(endless)).search())

    assert len(verdict.message) < 1024
