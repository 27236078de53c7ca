"""What the last word of a command line may become, for kubectl's own completion of plugins.

kubectl runs `kubectl_complete-dragonfly` with all words, the last of which is to be completed and may be empty, and
takes a line for each choice, with a description after a tab, and a last line that says `:4`: no names of files
(KEP 2379 of https://github.com/kubernetes/enhancements; the directives are those of Cobra).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem, ShellComplete

from dragonfly_task_operator.api.kinds import KINDS
from dragonfly_task_operator.client.errors import ClientError
from dragonfly_task_operator.client.run import Run
from dragonfly_task_operator.plugin.options import Session

SECONDS = 2.0
"""For the API server to name runs in: a person has pressed a key, and waits."""

_FILES, _NO_FILES = ":0", ":4"


def completions(words: Sequence[str]) -> list[str]:
    """Give the lines for these words."""
    from dragonfly_task_operator.plugin.commands import dragonfly  # noqa: PLC0415 - it has the commands that use this room

    *before, last = words or [""]
    found = ShellComplete(dragonfly, {}, "kubectl dragonfly", "").get_completions(list(before), last)
    if any(item.type == "file" for item in found):
        return [_FILES]
    lines = [f"{item.value}\t{item.help}" if item.help else str(item.value) for item in found if item.type == "plain"]
    return [*lines, _NO_FILES]


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
