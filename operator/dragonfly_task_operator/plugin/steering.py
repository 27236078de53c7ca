"""`wait`, `rerun`, `suspend`, `resume` and `cancel`: what can be done about a run that is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from dragonfly_task_operator.client.client import Client
from dragonfly_task_operator.client.run import Run
from dragonfly_task_operator.help_pages import Command
from dragonfly_task_operator.plugin import showing
from dragonfly_task_operator.plugin.following import follow
from dragonfly_task_operator.plugin.kinds import the_one
from dragonfly_task_operator.plugin.options import TRUE, Session, kubectl_options, running
from dragonfly_task_operator.plugin.run_names import runs as complete_runs
from dragonfly_task_operator.plugin.times import Duration

_name = click.argument("name", shell_complete=complete_runs)
_timeout = click.option(
    "--timeout", type=Duration(), metavar="DURATION", help="Wait for so long at most, then end with 4."
)


def _named(run: Run) -> str:
    return f"{run.kind.short_name}/{run.name}"


@click.command(
    cls=Command,
    examples="""
    kubectl dragonfly wait purge-llama --timeout 5m
    """,
)
@_name
@_timeout
@kubectl_options
@running
async def wait(session: Session, *, name: str, timeout: int | None) -> int:
    """Follow a run to its end.

    Exits with 0 where it succeeded, with 1 where it failed.
    """
    async with session.access.connect() as client:
        return await _follow_to_its_end(session, client, await the_one(client, name), timeout=timeout)


@click.command(
    cls=Command,
    examples="""
    kubectl dragonfly rerun purge-llama --wait
    """,
)
@_name
@click.option("--run-id", metavar="WORD", help="The new runID. Default: one with the time.")
@click.option("--wait", "waits", is_flag=True, help="Follow it to its end.")
@_timeout
@kubectl_options
@running
async def rerun(session: Session, *, name: str, run_id: str | None, waits: bool, timeout: int | None) -> int:
    """Do the same work once more.

    Sets a new runID. A run that is going is ended, and begun anew.
    """
    async with session.access.connect() as client:
        run = await the_one(client, name)
        chosen = run_id or f"rerun-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}Z"
        run = await _patch(client, run, {"runID": chosen})
        session.screen.say(f"{_named(run)}: asked for a new run, with runID {chosen}")
        if run.spec.get("suspend") is True:
            session.screen.note(f"it is suspended, and waits: {session.command('resume', _named(run))}")
        if not waits:
            return TRUE
        return await _follow_to_its_end(session, client, run, timeout=timeout)


@click.command(
    cls=Command,
    examples="""
    kubectl dragonfly suspend purge-llama
    """,
)
@_name
@kubectl_options
@running
async def suspend(session: Session, *, name: str) -> int:
    """Stop a run, or keep it from starting.

    Until it is resumed. What is deleted stays deleted.
    """
    run = await _set_suspend(session, name, is_suspended=True)
    session.screen.say(f"{_named(run)} is suspended; go on with: {session.command('resume', _named(run))}")
    return TRUE


@click.command(
    cls=Command,
    examples="""
    kubectl dragonfly resume purge-llama
    """,
)
@_name
@kubectl_options
@running
async def resume(session: Session, *, name: str) -> int:
    """Let a run go on.

    One that was suspended or cancelled.
    """
    run = await _set_suspend(session, name, is_suspended=False)
    session.screen.say(f"{_named(run)} goes on; follow it with: {session.command('wait', _named(run))}")
    return TRUE


@click.command(
    cls=Command,
    examples="""
    kubectl dragonfly cancel purge-llama
    """,
)
@_name
@kubectl_options
@running
async def cancel(session: Session, *, name: str) -> int:
    """Stop a run that is going.

    Suspends it: it can be resumed. What is deleted stays deleted; a run that has ended is left alone.
    """
    async with session.access.connect() as client:
        run = await the_one(client, name)
        if run.is_over:
            session.screen.say(f"{_named(run)} has ended ({run.reason}): there is nothing to cancel")
            return TRUE
        await _patch(client, run, {"suspend": True})
    session.screen.say(f"{_named(run)} is cancelled; it can go on with: {session.command('resume', _named(run))}")
    return TRUE


async def _set_suspend(session: Session, name: str, *, is_suspended: bool) -> Run:
    async with session.access.connect() as client:
        return await _patch(client, await the_one(client, name), {"suspend": is_suspended})


async def _patch(client: Client, run: Run, spec: Mapping[str, Any]) -> Run:
    return Run.of(await client.patch(run.kind, run.namespace, run.name, {"spec": spec}))


async def _follow_to_its_end(session: Session, client: Client, run: Run, *, timeout: int | None) -> int:
    run = await follow(session, client, run, timeout=timeout)
    showing.verdict(session.screen, run)
    showing.advice(session.screen, run)
    return showing.exit_code(run)
