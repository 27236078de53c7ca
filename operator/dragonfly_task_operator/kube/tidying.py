"""Removing pages that no status names: of runs before the last one, of runs that were cut short, of objects gone.

A garbage collector removes those of the last sort as well, where there is one. All is found by looking at what there
is, so nothing has to be remembered over a restart, and nothing is removed on memory alone: its object is read first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence

from dragonfly_task_operator.kube.objects import ApiUnavailable, ObjectGone, Objects, Ref, WriteRefused
from dragonfly_task_operator.kube.reports import Reports, Sheet
from dragonfly_task_operator.observability.logs import fields

log = logging.getLogger(__name__)

START_SECONDS = 30.0
"""For all objects to be listed once, before the first look."""

SETTLE_SECONDS = 1.0
"""From something that may have left pages behind to the look at it: a garbage collector goes first."""

REST_SECONDS = 5.0
"""Between two looks at least; longer where one takes long."""

SHARE = 0.05
"""Of the time, at most, goes into looking."""

BUSY_SECONDS = 30.0
"""Until the next look, where an object was being worked at."""

REMOVALS_PER_SECOND = 50


class Named:
    """Which pages the statuses name that were seen last, by the uids of their objects, and when a look is due.

    Attributes:
        due: set when there may be pages that none names any more.
    """

    def __init__(self) -> None:
        self.due = asyncio.Event()
        self._names: dict[str, frozenset[str]] = {}

    def note(self, uid: str, names: Iterable[str]) -> None:
        """Take note of what an object's status names."""
        kept = frozenset(names)
        before = self._names.pop(uid, frozenset())
        if kept:
            self._names[uid] = kept
        if before - kept:
            self.due.set()

    def forget(self, uid: str) -> None:
        """Take note that an object is gone."""
        self.note(uid, ())

    def names(self, sheet: Sheet) -> bool:
        """Whether the page's owner names it."""
        return sheet.of is not None and sheet.name in self._names.get(sheet.of.uid, ())


class Tidier:
    """Removes pages that are nobody's.

    Args:
        reports: where they are.
        objects: tell what an object's status names now.
        named: what is known of that, so that not every object has to be asked for.
        is_busy: tells whether an object, by its uid, is being worked at: it may be about to name pages.
        namespaces: those that are looked after; (None,) for all.
        count: told how many pages were removed.
    """

    def __init__(
        self,
        reports: Reports,
        objects: Objects,
        named: Named,
        *,
        is_busy: Callable[[str], bool],
        namespaces: Sequence[str | None],
        count: Callable[[int], None],
    ) -> None:
        self._reports, self._objects, self._named = reports, objects, named
        self._is_busy, self._namespaces, self._count = is_busy, namespaces, count
        self._said: dict[str | None, str] = {}

    async def tidy_forever(self, *, interval: float, is_watching: Callable[[], bool]) -> None:
        """Look every so many seconds, and when one is due. Ends when it is cancelled."""
        clock = asyncio.get_running_loop().time
        give_up = clock() + START_SECONDS
        while not is_watching() and clock() < give_up:  # noqa: ASYNC110 - nothing sets an event
            await asyncio.sleep(SETTLE_SECONDS)
        while True:
            self._named.due.clear()
            began = clock()
            wait = interval if await self.tidy() else min(BUSY_SECONDS, interval)
            await asyncio.sleep(max(REST_SECONDS, (clock() - began) / SHARE))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._named.due.wait(), wait)
                await asyncio.sleep(SETTLE_SECONDS)

    async def tidy(self) -> bool:
        """Look once. Returns whether every page could be judged."""
        is_done = True
        for namespace in self._namespaces:
            try:
                is_done &= await self._tidy(namespace)
            except (ApiUnavailable, WriteRefused) as error:
                if self._said.get(namespace) != str(error):
                    log.warning("reports.unseen", extra=fields(namespace=namespace, error=str(error)[:300]))
                self._said[namespace] = str(error)
        return is_done

    async def _tidy(self, namespace: str | None) -> bool:
        unnamed: dict[Ref, list[Sheet]] = {}
        async for sheet in self._reports.all(namespace):
            if sheet.of is not None and not self._named.names(sheet):
                unnamed.setdefault(sheet.of, []).append(sheet)
        is_done = True
        for owner, sheets in unnamed.items():
            if self._is_busy(owner.uid):
                is_done = False
                continue
            kept = await self._names_now(owner)
            removed = 0
            for sheet in sheets:
                if sheet.name not in kept and not self._is_busy(owner.uid):
                    removed += await self._reports.remove(sheet)
                await asyncio.sleep(1 / REMOVALS_PER_SECOND)
            if removed:
                self._count(removed)
                log.info("report.removed", extra=fields(object=owner, uid=owner.uid, pages=removed))
        return is_done

    async def _names_now(self, owner: Ref) -> frozenset[str]:
        """Tell which pages an object's status names: none where it is gone. Raises ApiUnavailable."""
        try:
            snapshot = await self._objects.get(owner)
        except ObjectGone:
            return frozenset()
        return frozenset(snapshot.record().reports)
