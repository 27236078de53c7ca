"""The watches that are open through the proxy: ended, told something, and tampered with."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

_END = object()


@dataclass(eq=False, slots=True)
class _Watch:
    request: str
    inserted: asyncio.Queue[object] = field(default_factory=asyncio.Queue)
    """Lines to be told in between, or `_END`."""


class Watches:
    """All watches. But for the attributes, its words are said in the proxy's event loop.

    Attributes:
        loses_deletions: watches tell of no deletion.
        repeats: watches tell of each event twice, and after each of the first version of the object again.
    """

    def __init__(self) -> None:
        self.loses_deletions = False
        self.repeats = False
        self._open: set[_Watch] = set()

    def count(self, pattern: str) -> int:
        """How many are open; may be said from any thread."""
        return len([watch for watch in tuple(self._open) if re.search(pattern, watch.request)])

    def insert(self, pattern: str, line: bytes) -> None:
        for watch in self._matching(pattern):
            watch.inserted.put_nowait(line)

    def end(self, pattern: str) -> None:
        for watch in self._matching(pattern):
            watch.inserted.put_nowait(_END)

    def _matching(self, pattern: str) -> list[_Watch]:
        return [watch for watch in self._open if re.search(pattern, watch.request)]

    @asynccontextmanager
    async def opened(self, request: str) -> AsyncIterator[_Watch]:
        watch = _Watch(request)
        self._open.add(watch)
        try:
            yield watch
        finally:
            self._open.discard(watch)

    async def lines(self, watch: _Watch, upstream: aiohttp.StreamReader) -> AsyncGenerator[bytes]:
        """Give what the watcher is told, until the API server, or this, ends the watch."""
        first: dict[str, bytes] = {}
        line = inserted = None
        try:
            while True:
                line = line or asyncio.ensure_future(upstream.readline())
                inserted = inserted or asyncio.ensure_future(watch.inserted.get())
                await asyncio.wait({line, inserted}, return_when=asyncio.FIRST_COMPLETED)
                if inserted.done():
                    told, inserted = inserted.result(), None
                    if not isinstance(told, bytes):
                        return
                    yield told
                    continue
                read, line = line.result(), None
                if not read:
                    return
                for each in self._tampered(read, first):
                    yield each
        finally:
            for task in (line, inserted):
                if task is not None:
                    task.cancel()

    def _tampered(self, line: bytes, first: dict[str, bytes]) -> Iterator[bytes]:
        event = json.loads(line)
        if event["type"] == "DELETED" and self.loses_deletions:
            return
        yield line
        uid = event["object"].get("metadata", {}).get("uid", "")
        stale = first.setdefault(uid, line)
        if self.repeats and event["type"] in ("ADDED", "MODIFIED"):
            yield line
            yield stale
