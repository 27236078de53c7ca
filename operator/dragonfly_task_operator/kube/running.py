"""One run under way: the engine on one side, the object's status on the other.

Statuses come at the pace of `cadence.py` and only when they say something new, and the last one always.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.reading import UnreadableSpec
from dragonfly_task_operator.api.specs import Spec, run_key
from dragonfly_task_operator.api.status import Status
from dragonfly_task_operator.engine.composing import RawStatus, compose, leaves_out
from dragonfly_task_operator.engine.lifecycle import Begin
from dragonfly_task_operator.engine.report import shrink
from dragonfly_task_operator.engine.run import Means, Run
from dragonfly_task_operator.engine.verdict import Verdict, suspended
from dragonfly_task_operator.kube.cadence import Cadence
from dragonfly_task_operator.kube.objects import ApiUnavailable, ObjectGone, Objects, Snapshot, TooLarge
from dragonfly_task_operator.kube.paging import Press, ReportLost, Written, naming
from dragonfly_task_operator.kube.telling import Heralds, Telling
from dragonfly_task_operator.observability.logs import fields
from dragonfly_task_operator.observability.redaction import redact

log = logging.getLogger(__name__)

MAX_API_BACKOFF = 5.0
MAX_RETRY_AFTER = 60.0
"""Seconds; the last: however long the API server asks to be left alone."""

SMALLER = (16 << 10, 4 << 10, 0)
"""Bytes of results to try, in turn, where the API server has no room for all of them: in the end, no lists."""


class Superseded(Exception):
    """The object asks for something else now: this run must not write its status any more."""


@dataclass(slots=True)
class Running:
    """A run of one object, until it ends, is superseded, or is cancelled.

    Attributes:
        snapshot: the object as it was last seen or written. Whoever watches the object keeps it fresh.
        changed: set when `snapshot` has been replaced.
    """

    snapshot: Snapshot
    changed: asyncio.Event
    begin: Begin
    spec: Spec
    means: Means
    objects: Objects
    heralds: Heralds
    cadence: Cadence
    press: Press
    _run: Run | None = None
    _earlier_end: datetime | None = None
    """When the run ended that this one follows: it may have the same key, and have begun in the same second."""
    _ended: Verdict | None = None
    _room: int | None = None
    """Bytes for results, where the API server has had no room for more."""
    _report: Written | ReportLost | None = None
    """What became of the pages of a run that has ended, where there have to be some."""

    async def execute(self) -> Snapshot:
        """Run, reporting all the way.

        Returns:
            the object with the last status written.

        Raises:
            Superseded: the object was edited, or suspended; suspending is written before.
            ObjectGone: it was deleted.
        """
        self._run = run = Run(
            self.spec, self.snapshot.ref.namespace, self.means, self.begin.started, self.begin.carried
        )
        telling = self.heralds.of(self.snapshot, self.begin)
        self._earlier_end = self.snapshot.record().completed
        telling.began()
        try:
            verdict = await self._work(run, telling)
            await self._write_persistently(run, verdict)
        except (Superseded, ObjectGone, asyncio.CancelledError) as why:
            telling.stopped(run, why)
            raise
        await telling.ended(run, verdict, self.spec)
        return self.snapshot

    async def _work(self, run: Run, telling: Telling) -> Verdict:
        """Have the engine do the work, and keep a record of it, however it ends."""
        engine = asyncio.get_running_loop().create_task(run.execute())
        end: Verdict | BaseException
        try:
            with self.cadence.joined():
                end = self._ended = await self._follow(run, engine)
        except BaseException as why:
            end = why
            raise
        finally:
            await _stop(engine)
            await telling.worked(run, end)
        return end

    @property
    def has_ended(self) -> bool:
        """Whether the work has been done, if not yet told."""
        return self._ended is not None

    def _named(self, **more: object) -> dict[str, object]:
        """Say whose run an event is about."""
        ref = self.snapshot.ref
        return fields(object=ref, uid=ref.uid, run=self.begin.key, **more)

    async def checkpoint(self) -> None:
        """Write what is known, once, after `execute` was cancelled: the operator is about to stop.

        Raises:
            Superseded: the run's end was being written, and has landed.
            ObjectGone, ApiUnavailable: nothing was written.
        """
        if self._run is not None:
            results, progress = self._run.snapshot()
            if self._ended is not None and self._report is None and self._leaves_out(results, self._ended):
                self._report = ReportLost("the operator was stopped meanwhile")
                self.heralds.metrics.report_lost()
            await self._write(results, self._ended or progress)

    async def _follow(self, run: Run, engine: asyncio.Task[Verdict]) -> Verdict:
        """Write progress until the engine comes to a verdict."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self.cadence.first()
        written: int | None = None
        while True:
            changed = loop.create_task(self.changed.wait())
            try:
                await asyncio.wait(
                    {engine, changed}, timeout=max(due - loop.time(), 0), return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                await _stop(changed)
            if engine.done():
                return self._verdict(engine)
            if self.changed.is_set():
                self.changed.clear()
                await self._heed_edit(run, engine)
                continue
            written = await self._write_news(run, written)
            due = loop.time() + self.cadence.next()

    async def _write_news(self, run: Run, written: int | None) -> int | None:
        """Write progress where there is any. A write that fails is made good by the next one.

        Args:
            run: what it is about.
            written: stands for what was written last: thousands of runs in line need not keep it whole.

        Returns:
            the same for what is written now.
        """
        results, progress = run.snapshot()
        state = hash((repr(results.model_dump()), progress))  # as JSON, not every text could be told
        if state != written:
            try:
                await self._write(results, progress)
            except ApiUnavailable:
                return written
        return state

    def _verdict(self, engine: asyncio.Task[Verdict]) -> Verdict:
        error = engine.exception()
        if error is None:
            return engine.result()
        log.error("run.broken", extra=self._named(), exc_info=error)
        return Verdict(
            Reason.INTERNAL_ERROR,
            f"the operator met an error that it does not know ({type(error).__name__}: {redact(str(error))[:200]});"
            " its log has the details: please report it; a new spec.runID tries again",
        )

    async def _heed_edit(self, run: Run, engine: asyncio.Task[Verdict]) -> None:
        """See what a change of the object asks of the run that is going."""
        try:
            spec = self.snapshot.spec()
        except UnreadableSpec as error:
            if error.reason != Reason.OPERATOR_TOO_OLD:
                raise Superseded from error
            await self._halt(run, engine, Verdict(error.reason, str(error)))
        else:
            self._require_same_work(spec)
            if spec.suspend:
                await self._halt(run, engine, suspended(on_the_way=True))
            self.spec = spec
            run.adopt(spec)

    async def _halt(self, run: Run, engine: asyncio.Task[Verdict], why: Verdict) -> NoReturn:
        """Stop on the way, and write down what is known, for the run to go on with later. Raises Superseded."""
        await _stop(engine)
        results, _ = run.snapshot()
        await self._persist(lambda: self._write(results, why))
        raise Superseded

    async def _write_persistently(self, run: Run, verdict: Verdict) -> None:
        """Write how the run ended, once all pages have been written that its status has to name."""
        results, _ = run.snapshot()
        await self._persist(lambda: self._write(results, verdict, ended=run))
        self.press.named.note(self.snapshot.ref.uid, self.snapshot.record().reports)

    async def _report_on(self, run: Run) -> Written | ReportLost:
        ref, earlier = self.snapshot.ref, self.snapshot.record().reports
        try:
            written = await self.press.write(
                ref,
                run.pages,
                run_key=self.begin.key,
                run_id=self.spec.run_id,
                earlier=len(earlier),
                check=lambda: self._check_still_wanted(self.snapshot),
            )
        except ReportLost as lost:
            self.heralds.metrics.report_lost()
            log.warning("report.lost", extra=self._named(error=str(lost)[:300]))
            self.press.named.due.set()
            return lost
        except Superseded:
            self.press.named.due.set()
            raise
        self.heralds.metrics.pages_written(len(written.names))
        return written

    async def _persist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write until the API server takes it: a result must not be lost because the API server restarts."""
        backoff = 0.1
        while True:
            try:
                await write()
            except ApiUnavailable as error:
                log.warning("status.delayed", extra=self._named(error=str(error)[:300]))
                await asyncio.sleep(max(backoff, min(error.retry_after, MAX_RETRY_AFTER)))
                backoff = min(backoff * 2, MAX_API_BACKOFF)
            else:
                return

    async def _write(self, results: Status, verdict: Verdict, *, ended: Run | None = None) -> None:
        """Write a status; a smaller one, from now on, where the API server has no room for it.

        Args:
            results: what peers answered.
            verdict: what to say.
            ended: the run, where it is to be told of on pages as far as the status leaves it out.

        Raises:
            TooLarge: there is no room even for the smallest.
        """
        while True:
            shrunk = results if self._room is None else shrink(results, self._room)
            if ended is not None and self._report is None and self._leaves_out(shrunk, verdict):
                self._report = await self._report_on(ended)
            try:
                await self._write_whole(*naming(self._report, shrunk, verdict))
            except TooLarge as error:
                smaller = next((room for room in SMALLER if self._room is None or room < self._room), None)
                if smaller is None:
                    raise
                log.warning("status.large", extra=self._named(error=str(error)[:300], limit=smaller))
                self._room = smaller
            else:
                return

    async def _write_whole(self, results: Status, verdict: Verdict) -> None:
        def render(snapshot: Snapshot) -> RawStatus:
            self.see(snapshot)
            self._check_still_wanted(snapshot)  # also of one that is no news: the watch may have shown it meanwhile
            return self._composed(snapshot, results, verdict)

        # What the watch shows may meanwhile be newer than what this write gave.
        self.see(await self.objects.write_status(self.snapshot, render))

    def _composed(self, snapshot: Snapshot, results: Status, verdict: Verdict) -> RawStatus:
        return compose(
            snapshot.record(),
            results,
            verdict,
            spec=self.spec,
            generation=snapshot.generation,
            started=self.begin.started,
            history=self.begin.history,
            now=self.means.clock.now(),
        )

    def _leaves_out(self, results: Status, verdict: Verdict) -> bool:
        return leaves_out(self._composed(self.snapshot, results, verdict))

    def _require_same_work(self, spec: Spec) -> None:
        if run_key(spec) != self.begin.key:
            raise Superseded

    def _check_still_wanted(self, snapshot: Snapshot) -> None:
        """Raise Superseded where the object asks for something else, or says that this very run has ended."""
        try:
            self._require_same_work(snapshot.spec())
        except UnreadableSpec as error:
            raise Superseded from error
        record, started = snapshot.record(), self.begin.started.replace(microsecond=0)
        if not record.is_finished or record.completed == self._earlier_end:
            return
        if (record.run_key, record.started) == (self.begin.key, started):
            raise Superseded  # the end of this very run has been written, if not by a write that gave an answer

    def see(self, snapshot: Snapshot) -> bool:
        """Take note of the object as it is now. Returns whether that was news."""
        if snapshot.age <= self.snapshot.age:
            return False
        self.snapshot = snapshot
        return True


async def _stop(task: asyncio.Task[object]) -> None:
    """Cancel a task and wait until it is over, whatever it ends with."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
