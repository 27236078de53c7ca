"""What is shown of a run: its verdict, its peers, its failures with what can be done about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dragonfly_task_operator.api import loose
from dragonfly_task_operator.client.advice import on_peers, on_run
from dragonfly_task_operator.client.rows import Everyone, PeerRow
from dragonfly_task_operator.client.run import Run
from dragonfly_task_operator.plugin.options import FALSE, TRUE, Session
from dragonfly_task_operator.plugin.screen import Cell, Row, Screen
from dragonfly_task_operator.plugin.words import counted

GOOD, BAD, GOING = "green", "red", "yellow"
_ID = 12
MAX_ROWS = 20
"""Peers that are listed where not the whole list was asked for."""


def style(run: Run) -> str:
    """Give the colour of how a run stands."""
    return {True: GOOD, False: BAD, None: GOING}[run.succeeded]


def exit_code(run: Run) -> int:
    """Give the exit code that tells how a run ended."""
    return TRUE if run.succeeded else FALSE


def short_id(task: Mapping[str, Any]) -> str:
    """Give the first digits of a task's id, which tell it from others."""
    return (loose.word(task.get("taskID")) or "")[:_ID]


def verdict(screen: Screen, run: Run) -> None:
    """Say how a run stands."""
    screen.prose(f"{run.reason}: {run.message}", style=style(run))


def advice(screen: Screen, run: Run) -> None:
    """Say what went wrong with peers, by reason, and what can be done about each; and about the reason of the run."""
    reasons = run.failure_reasons
    failing = run.counts.failed + run.counts.unreachable
    if reasons:
        screen.say(f"{counted(failing, 'peer')} failed:" if failing else "Failures:")
    for each in reasons:
        first = next((failure for failure in run.failures if failure.get("reason") == each.reason), {})
        who = f"{first.get('hostname')}: " if first.get("hostname") else ""
        many = f" ({each.count:,} times)" if each.count > 1 else ""
        screen.prose(f"{each.reason}{many}: {who}{each.example}", indent="  ", style=BAD)
        about_peers = on_peers(each.reason)
        if about_peers is not None:
            screen.prose(f"What to do: {about_peers}", indent="    ")
    about_run = on_run(run.reason)
    if about_run is not None:
        screen.prose(f"What to do: {about_run}")


def peers(session: Session, run: Run, everyone: Everyone, *, limit: int | None = MAX_ROWS, wide: bool = False) -> None:
    """List peers, and say what the list leaves out.

    Args:
        session: where to write.
        run: whose they are.
        everyone: the peers.
        limit: at most so many; None: all.
        wide: with all that is known of them.
    """
    rows = everyone.rows[:limit]
    if rows:
        table(session.screen, rows, tasks=len(everyone.tasks), wide=wide, brief=True)
    more = len(everyone.rows) - len(rows)
    if more:
        named = f"{run.kind.short_name}/{run.name}"
        session.screen.say(f"… and {counted(more, 'more peer')}: {session.command('report', named)}")
    for line in everyone.left_out:
        session.screen.note(line)


def table(screen: Screen, rows: Sequence[PeerRow], *, tasks: int, wide: bool = False, brief: bool = False) -> None:
    """List peers.

    Args:
        screen: where to write.
        rows: of the peers.
        tasks: how many tasks they tell of.
        wide: with all that is known of them.
        brief: with no more of a failure than its reason.
    """
    columns = ["HOSTNAME", "IP", "TYPE", "CLUSTER"]
    columns += ["VERSION", "HOST-ID"] if wide else []
    kept = [
        name
        for name, is_told in (
            ("HAS", any(row.holds for row in rows)),
            ("COMPLETE", any(row.share is not None for row in rows)),
            ("DELETED", any(row.deleted for row in rows)),
            ("FAILURE", any(row.failed for row in rows)),
        )
        if is_told
    ]
    texts = [_cells(row, [*columns, *kept], tasks=tasks, brief=brief) for row in rows]
    screen.table([*columns, *kept], texts, cut=len(columns) + len(kept) - 1 if "FAILURE" in kept else None)


def _cells(row: PeerRow, columns: Sequence[str], *, tasks: int, brief: bool) -> Row:
    cluster = "" if row.scheduler_cluster_id is None else str(row.scheduler_cluster_id)
    failures = "; ".join(f"{each.reason}: {each.description}" for each in row.failed)
    told: dict[str, str | Cell] = {
        "HOSTNAME": row.hostname,
        "IP": row.ip,
        "TYPE": row.host_type,
        "CLUSTER": cluster,
        "VERSION": row.client_version or "",
        "HOST-ID": row.host_id,
        "HAS": _of(len(row.holds), tasks),
        "COMPLETE": "" if row.share is None else f"{row.share * 100:.4g} %",
        "DELETED": _of(len(row.deleted), tasks),
        "FAILURE": Cell(", ".join(dict.fromkeys(each.reason for each in row.failed)) if brief else failures, BAD),
    }
    return [told[column] for column in columns]


def _of(count: int, tasks: int) -> str:
    if not count:
        return ""
    return "yes" if tasks == 1 else f"{count} of {counted(tasks, 'task')}"
