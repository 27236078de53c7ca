"""`report`: every peer, for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import yaml

from dragonfly_task_operator.client.rows import Everyone, PeerRow
from dragonfly_task_operator.client.run import Run
from dragonfly_task_operator.plugin.words import plain

_COLUMNS = (
    "hostname",
    "ip",
    "hostType",
    "schedulerClusterID",
    "clientVersion",
    "hostID",
    "complete",
    "holds",
    "deleted",
    "failedTasks",
    "reasons",
    "descriptions",
)
_DANGEROUS = ("=", "+", "-", "@")
"""What spreadsheets take for the begin of a formula."""


def chosen(everyone: Everyone, *, holders: bool, failed: bool, task: str | None) -> tuple[PeerRow, ...]:
    """Choose rows.

    Args:
        everyone: of these.
        holders: only peers that have a task.
        failed: only peers that failed; with `holders`, those as well.
        task: only peers that have something to tell of the task whose id begins so.
    """

    def fits(row: PeerRow) -> bool:
        told = {
            "holds": [each for each in row.holds if _is(each, task)],
            "deleted": [each for each in row.deleted if _is(each, task)],
            "failed": [each for failure in row.failed for each in failure.tasks if _is(each, task)],
        }
        wanted = [name for name, is_wanted in (("holds", holders), ("failed", failed)) if is_wanted] or list(told)
        return any(told[name] for name in wanted)

    return tuple(row for row in everyone.rows if fits(row))


def _is(task: str, wanted: str | None) -> bool:
    return wanted is None or task.startswith(wanted)


def to_json(run: Run, everyone: Everyone, rows: Sequence[PeerRow]) -> str:
    """Write rows as one JSON object."""
    return json.dumps(_document(run, everyone, rows), indent=2, ensure_ascii=False)


def to_yaml(run: Run, everyone: Everyone, rows: Sequence[PeerRow]) -> str:
    """Write the same as YAML."""
    return yaml.safe_dump(_document(run, everyone, rows), sort_keys=False, allow_unicode=True)


def _document(run: Run, everyone: Everyone, rows: Sequence[PeerRow]) -> dict[str, Any]:
    return {
        "of": {"kind": run.kind.name, "namespace": run.namespace, "name": run.name},
        "runKey": run.record.run_key,
        "reason": run.reason,
        "message": run.message,
        "tasks": list(everyone.tasks),
        "peers": [_row(row) for row in rows],
        "leftOut": list(everyone.left_out),
        "clearedUnnamed": everyone.unnamed,
    }


def _row(row: PeerRow) -> dict[str, Any]:
    told = {
        "hostID": row.host_id,
        "hostname": row.hostname,
        "ip": row.ip,
        "hostType": row.host_type,
        "schedulerClusterID": row.scheduler_cluster_id,
        "clientVersion": row.client_version,
        "holds": list(row.holds),
        "deleted": list(row.deleted),
        "complete": row.share,
        "failed": [
            {
                "tasks": list(each.tasks),
                "reason": each.reason,
                "description": each.description,
                "attempts": each.attempts,
                "lastAttemptTime": each.last_attempt,
            }
            for each in row.failed
        ],
    }
    return {name: value for name, value in told.items() if value is not None}


def to_csv(rows: Sequence[PeerRow]) -> str:
    """Write rows as CSV with a header; several values of one cell are parted by spaces, descriptions by ` | `."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow(map(_cell, _values(row)))
    return file.getvalue()


def _values(row: PeerRow) -> tuple[object, ...]:
    return (
        row.hostname,
        row.ip,
        row.host_type,
        row.scheduler_cluster_id,
        row.client_version,
        row.host_id,
        row.share,
        " ".join(row.holds),
        " ".join(row.deleted),
        " ".join(dict.fromkeys(task for each in row.failed for task in each.tasks)),
        " ".join(dict.fromkeys(each.reason for each in row.failed)),
        " | ".join(each.description for each in row.failed),
    )


def _cell(value: object) -> str:
    """Write a value; words of peers must not become formulas in a spreadsheet."""
    text = "" if value is None else plain(str(value))
    return f"'{text}" if text.startswith(_DANGEROUS) else text
