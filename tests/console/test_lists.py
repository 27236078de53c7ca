"""Long lists: filtered, sorted, and a page at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dragonfly_task_operator.client.rows import PeerFailure, PeerRow
from dragonfly_task_operator.console import lists
from dragonfly_task_operator.console.lists import Page, Query

FAILURE = PeerFailure(("t2",), "Internal", "disk on fire", 7, None)


def a_peer(number: int, **told: object) -> PeerRow:
    cluster = 1 + number % 2
    return PeerRow(f"h{number}", f"n{number}", f"10.0.0.{number}", "normal", cluster, "1.3.9", **told)  # type: ignore[arg-type]


PEERS = (
    a_peer(1, holds=("t1", "t2")),
    a_peer(2, deleted=("t1",)),
    a_peer(10, holds=("t1",), share=0.5),
    a_peer(3, failed=(FAILURE,)),
)


def found(**asked: str) -> list[str]:
    return [row.hostname for row in lists.peers(PEERS, Query(asked))]


@pytest.mark.parametrize(
    ("asked", "hostnames"),
    [
        ({}, ["n1", "n2", "n3", "n10"]),
        ({"sort": "-hostname"}, ["n10", "n3", "n2", "n1"]),
        ({"sort": "-ip"}, ["n10", "n3", "n2", "n1"]),
        ({"sort": "-holds"}, ["n1", "n10", "n2", "n3"]),
        ({"sort": "-share"}, ["n10", "n1", "n2", "n3"]),
        ({"sort": "-failed"}, ["n3", "n1", "n2", "n10"]),
        ({"sort": "cluster"}, ["n2", "n10", "n1", "n3"]),
        ({"sort": "nonsense"}, ["n1", "n2", "n3", "n10"]),
        ({"what": "holders"}, ["n1", "n10"]),
        ({"what": "deleted"}, ["n2"]),
        ({"what": "failed"}, ["n3"]),
        ({"what": "nonsense"}, ["n1", "n2", "n3", "n10"]),
        ({"cluster": "1"}, ["n2", "n10"]),
        ({"task": "t2"}, ["n1", "n3"]),
        ({"q": "N1"}, ["n1", "n10"]),
        ({"q": "10.0.0.3"}, ["n3"]),
        ({"q": "nobody"}, []),
    ],
    ids=str,
)
def test_peers(asked: dict[str, str], hostnames: list[str]) -> None:
    assert found(**asked) == hostnames


def test_names_are_sorted_as_people_count() -> None:
    rows = [replace(PEERS[0], hostname=name) for name in ("seed0", "n10", "N9", "n009b", "", "n" + "9" * 5000)]

    names = [row.hostname for row in lists.peers(rows, Query({}))]

    assert names == ["", "N9", "n009b", "n10", "n" + "9" * 5000, "seed0"]


def test_clusters_count_their_peers() -> None:
    counted = [(each.cluster_id, each.peers, each.holders, each.deleted, each.failed) for each in lists.clusters(PEERS)]

    assert counted == [(1, 2, 1, 1, 0), (2, 2, 1, 0, 1)]


@pytest.mark.parametrize(
    ("asked", "number", "first"),
    [
        ("", 1, 0),
        ("2", 2, 100),
        ("3", 3, 200),
        ("99", 3, 200),
        ("0", 1, 0),
        ("-1", 1, 0),
        ("x", 1, 0),
        ("9" * 30, 1, 0),
    ],
)
def test_page_is_the_nearest_there_is(asked: str, number: int, first: int) -> None:
    page = Page.of(range(250), Query({"page": asked}))

    assert (page.number, page.count, page.total, page.items[0]) == (number, 3, 250, first)


def test_empty_list_has_one_page() -> None:
    page: Page[str] = Page.of((), Query({}))

    assert (page.number, page.count, list(page.items)) == (1, 1, [])


def test_link_keeps_what_was_asked_for() -> None:
    query = Query({"q": "n1&x", "sort": "ip", "page": "2"}, "/run")

    assert query.link(page=3) == "/run?q=n1%26x&sort=ip&page=3"
    assert query.link(q="", page="") == "/run?sort=ip"
