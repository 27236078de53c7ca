"""What a deletion would delete, and whether it is to: shown of a dry run, asked, and then done by the same object."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

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
_LINE = 1 << 12
"""The most that a line at a terminal of Linux has, in bytes."""
_ANSWERS = {"y": True, "yes": True, "n": False, "no": False, "": False}


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
    if await is_agreed():
        return True
    kept = session.command("describe", f"{run.kind.short_name}/{run.name}")
    screen.say(f"nothing was deleted; the dry run is kept: {kept}")
    return False


async def is_agreed() -> bool:
    """Ask at the terminal until it is yes or no. Ctrl-C and Ctrl-D are no.

    The answer is waited for in the event loop and not in read(): what Python does about a signal it does between two
    steps of its own, so a Ctrl-C that came just before read() would be heard after the next line only.
    """
    loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGINT)
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop.add_signal_handler(signal.SIGINT, lines.put_nowait, "")
    loop.add_reader(sys.stdin.fileno(), lambda: lines.put_nowait(_line()))
    try:
        while True:
            click.echo("Delete it? [y/N]: ", nl=False, err=True)
            line = await lines.get()
            if not line.endswith("\n"):
                click.echo(err=True)
                return False
            answer = line.strip().lower()
            if answer in _ANSWERS:
                return _ANSWERS[answer]
            click.echo("Error: invalid input", err=True)
    finally:
        loop.remove_reader(sys.stdin.fileno())
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)


def _line() -> str:
    """Give what was typed: a line, which ends as one but for Ctrl-D; nothing where the terminal is gone."""
    try:
        return os.read(sys.stdin.fileno(), _LINE).decode(errors="replace")
    except OSError:
        return ""


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
