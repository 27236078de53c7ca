"""Writing the pages of a run that has ended: none says that all are there before they are, whenever it is interrupted.

Pages are named by their object and the run's key, so a run of the same key, as the next look of a search, writes over
those of the one before. Who removes pages that no status names is `tidying.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from dragonfly_task_operator.api.page import Owner, page_name
from dragonfly_task_operator.api.status import Status
from dragonfly_task_operator.engine.pages import Pages
from dragonfly_task_operator.engine.report import with_pages
from dragonfly_task_operator.engine.verdict import MAX_MESSAGE, Verdict
from dragonfly_task_operator.errors import OperatorError
from dragonfly_task_operator.kube.objects import (
    ApiUnavailable,
    Conflict,
    Forbidden,
    NotFound,
    ObjectGone,
    Objects,
    Ref,
    WriteRefused,
)
from dragonfly_task_operator.kube.reports import Reports, Sheet
from dragonfly_task_operator.kube.tidying import Named
from dragonfly_task_operator.observability.logs import fields
from dragonfly_task_operator.observability.redaction import cut, redact

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 30.0
"""For an API server that does not take a page: then the verdict is written without any."""

PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 5.0
"""Between two attempts."""

MAX_ROUNDS = 10
"""Attempts at a page that others write, make or remove at the same time."""

RUNS_AT_ONCE = 4
"""Runs whose pages are written at once: a page takes some megabytes meanwhile."""

MAX_NOTE = 400
"""Characters of a message that tell of pages that could not be written."""

_Answer = TypeVar("_Answer")


class ReportLost(OperatorError):
    """The pages of a run could not be written; the message says why. None of them says that all are there."""


@dataclass(frozen=True, slots=True)
class Written:
    """The names of all pages of a run, in order, and how many peers have no row on any."""

    names: list[str]
    omitted: int


def naming(report: Written | ReportLost | None, results: Status, verdict: Verdict) -> tuple[Status, Verdict]:
    """Have results name the pages that were written, and a verdict say where they could not be."""
    match report:
        case None:
            return results, verdict
        case Written(names, omitted):
            return with_pages(results, names, omitted=omitted), verdict
        case ReportLost():
            note = f"; TaskReports could not be written, so what the status leaves out is told nowhere: {report}"
            note = cut(redact(note), MAX_NOTE)
            return results, Verdict(verdict.reason, cut(verdict.message, MAX_MESSAGE - len(note)) + note)


class Press:
    """Writes pages, for some runs at once.

    Args:
        reports: where they go.
        objects: tell whether the owner of a page is there.

    Attributes:
        named: told of which pages the statuses name.
    """

    def __init__(self, reports: Reports, objects: Objects, named: Named) -> None:
        self._reports, self._objects = reports, objects
        self.named = named
        self._turns = asyncio.Semaphore(RUNS_AT_ONCE)

    async def write(
        self,
        ref: Ref,
        lay_out: Callable[[], Awaitable[Pages]],
        *,
        run_key: str,
        run_id: str | None,
        earlier: int,
        check: Callable[[], None],
    ) -> Written:
        """Write all pages of a run.

        Args:
            ref: the object.
            lay_out: gives the pages.
            run_key: the run's.
            run_id: the run's.
            earlier: how many pages the run before left, of the same names maybe.
            check: called before each page; what it raises ends the writing.

        Raises:
            ReportLost.
        """
        async with self._turns:
            pages = await lay_out()
            # Of two objects whose names are the same up to where they are cut, or of two kinds, with the same key, the
            # second has the start of its uid in the names of its pages.
            for uid in ("", ref.uid):
                names = [page_name(ref.name, run_key, page, uid=uid) for page in range(len(pages))]
                edition = _Edition(
                    self._reports,
                    self._objects,
                    ref,
                    names,
                    pages,
                    run_key,
                    run_id,
                    check,
                    spoils=earlier > 1 or len(pages) > 1,
                )
                try:
                    await edition.write()
                except _NameTaken:
                    log.warning("report.name_taken", extra=fields(object=ref, uid=ref.uid, name=names[0]))
                    continue
                except (OperatorError, WriteRefused) as error:
                    raise ReportLost(str(error)) from None
                return Written(names, pages.omitted)
        raise ReportLost("other objects have pages of the names that it would have")


class _NameTaken(Exception):
    """An object that is there, or nobody that is known, has a page of this name."""


@dataclass(slots=True)
class _Edition:
    """The pages of one run, under names that are being tried.

    Attributes:
        spoils: whether pages of earlier runs, if there are any, have yet to say that they are not whole.
    """

    reports: Reports
    objects: Objects
    ref: Ref
    names: list[str]
    pages: Pages
    run_key: str
    run_id: str | None
    check: Callable[[], None]
    spoils: bool

    async def write(self) -> None:
        """Write the first page last: it completes the set, and then the others may say so."""
        written = []
        for page in reversed(range(len(self.pages))):
            self.check()
            written.append(await self._put(page))
        for sheet in written[:-1]:
            await self._says(sheet, is_complete=True)

    async def _put(self, page: int) -> Sheet:
        name, report = self.names[page], await self._report(page)
        for _ in range(MAX_ROUNDS):
            try:
                return await _persistently(partial(self.reports.create, self.ref, name, report))
            except Conflict:
                there = await _persistently(partial(self.reports.find, self.ref.namespace, name))
            if there is None:
                continue
            if not there.is_of(self.ref):
                await self._take_over(there)
            elif self.spoils:
                await self._spoil()
                self.spoils = False
            else:
                try:
                    return await _persistently(partial(self.reports.change, there, report))
                except (Conflict, NotFound):
                    continue
        raise ReportLost(f"the page {name} is changed all the time by others")

    async def _report(self, page: int) -> dict[str, object]:
        content = (await self.pages.leaf(page)).page(
            Owner(kind=self.ref.kind.name, name=self.ref.name, uid=self.ref.uid),
            run_key=self.run_key,
            run_id=self.run_id,
            page=page,
            pages=len(self.pages),
            complete=page == 0,
        )
        return content.to_json()

    async def _take_over(self, sheet: Sheet) -> None:
        """Remove a page of an object that is gone. Raises _NameTaken where it is somebody's."""
        owner = sheet.of
        if owner is None or not await _persistently(partial(self._is_gone, owner)):
            raise _NameTaken
        await _persistently(partial(self.reports.remove, sheet))

    async def _is_gone(self, owner: Ref) -> bool:
        try:
            await self.objects.get(owner)
        except ObjectGone:
            return True
        return False

    async def _spoil(self) -> None:
        """Have the pages of earlier runs of the same key say no longer that all are there: they are written over."""
        stem = self.names[0].rpartition("-")[0]
        async for sheet in self.reports.all(self.ref.namespace):
            if sheet.is_of(self.ref) and sheet.name.rpartition("-")[0] == stem:
                await self._says(sheet, is_complete=False)

    async def _says(self, sheet: Sheet, *, is_complete: bool) -> None:
        """Have a page of this object say whether all are there."""
        seen: Sheet | None = sheet
        for _ in range(MAX_ROUNDS):
            if seen is None or not seen.is_of(self.ref):
                break
            try:
                await _persistently(partial(self.reports.change, seen, {"complete": is_complete}))
            except (Conflict, NotFound):
                seen = await _persistently(partial(self.reports.find, sheet.namespace, sheet.name))
            else:
                return
        if is_complete:
            raise ReportLost(f"the page {sheet.name} was taken away by others while the rest were written")


async def _persistently(request: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Make a request until the API server can be reached, but not for long. Raises what it meets in the end."""
    loop = asyncio.get_running_loop()
    give_up, pause = loop.time() + PATIENCE_SECONDS, PAUSE_SECONDS
    while True:
        try:
            return await request()
        except (Forbidden, NotFound):
            raise
        except ApiUnavailable as error:
            wait = max(pause, error.retry_after)
            if loop.time() + wait > give_up:
                raise
            await asyncio.sleep(wait)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
