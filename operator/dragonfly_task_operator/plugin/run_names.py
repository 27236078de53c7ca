"""Which runs there are, for a command line that is being completed with the name of one."""

from __future__ import annotations

import asyncio

import click
from click.shell_completion import CompletionItem

from dragonfly_task_operator.api.kinds import KINDS
from dragonfly_task_operator.client.errors import ClientError
from dragonfly_task_operator.client.run import Run
from dragonfly_task_operator.plugin.options import Session

SECONDS = 2.0
"""For the API server to name runs in: a person has pressed a key, and waits."""


def runs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Give the names of runs that begin so. None where the API server can't be asked: this is no place to complain."""
    del parameter
    session = context.find_root().ensure_object(Session)
    try:
        found = asyncio.run(_runs(session))
    except (ClientError, TimeoutError):
        return []
    named = [(f"{run.kind.short_name}/{run.name}", run) for run in found]
    return [
        CompletionItem(name if "/" in incomplete else run.name, help=f"{name.partition('/')[0]}, {run.reason}")
        for name, run in named
        if (name if "/" in incomplete else run.name).startswith(incomplete)
    ]


async def _runs(session: Session) -> list[Run]:
    async with asyncio.timeout(SECONDS), session.access.connect() as client:
        return [Run.of(body) for kind in KINDS for body in await client.list(kind, client.namespace)]
