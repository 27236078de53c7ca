"""What is known of all runs, kept up to date by watching both kinds: pages are made of it, and told when it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from dragonfly_task_operator.api.kinds import KINDS, Kind
from dragonfly_task_operator.client.client import Client
from dragonfly_task_operator.client.errors import CannotAsk
from dragonfly_task_operator.client.watching import Gone, Listed, Recovered, Seen, Trouble
from dragonfly_task_operator.console.runs import Shown

AGAIN_SECONDS = 10.0
"""After which rights, or kinds, that were missing are looked for again."""

_LISTS = ("tasks", "images", "failures", "history")
"""Of a status; read anew for the page of one run. Ten thousand runs fit into memory without them."""


class Feed:
    """The runs of a namespace, or of all.

    Args:
        client: with the person's rights.
        namespace: None: all.
    """

    def __init__(self, client: Client, namespace: str | None) -> None:
        self._client, self.namespace = client, namespace
        self._runs: dict[tuple[Kind, str, str], Shown] = {}
        self._listed: set[Kind] = set()
        self._troubles: dict[Kind, CannotAsk] = {}
        self._changed = asyncio.Condition()
        self.version = 0
        """How often anything has changed."""

    async def follow(self) -> None:
        """Keep it up to date until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind in KINDS:
                group.create_task(self._follow(kind))

    @property
    def is_whole(self) -> bool:
        """Whether all runs there are have been seen once."""
        return self._listed == set(KINDS)

    @property
    def troubles(self) -> Sequence[str]:
        """Say why it is not up to date, in sentences, each once; none: it is."""
        return sorted({str(trouble) for trouble in self._troubles.values()})

    def runs(self) -> list[Shown]:
        """Give all that are known, the newest first."""
        return sorted(self._runs.values(), key=lambda run: (run.made, run.path), reverse=True)

    async def news(self, seen: int, *, seconds: float) -> int:
        """Wait until `version` is another than was seen, for so many seconds at most, and give it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self.version != seen)
        return self.version

    async def _follow(self, kind: Kind) -> None:
        while True:
            try:
                await self._watch(kind)
            except CannotAsk as error:
                self._troubles[kind] = error
                await self._tell()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _watch(self, kind: Kind) -> None:
        async for event in self._client.watch(kind, self.namespace):
            match event:
                case Seen(body):
                    run = Shown(kind, _without_lists(body))
                    self._runs[kind, run.namespace, run.name] = run
                case Gone(namespace, name, uid):
                    known = self._runs.get((kind, namespace, name))
                    if known is not None and known.uid == uid:  # and no later one of its name
                        del self._runs[kind, namespace, name]
                case Listed():
                    self._troubles.pop(kind, None)
                    self._listed.add(kind)
                case Trouble(message):
                    self._troubles[kind] = CannotAsk(message)
                case Recovered():
                    self._troubles.pop(kind, None)
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self.version += 1
            self._changed.notify_all()


def _without_lists(body: Mapping[str, Any]) -> dict[str, Any]:
    status = body.get("status")
    if not isinstance(status, Mapping):
        return dict(body)
    return {**body, "status": {name: value for name, value in status.items() if name not in _LISTS}}
