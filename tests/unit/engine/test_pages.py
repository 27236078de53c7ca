"""Pages of a run: one row for each peer with something to tell, bounded, sorted, redacted, and nobody kept waiting."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import time
from collections.abc import Sequence
from itertools import pairwise

import pytest

from dragonfly_task_operator.api.page import MAX_PAGE_BYTES, MAX_PAGES, MAX_ROWS, Owner, Page, Row
from dragonfly_task_operator.engine.identity import Identity
from dragonfly_task_operator.engine.ledger import Cleared, Failed, HeldUp, Holds, Ledger, Outcome
from dragonfly_task_operator.engine.model import ABSENT, Cached, Host, HostType, Image, PlannedImage, PlannedTask
from dragonfly_task_operator.engine.pages import MAX_ALONE, Pages
from dragonfly_task_operator.engine.summary import summarise
from dragonfly_task_operator.errors import OwnKind, OwnTrouble, PeerReason
from tests.unit.world import EPOCH

HOLDS = Holds(Cached(content_length=7))


def failed(
    description: str = "refused", reason: PeerReason = PeerReason.UNREACHABLE, *, had_copy: bool = False
) -> Failed:
    return Failed(reason, description, retryable=False, had_copy=had_copy, at=EPOCH)


def peers(number: int) -> list[Host]:
    return [
        Host(f"10.0.0.1-n{i:05}", f"n{i:05}", "10.0.0.1", 4000, HostType.NORMAL, 1, "default") for i in range(number)
    ]


def tasks(number: int, *, subject: str | None = None) -> tuple[PlannedTask, ...]:
    return tuple(
        PlannedTask(id=f"{i:064x}", target=0, identity=Identity.BLOB_DIGEST, subject=subject or str(i))
        for i in range(number)
    )


def image(*blobs: Sequence[PlannedTask]) -> PlannedImage:
    known = Image(digest="sha256:" + "a" * 64, platforms=(), parts=(), foreign_layers=0, kept=0)
    return PlannedImage(0, "example.com/one:1", known, tuple(frozenset(task.id for task in ids) for ids in blobs))


def ledger_of(
    hosts: Sequence[Host], planned: tuple[PlannedTask, ...], *images: PlannedImage, **outcomes: Sequence[Outcome]
) -> Ledger:
    """What peers answered, by hostname: about each task in turn."""
    ledger = Ledger(planned, images)
    ledger.add_hosts(hosts)
    for host in hosts:
        for task, outcome in zip(planned, outcomes.get(host.hostname, ()), strict=False):
            ledger.record(task.id, host.id, outcome)
    return ledger


def alike(hosts: Sequence[Host], planned: tuple[PlannedTask, ...], outcome: Outcome) -> Ledger:
    return ledger_of(hosts, planned, **{host.hostname: [outcome] * len(planned) for host in hosts})


async def pages_of(ledger: Ledger) -> Pages:
    return await Pages.of(ledger, summarise(ledger, is_complete=True))


async def all_rows(pages: Pages) -> list[Row]:
    return [row for page in range(len(pages)) for row in (await pages.leaf(page)).rows]


async def rows_of(ledger: Ledger) -> list[Row]:
    return await all_rows(await pages_of(ledger))


async def bodies(pages: Pages) -> list[Page]:
    """Pages as they are written."""
    leaves = [await pages.leaf(page) for page in range(len(pages))]
    return [
        Page(
            of=Owner(kind="TaskDeletion", name="n" * 253, uid="u" * 36),
            run_key="f" * 16,
            run_id="r" * 128,
            page=number,
            pages=len(pages),
            complete=True,
            rows=len(leaf.rows),
            tasks=list(leaf.tasks),
            peers=list(leaf.rows),
        )
        for number, leaf in enumerate(leaves)
    ]


# Who has a row, and what it says


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([HOLDS, ABSENT], {"holds": [0]}),
        ([ABSENT, HOLDS], {"holds": [1]}),
        ([Cleared(), HOLDS], {"holds": [1], "deleted": [0]}),
        ([HeldUp(OwnTrouble(OwnKind.FILES, "no files"), had_copy=True)], {"holds": [0]}),
    ],
)
async def test_row_tells_what_a_peer_has_and_what_it_was_cleared_of(
    outcomes: list[Outcome], expected: dict[str, list[int]]
) -> None:
    hosts = peers(2)  # the other one has both, so that both are shown, in order
    (row, _) = await rows_of(ledger_of(hosts, tasks(2), n00000=outcomes, n00001=[HOLDS, HOLDS]))

    body = row.to_json()
    assert {name: body[name] for name in ("holds", "deleted", "failed") if name in body} == expected
    assert (body["hostID"], body["hostname"], body["ip"]) == ("10.0.0.1-n00000", "n00000", "10.0.0.1")
    assert (body["hostType"], body["schedulerClusterID"], "complete" in body) == ("normal", 1, False)


async def test_peer_with_nothing_to_tell_has_no_row() -> None:
    assert await rows_of(alike(peers(3), tasks(2), ABSENT)) == []
    assert len(await pages_of(alike(peers(3), tasks(2), ABSENT))) == 0


async def test_peer_that_left_the_cluster_has_no_row() -> None:
    ledger = alike(peers(2), tasks(1), failed())
    ledger.departed = frozenset({"10.0.0.1-n00000"})

    assert [row.hostname for row in await rows_of(ledger)] == ["n00001"]


@pytest.mark.parametrize(
    ("outcome", "holds"),
    [
        (failed("no", PeerReason.PERMISSION_DENIED, had_copy=True), [0]),
        (failed("still", PeerReason.STILL_CACHED, had_copy=True), [0]),
        (failed("gone silent", PeerReason.TIMEOUT, had_copy=True), None),
        (failed("no", PeerReason.PERMISSION_DENIED), None),
    ],
)
async def test_deletion_that_failed_took_nothing_away_where_the_peer_answered(
    outcome: Failed, holds: list[int] | None
) -> None:
    (row,) = await rows_of(alike(peers(1), tasks(1), outcome))

    assert row.holds == holds
    assert [each.to_json() for each in row.failed or ()] == [
        {
            "task": 0,
            "reason": outcome.reason,
            "description": outcome.description,
            "attempts": 1,
            "lastAttemptTime": EPOCH.isoformat().replace("+00:00", "Z"),
        }
    ]


async def test_secrets_that_peers_repeat_are_redacted() -> None:
    ledger = alike(peers(1), tasks(1), failed("GET https://me:word@host/f?sig=secret gave 403"))

    (row,) = await rows_of(ledger)

    assert row.failed is not None
    assert row.failed[0].description == "GET https://REDACTED@host/f?sig=REDACTED gave 403"


@pytest.mark.parametrize(("length", "shown"), [(1024, "x" * 1024), (1025, "x" * 1023 + "…")])
async def test_description_is_cut_at_1024_characters(length: int, shown: str) -> None:
    (row,) = await rows_of(alike(peers(1), tasks(1), failed("x" * length)))

    assert row.failed is not None
    assert row.failed[0].description == shown


# Images


@pytest.mark.parametrize(
    ("holding", "share"), [([], None), ([0], 0.3333), ([0, 1], 0.3333), ([0, 2], 0.6666), ([0, 2, 3], 1.0)]
)
async def test_share_of_an_image_counts_each_blob_once_whatever_its_ids(
    holding: list[int], share: float | None
) -> None:
    planned = tasks(5)  # two ids of the first blob; the last is the manifest
    hosts = peers(2)
    mine = [HOLDS if n in holding else ABSENT for n in range(5)]
    ledger = ledger_of(hosts, planned, image(planned[:2], planned[2:3], planned[3:4]), n00000=mine, n00001=[HOLDS] * 5)

    rows = {row.hostname: row for row in await rows_of(ledger)}

    assert rows["n00001"].complete == 1
    assert (rows["n00000"].complete if holding else None) == share


async def test_peer_that_was_cleared_of_an_image_has_none_of_it() -> None:
    planned = tasks(2)
    (row,) = await rows_of(ledger_of(peers(1), planned, image(planned[:1], planned[1:]), n00000=[Cleared(), Cleared()]))

    assert (row.deleted, row.holds, row.complete) == ([0, 1], None, 0)


# Failures of many tasks


async def test_few_failures_of_a_peer_are_told_one_by_one() -> None:
    (row,) = await rows_of(alike(peers(1), tasks(MAX_ALONE), failed()))

    assert [(each.task, each.also) for each in row.failed or ()] == [(n, None) for n in range(MAX_ALONE)]


async def test_peer_that_is_down_is_told_of_once_whatever_the_number_of_tasks() -> None:
    (row,) = await rows_of(alike(peers(1), tasks(150), failed()))

    assert [(each.task, each.also) for each in row.failed or ()] == [(0, list(range(1, 150)))]


async def test_failures_that_differ_are_told_apart_and_very_many_by_their_reasons() -> None:
    def answers(kinds: int) -> list[Outcome]:
        return [failed(f"no {n % kinds}", PeerReason.TLS if n % 2 else PeerReason.INTERNAL) for n in range(60)]

    (few,) = await rows_of(ledger_of(peers(1), tasks(60), n00000=answers(6)))
    (many,) = await rows_of(ledger_of(peers(1), tasks(60), n00000=answers(60)))

    assert [each.description for each in few.failed or ()] == [f"no {n}" for n in range(6)]
    assert [(each.reason, len(each.also or ())) for each in many.failed or ()] == [("Internal", 29), ("TLS", 29)]
    for row in (few, many):
        assert sorted(task for each in row.failed or () for task in (each.task, *(each.also or ()))) == list(range(60))


# Bounds


@pytest.mark.parametrize(("number", "expected"), [(1000, [1000]), (1001, [1000, 1]), (2500, [1000, 1000, 500])])
async def test_page_has_a_thousand_rows(number: int, expected: list[int]) -> None:
    pages = await pages_of(alike(peers(number), tasks(1), HOLDS))

    assert [len((await pages.leaf(page)).rows) for page in range(len(pages))] == expected
    assert pages.omitted == 0


async def test_two_thousand_peers_are_two_pages_however_many_tasks_fail() -> None:
    pages = await pages_of(alike(peers(2000), tasks(60), failed("connection refused")))

    assert (len(pages), pages.omitted) == (2, 0)


async def test_peers_beyond_fifty_pages_are_counted() -> None:
    pages = await pages_of(alike(peers(MAX_PAGES * MAX_ROWS + 7), tasks(1), HOLDS))

    assert (len(pages), pages.omitted) == (MAX_PAGES, 7)


@pytest.mark.parametrize("letter", ["x", "🐉", "<"], ids=ascii)
async def test_page_fits_whatever_one_peer_says(letter: str) -> None:
    long = letter * 2000
    host = Host(f"id-{long}", long, long, 4000, HostType.NORMAL, 1, "default", client_version=long)
    outcomes = [failed(f"{n}{long}", list(PeerReason)[n % len(PeerReason)], had_copy=True) for n in range(6000)]
    ledger = Ledger(tasks(6000))
    ledger.add_hosts([host])
    for task, outcome in zip(ledger.tasks, outcomes, strict=True):
        ledger.record(task.id, host.id, outcome)

    (body,) = await bodies(await pages_of(ledger))

    text = json.dumps(body.to_json())
    assert len(text) + 5 * text.count("<") <= MAX_PAGE_BYTES


# Order, and others' turns


async def test_same_answers_in_any_order_give_the_same_pages() -> None:
    hosts, planned = peers(1500), tasks(3)
    outcomes: list[Outcome] = [ABSENT, HOLDS, Cleared(), failed(), failed("disk on fire", PeerReason.INTERNAL)]
    answers = [
        (task.id, host.id, outcomes[(n + 2 * m) % 5]) for n, host in enumerate(hosts) for m, task in enumerate(planned)
    ]

    async def told(order: list[tuple[str, str, Outcome]], hosts: list[Host]) -> list[Page]:
        ledger = Ledger(planned)
        ledger.add_hosts(hosts)
        for task, host, outcome in order:
            ledger.record(task, host, outcome)
        return await bodies(await pages_of(ledger))

    shuffled, others = list(answers), list(hosts)
    random.Random(3).shuffle(shuffled)
    random.Random(4).shuffle(others)
    assert await told(shuffled, others) == await told(answers, hosts)


async def test_twenty_thousand_failing_peers_fit_in_shorter_words_and_keep_nobody_waiting() -> None:
    ledger = alike(peers(20_000), tasks(1), failed("🐉" * 1500))
    summary = summarise(ledger)
    turns: list[float] = []

    async def take_turns() -> None:
        while True:
            turns.append(time.thread_time())
            await asyncio.sleep(0)

    gc.disable()  # all that other tests have left would be looked through, and counted
    try:
        other = asyncio.get_running_loop().create_task(take_turns())
        pages = await Pages.of(ledger, summary)
        rows = [len((await pages.leaf(page)).rows) for page in range(len(pages))]
        other.cancel()
    finally:
        gc.enable()

    assert (sum(rows), pages.omitted, len(rows) <= MAX_PAGES) == (20_000, 0, True)
    waits = [after - before for before, after in pairwise(turns)]
    assert max(waits) < 0.4  # of CPU, on any machine; some 50 ms here
    assert len(turns) > 400
    (first, *_) = await bodies(pages)
    assert len(json.dumps(first.to_json())) <= MAX_PAGE_BYTES
