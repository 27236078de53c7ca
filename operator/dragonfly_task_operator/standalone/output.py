"""What is printed in the end, on stdout: finished objects as YAML or JSON, or a table for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import yaml

from dragonfly_task_operator.api.base import API_VERSION
from dragonfly_task_operator.api.kinds import TASK_REPORT
from dragonfly_task_operator.api.page import Owner, Row
from dragonfly_task_operator.standalone.progress import legible
from dragonfly_task_operator.standalone.runs import GENERATION, Finished

Output: TypeAlias = Literal["yaml", "json", "table"]

_WIDTH = 120
"""Columns after which YAML may fold a text."""

_GAP = "   "


def render(finished: Sequence[Finished], output: Output) -> str:
    """Write objects, in the order in which they were given. Of several in JSON, a List is made, as kubectl does it."""
    match output:
        case "table":
            return "\n\n".join(_lines(finished))
        case "json":
            bodies = list(_bodies(finished))
            whole = bodies[0] if len(bodies) == 1 else {"apiVersion": "v1", "kind": "List", "items": bodies}
            return json.dumps(whole, indent=2, ensure_ascii=False)
        case "yaml":
            return yaml.safe_dump_all(_bodies(finished), sort_keys=False, allow_unicode=True, width=_WIDTH).rstrip("\n")


def _bodies(finished: Sequence[Finished]) -> Iterator[dict[str, Any]]:
    """Give objects, and behind each the TaskReports that its status names."""
    for each in finished:
        yield _body(each)
        manifest, record = each.manifest, each.record
        owner = Owner(kind=manifest.kind.name, name=manifest.name, uid=str(manifest.body["metadata"].get("uid", "")))
        for number, (name, leaf) in enumerate(zip(record.reports, each.peers, strict=False)):
            page = leaf.page(
                owner,
                run_key=record.run_key or "",
                run_id=record.run_id,
                page=number,
                pages=len(record.reports),
                complete=True,
            )
            yield {
                "apiVersion": API_VERSION,
                "kind": TASK_REPORT.name,
                "metadata": {"name": name, "namespace": manifest.namespace},
                TASK_REPORT.field: page.to_json(),
            }


def _body(finished: Finished) -> dict[str, Any]:
    """Give an object as an API server would: with the generation that its status is about."""
    body = dict(finished.manifest.body)
    metadata = {"generation": GENERATION} | dict(body.pop("metadata"))
    spec = body.pop("spec")
    return {**body, "metadata": metadata | {"generation": GENERATION}, "spec": spec, "status": finished.status}


def _lines(finished: Sequence[Finished]) -> Iterator[str]:
    """Give a table of all objects, and for each what it says and who its peers are."""
    yield table([("OBJECT", "SUCCEEDED", "REASON", "PEERS", "CACHING", "DELETED", "FAILED"), *map(_row, finished)])
    for each in finished:
        parts = [f"{each.manifest}: {legible(each.record.message)}"]
        peers = [row for leaf in each.peers for row in leaf.rows]
        if peers:
            parts.append(table([("PEER", "IP", "TYPE", "CLIENT", "HOLDS", "DELETED", "FAILED"), *map(_peer, peers)]))
        parts += [
            f"{legible(row.hostname)}: {failed.reason}: {legible(failed.description)}"
            for row in peers
            for failed in row.failed or ()
        ]
        yield "\n".join(parts)


def _row(finished: Finished) -> tuple[str, ...]:
    peers = finished.status.get("peers") or {}
    failed = peers.get("failed", 0) + peers.get("unreachable", 0) if peers else None
    counts = (peers.get("total"), peers.get("caching"), peers.get("deleted"), failed)
    name = f"{finished.manifest.kind.singular}/{finished.manifest.name}"
    return (name, finished.succeeded, finished.record.reason, *map(_count, counts))


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _peer(row: Row) -> tuple[str, ...]:
    failed = sum(1 + len(each.also or ()) for each in row.failed or ())
    numbers = (len(row.holds or ()), len(row.deleted or ()), failed)
    return (
        legible(row.hostname),
        legible(row.ip),
        row.host_type,
        legible(row.client_version or "-"),
        *(str(number or "-") for number in numbers),
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    """Align columns, as kubectl does it."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
