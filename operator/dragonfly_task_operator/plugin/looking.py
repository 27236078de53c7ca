"""`get`, `describe` and `report`: what there is, one run for people, and every peer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
import yaml

from dragonfly_task_operator.api.base import GROUP
from dragonfly_task_operator.api.kinds import KINDS
from dragonfly_task_operator.client.client import Client
from dragonfly_task_operator.client.run import Run
from dragonfly_task_operator.help_pages import Command
from dragonfly_task_operator.plugin import reporting, showing
from dragonfly_task_operator.plugin.describing import describe as describe_run
from dragonfly_task_operator.plugin.kinds import found, the_one
from dragonfly_task_operator.plugin.options import (
    TRUE,
    Session,
    all_namespaces,
    kubectl_options,
    running,
)
from dragonfly_task_operator.plugin.run_names import runs as complete_runs
from dragonfly_task_operator.plugin.screen import Cell
from dragonfly_task_operator.plugin.words import age, counted

_EPOCH = datetime.min.replace(tzinfo=UTC)


@click.command(
    cls=Command,
    examples="""
    kubectl dragonfly get
    kubectl dragonfly get -A --failed
    kubectl dragonfly get tdel/purge-llama -o yaml
    """,
)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_runs)
@click.option("--failed", is_flag=True, help="Only runs that have failed.")
@click.option("--running", "going", is_flag=True, help="Only runs that go, or wait.")
@click.option(
    "-o", "--output", type=click.Choice(["table", "wide", "json", "yaml", "name"]), default="table", show_default=True
)
@all_namespaces
@kubectl_options
@running
async def get(session: Session, *, names: tuple[str, ...], failed: bool, going: bool, output: str) -> int:
    """List runs of both kinds, the newest first."""
    if names and session.all_namespaces:
        raise click.UsageError("a name is one of a namespace: give names, or -A")
    async with session.access.connect() as client:
        runs = (
            await _named(client, names)
            if names
            else await _all(client, None if session.all_namespaces else client.namespace)
        )
    if failed or going:
        runs = [run for run in runs if (failed and run.succeeded is False) or (going and not run.is_over)]
    if output in {"json", "yaml", "name"}:
        _write(session, runs, output, is_one=len(names) == 1)
    elif runs:
        _table(session, runs, is_wide=output == "wide")
    else:
        where = "in any namespace" if session.all_namespaces else f"in the namespace {client.namespace}"
        session.screen.note(f"no runs {where}")
    return TRUE


async def _named(client: Client, names: Sequence[str]) -> list[Run]:
    return [run for name in names for run in await found(client, name)]


async def _all(client: Client, namespace: str | None) -> list[Run]:
    runs = [Run.of(body) for kind in KINDS for body in await client.list(kind, namespace)]
    return sorted(runs, key=lambda run: (run.created or _EPOCH, run.name), reverse=True)


def _write(session: Session, runs: Sequence[Run], output: str, *, is_one: bool) -> None:
    bodies = [run.body for run in runs]
    if output == "name":
        for run in runs:
            session.screen.raw(f"{run.kind.singular}.{GROUP}/{run.name}")
        return
    one = bodies[0] if is_one and len(bodies) == 1 else {"apiVersion": "v1", "kind": "List", "items": bodies}
    if output == "json":
        session.screen.raw(json.dumps(one, indent=2, ensure_ascii=False))
    else:
        session.screen.raw(yaml.safe_dump(one, sort_keys=False, allow_unicode=True))


def _table(session: Session, runs: Sequence[Run], *, is_wide: bool) -> None:
    now = datetime.now(UTC)
    header = ["NAME", "RESULT", "PEERS", "FAILED", "AGE", *(["PROGRESS", "MESSAGE"] if is_wide else ["ABOUT"])]
    rows = []
    for run in runs:
        counts = run.counts
        had = counts.deleted if run.is_deletion and not run.is_dry_run else counts.caching
        failed = counts.failed + counts.unreachable
        about = run.message if is_wide else run.summary
        rows.append(
            [
                *([run.namespace] if session.all_namespaces else []),
                f"{run.kind.short_name}/{run.name}",
                Cell(run.reason, showing.style(run)),
                f"{had}/{counts.total}" if counts.total else "",
                Cell(str(failed), showing.BAD) if failed else "",
                age(run.created, now),
                *([run.progress] if is_wide else []),
                about,
            ]
        )
    header = ["NAMESPACE", *header] if session.all_namespaces else header
    session.screen.table(header, rows, cut=len(header) - 1)


@click.command(
    cls=Command,
    examples="""
    kubectl dragonfly describe purge-llama
    """,
)
@click.argument("name", shell_complete=complete_runs)
@kubectl_options
@running
async def describe(session: Session, *, name: str) -> int:
    """Tell all about one run.

    Its verdict, its tasks, failures by reason, and what to do about them.
    """
    async with session.access.connect() as client:
        run = await the_one(client, name)
    describe_run(session, run, datetime.now(UTC))
    return TRUE


@click.command(
    cls=Command,
    examples="""
    kubectl dragonfly report purge-llama --failed
    kubectl dragonfly report find-llama --holders -o csv > holders.csv
    kubectl dragonfly report find-llama --task 475c16c1 -o json
    """,
)
@click.argument("name", shell_complete=complete_runs)
@click.option("--holders", is_flag=True, help="Only peers that have a task.")
@click.option("--failed", is_flag=True, help="Only peers that failed.")
@click.option("--task", metavar="ID", help="Only what is told of this task; the first digits of its id do.")
@click.option(
    "-o", "--output", type=click.Choice(["table", "wide", "csv", "json", "yaml"]), default="table", show_default=True
)
@kubectl_options
@running
async def report(session: Session, *, name: str, holders: bool, failed: bool, task: str | None, output: str) -> int:
    """List every peer of a run.

    Those that have something to tell: from its TaskReports where it has any, else from its status.
    """
    async with session.access.connect() as client:
        run = await the_one(client, name)
        everyone = await client.reports(run.body)
    rows = reporting.chosen(everyone, holders=holders, failed=failed, task=task)
    screen = session.screen
    written: dict[str, Any] = {"json": reporting.to_json, "yaml": reporting.to_yaml}
    if output in written:
        screen.raw(written[output](run, everyone, rows))
        return TRUE
    if output == "csv":
        screen.raw(reporting.to_csv(rows))
    elif rows:
        showing.table(screen, rows, tasks=len(everyone.tasks), wide=output == "wide")
    else:
        screen.note(f"no peer: {run.reason}: {run.message}")
    for line in everyone.left_out:
        screen.note(line)
    if everyone.unnamed:
        screen.note(f"{counted(everyone.unnamed, 'peer')} cleared: the operator keeps the names of more than 20 only")
    return TRUE
