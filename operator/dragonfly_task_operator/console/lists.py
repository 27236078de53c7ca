"""Lists too long for one page: filtered, sorted and cut into pages here, so that a browser never holds 5,000 rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from dragonfly_task_operator.client.rows import PeerRow
from dragonfly_task_operator.console.runs import Shown, State

ROWS = 100
"""On a page."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Query:
    """What a page's address asks for, by the names of the fields of its filter.

    Attributes:
        path: of the page, without what is asked for: a form's answer is at another address.
    """

    given: Mapping[str, str]
    path: str = ""

    def __getitem__(self, name: str) -> str:
        return self.given.get(name, "").strip()

    def link(self, **changes: object) -> str:
        """Give the address that differs in this."""
        asked = {**self.given, **{name: str(value) for name, value in changes.items()}}
        return f"{self.path}?" + urlencode({name: value for name, value in asked.items() if value})


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A page of a list; pages are counted from 1."""

    items: Sequence[Item]
    number: int
    count: int
    total: int
    query: Query

    @classmethod
    def of(cls, everything: Sequence[Item], query: Query) -> Page[Item]:
        """Cut out the page that is asked for, or the one nearest to it."""
        count = max(1, -(-len(everything) // ROWS))
        asked = int(query["page"]) if query["page"].isdecimal() and len(query["page"]) < 9 else 1  # noqa: PLR2004 - digits
        number = min(max(asked, 1), count)
        return cls(everything[(number - 1) * ROWS : number * ROWS], number, count, len(everything), query)

    def link(self, number: int) -> str:
        """Give the address of another page of the list."""
        return self.query.link(page=number)


def runs(everything: Sequence[Shown], query: Query) -> list[Shown]:
    """Filter runs by state, kind, and a part of the name or the subject."""
    part = query["q"].lower()
    return [
        run
        for run in everything
        if (query["state"] not in set(State) or run.state == query["state"])
        and query["kind"] in {"", run.kind.plural}
        and (part in f"{run.namespace}/{run.name}".lower() or part in run.subject.lower())
    ]


@dataclass(frozen=True, slots=True)
class Cluster:
    """The peers of a scheduler cluster that have something to tell; how many of them hold a task, and so on."""

    cluster_id: int | None
    peers: int
    holders: int
    deleted: int
    failed: int


WHAT: Mapping[str, Callable[[PeerRow], bool]] = {
    "holders": lambda row: bool(row.holds),
    "deleted": lambda row: bool(row.deleted),
    "failed": lambda row: bool(row.failed),
}
"""What a peer can have to tell."""


def clusters(rows: Sequence[PeerRow]) -> list[Cluster]:
    """Count peers by scheduler cluster."""
    by_id: dict[int | None, list[PeerRow]] = {}
    for row in rows:
        by_id.setdefault(row.scheduler_cluster_id, []).append(row)
    return [
        Cluster(
            cluster_id,
            len(those),
            *(sum(map(WHAT[what], those)) for what in ("holders", "deleted", "failed")),
        )
        for cluster_id, those in sorted(by_id.items(), key=lambda each: (each[0] is None, each[0] or 0))
    ]


_KEYS: Mapping[str, Callable[[PeerRow], Any]] = {
    "hostname": lambda row: _natural(row.hostname),
    "ip": lambda row: _natural(row.ip),
    "type": lambda row: row.host_type,
    "cluster": lambda row: row.scheduler_cluster_id or 0,
    "version": lambda row: _natural(row.client_version or ""),
    "holds": lambda row: len(row.holds),
    "share": lambda row: row.share or 0.0,
    "deleted": lambda row: len(row.deleted),
    "failed": lambda row: row.failed[0].reason if row.failed else "",
}
"""What peers can be sorted by."""


def peers(rows: Sequence[PeerRow], query: Query) -> list[PeerRow]:
    """Filter peers by cluster, task, what they tell, and a part of their names; and sort them.

    `sort` is the name of a column, with `-` before it for the other way round.
    """
    part = query["q"].lower()
    found = [
        row
        for row in rows
        if (query["what"] not in WHAT or WHAT[query["what"]](row))
        and query["cluster"] in {"", str(row.scheduler_cluster_id)}
        and (not query["task"] or _tells_of(row, query["task"]))
        and (part in row.hostname.lower() or part in row.ip.lower() or part in row.host_id.lower())
    ]
    key = _KEYS.get(query["sort"].removeprefix("-"), _KEYS["hostname"])
    return sorted(found, key=key, reverse=query["sort"].startswith("-"))


def _tells_of(row: PeerRow, task: str) -> bool:
    return task in row.holds or task in row.deleted or any(task in failed.tasks for failed in row.failed)


_WORD_AND_NUMBER = re.compile(r"(\D*)0*(\d*)")


def _natural(text: str) -> list[tuple[str, int, str]]:
    """Sort n9 before n10, and both before seed0."""
    return [(word, len(digits), digits) for word, digits in _WORD_AND_NUMBER.findall(text.lower())]
