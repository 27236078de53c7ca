"""What a deletion would delete, and whether it is to: shown of a dry run, asked, and then done by the same object."""

from __future__ import annotations

import signal

import click

from dragonfly_task_operator.api import loose
from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.client.client import Client
from dragonfly_task_operator.client.errors import Changed
from dragonfly_task_operator.client.run import Run
from dragonfly_task_operator.plugin import showing
from dragonfly_task_operator.plugin.options import Session
from dragonfly_task_operator.plugin.screen import Cell
from dragonfly_task_operator.plugin.words import bytes_of, counted

_ATTEMPTS = 5
"""At an edit of an object whose status is written at the same time."""
_TASKS = 10


def has_preview(run: Run) -> bool:
    """Tell whether a dry run found something to delete, also where some peers could not be asked."""
    return bool(run.counts.caching) and bool(run.succeeded or run.reason == Reason.PEERS_FAILED)


async def is_wanted(session: Session, client: Client, run: Run) -> bool:
    """Show what a dry run found, and ask whether it is to be deleted. All of it goes to stderr: it is no result."""
    screen, counts = session.screen.aside(), run.counts
    screen.say(Cell("This would be deleted:", "bold"))
    cached = [task for task in run.tasks if loose.count(loose.mapping(task.get("peers")).get("caching"))]
    rows = [
        [
            showing.short_id(task),
            str(loose.count(loose.mapping(task.get("peers")).get("caching"))),
            bytes_of(loose.count(task.get("contentLength"))),
            run.what(task),
        ]
        for task in cached[:_TASKS]
    ]
    screen.table(["TASK", "PEERS", "SIZE", "WHAT"], rows, cut=3)
    if len(cached) > _TASKS:
        screen.say(f"… and {counted(len(cached) - _TASKS, 'more task')}")
    everyone = await client.reports(run.body)
    holders = [row.hostname for row in everyone.rows if row.holds]
    named = ", ".join(holders[: showing.MAX_ROWS]) + (", …" if counts.caching > showing.MAX_ROWS else "")
    screen.prose(f"{bytes_of(run.bytes_cached)} on {counts.caching:,} of {counted(counts.total, 'peer')}: {named}")
    showing.advice(screen, run)
    if _is_agreed():
        return True
    kept = session.command("describe", f"{run.kind.short_name}/{run.name}")
    screen.say(f"nothing was deleted; the dry run is kept: {kept}")
    return False


def _is_agreed() -> bool:
    """Ask. Ctrl-C and Ctrl-D are no: asyncio would take Ctrl-C for itself, and the question would stand."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return click.confirm("Delete it?", err=True)
    except click.Abort:
        click.echo(err=True)
        return False
    finally:
        signal.signal(signal.SIGINT, before)


async def go_ahead(client: Client, run: Run) -> Run:
    """Have a dry run delete, unless its spec has been changed since it was shown. Raises Changed."""
    named = f"{run.kind.name} {run.namespace}/{run.name}"
    for _ in range(_ATTEMPTS):
        seen = Run.of(await client.get(run.kind, run.namespace, run.name))
        if seen.generation != run.generation or seen.uid != run.uid:
            raise Changed(f"{named} was changed by somebody since it was shown; nothing was deleted")
        version = str(seen.body["metadata"]["resourceVersion"])
        patch = {"spec": {"dryRun": False}}
        try:
            return Run.of(await client.patch(run.kind, run.namespace, run.name, patch, resource_version=version))
        except Changed:
            continue
    raise Changed(f"{named} is changed all the time; nothing was deleted")
