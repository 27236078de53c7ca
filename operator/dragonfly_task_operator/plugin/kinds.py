"""Names that people give: `NAME`, or `tsearch/NAME` where two objects of it could be meant."""

from __future__ import annotations

import click

from dragonfly_task_operator.api.kinds import KINDS, Kind
from dragonfly_task_operator.client.client import Client
from dragonfly_task_operator.client.errors import NoSuchObject
from dragonfly_task_operator.client.run import Run


def split(name: str) -> tuple[tuple[Kind, ...], str]:
    """Part the kind and the name of an object; without a kind, either may be meant. Raises UsageError."""
    word, slash, rest = name.partition("/")
    if not slash:
        return KINDS, name
    for kind in KINDS:
        if word.partition(".")[0].lower() in {kind.short_name, kind.plural, kind.singular}:
            return (kind,), rest
    raise click.UsageError(
        f"{word} is no kind of run: write {' or '.join(f'{kind.short_name}/{rest}' for kind in KINDS)}"
    )


async def found(client: Client, name: str) -> list[Run]:
    """Find the runs of a name: one, or one of each kind. Raises NoSuchObject, CannotAsk."""
    kinds, name = split(name)
    runs = []
    for kind in kinds:
        try:
            runs.append(Run.of(await client.get(kind, client.namespace, name)))
        except NoSuchObject:
            if len(kinds) == 1:
                raise
    if not runs:
        what = " or ".join(kind.name for kind in kinds)
        raise NoSuchObject(f"there is no {what} {client.namespace}/{name}")
    return runs


async def the_one(client: Client, name: str) -> Run:
    """Find the run that is meant. Raises UsageError where two could be; NoSuchObject, CannotAsk."""
    runs = await found(client, name)
    if len(runs) > 1:
        choice = " or ".join(f"{run.kind.short_name}/{run.name}" for run in runs)
        raise click.UsageError(f"there are two runs of this name: write {choice}")
    return runs[0]
