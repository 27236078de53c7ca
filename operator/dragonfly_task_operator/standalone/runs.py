"""From manifests to finished objects, one after another, until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dragonfly_task_operator.api.audit import AskedBy, AuditedObject
from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.manifests import Manifest
from dragonfly_task_operator.api.page import page_name
from dragonfly_task_operator.api.record import NOTHING_KNOWN, Record
from dragonfly_task_operator.api.status import Status
from dragonfly_task_operator.engine import auditing
from dragonfly_task_operator.engine.composing import RawStatus, compose, leaves_out, suspend
from dragonfly_task_operator.engine.pages import Leaf
from dragonfly_task_operator.engine.report import with_pages
from dragonfly_task_operator.engine.run import Means, Run
from dragonfly_task_operator.engine.verdict import Verdict, suspended
from dragonfly_task_operator.observability.audit_log import AuditLog, keep
from dragonfly_task_operator.observability.logs import fields
from dragonfly_task_operator.observability.redaction import redact
from dragonfly_task_operator.standalone.progress import Progress

log = logging.getLogger(__name__)

GENERATION = 1
"""Of an object that is written down once and never edited."""

CANCEL_SECONDS = 2.0
"""For requests under way to be given up, once told to stop."""


@dataclass(frozen=True, slots=True)
class Finished:
    """An object, and what became of it.

    Attributes:
        status: as the operator would have written it.
        peers: every peer that has something to tell.
    """

    manifest: Manifest
    status: RawStatus
    peers: Sequence[Leaf] = ()

    @property
    def succeeded(self) -> str:
        """The status of the condition `Succeeded`: True, False or Unknown."""
        return next(str(each["status"]) for each in self.status["conditions"] if each["type"] == "Succeeded")

    @property
    def record(self) -> Record:
        """The status, as it can be read."""
        return Record(self.status)


async def run_all(
    manifests: Sequence[Manifest],
    means: Means,
    *,
    progress: Progress,
    stop: asyncio.Event,
    with_reports: bool = False,
    audit_log: AuditLog | None = None,
) -> list[Finished]:
    """Run every manifest in turn, whatever becomes of those before it.

    Args:
        manifests: what to do.
        means: what runs work with.
        progress: told how far they are.
        stop: ends the run that is going; those after it are not begun.
        with_reports: whether statuses name the TaskReports that tell what they leave out.
        audit_log: where a record of each is kept; None: nowhere.
    """
    finished = []
    now = asyncio.get_running_loop().time
    for manifest in manifests:
        began = now()
        if stop.is_set():
            each = _unbegun(manifest, means.clock.now(), Verdict(Reason.PENDING, "not begun: interrupted before"))
        elif manifest.spec.suspend:
            each = _unbegun(manifest, means.clock.now(), suspended(on_the_way=False))
        else:
            each = await _OneRun(manifest, means, progress, stop, with_reports, audit_log).execute()
        progress.end(manifest, each.record, seconds=now() - began)
        finished.append(each)
    return finished


def _unbegun(manifest: Manifest, now: datetime, verdict: Verdict) -> Finished:
    status = suspend(
        NOTHING_KNOWN,
        verdict,
        on_the_way=False,
        spec=manifest.spec,
        generation=GENERATION,
        history=(),
        now=now,
    )
    return Finished(manifest, status)


@dataclass(slots=True)
class _OneRun:
    manifest: Manifest
    means: Means
    progress: Progress
    stop: asyncio.Event
    with_reports: bool
    audit_log: AuditLog | None

    async def execute(self) -> Finished:
        started = self.means.clock.now()
        run = Run(self.manifest.spec, self.manifest.namespace, self.means, started)
        verdict = await self._follow(run)
        await self._audit(run, verdict, started)
        pages = await run.pages()
        results, _ = run.snapshot()
        status = self._composed(results, verdict, started)
        if self.with_reports and leaves_out(status):
            key = str(status["runKey"])
            names = [page_name(self.manifest.name, key, page) for page in range(len(pages))]
            status = self._composed(with_pages(results, names, omitted=pages.omitted), verdict, started)
        return Finished(self.manifest, status, [await pages.leaf(page) for page in range(len(pages))])

    def _composed(self, results: Status, verdict: Verdict, started: datetime) -> RawStatus:
        return compose(
            NOTHING_KNOWN,
            results,
            verdict,
            spec=self.manifest.spec,
            generation=GENERATION,
            started=started,
            history=(),
            now=self.means.clock.now(),
        )

    async def _audit(self, run: Run, verdict: Verdict, started: datetime) -> None:
        """Keep a record. Who asked is not known here: whoever could start this process."""
        if self.audit_log is None:
            return
        manifest, ended = self.manifest, max(self.means.clock.now(), started)
        record = await auditing.record(
            run,
            auditing.Outcome(verdict.reason, verdict.message, resumed=False, started=started, ended=ended),
            source="exec",
            of=AuditedObject(kind=manifest.kind.name, namespace=manifest.namespace, name=manifest.name),
            asked_by=AskedBy(),
        )
        keep(self.audit_log, record.to_json(), {"object": manifest})

    async def _follow(self, run: Run) -> Verdict:
        """Tell how far the run is, until it has ended or is to stop. Nothing of it goes on after that."""
        loop = asyncio.get_running_loop()
        engine = loop.create_task(run.execute())
        stopped = loop.create_task(self.stop.wait())
        try:
            while not (engine.done() or stopped.done()):
                self.progress.show(self.manifest, *run.snapshot(), seconds=run.elapsed())
                await asyncio.wait(
                    {engine, stopped}, timeout=self.progress.interval, return_when=asyncio.FIRST_COMPLETED
                )
        finally:
            stopped.cancel()
            if not engine.done():
                engine.cancel()
                await asyncio.wait({engine}, timeout=CANCEL_SECONDS)
        if not engine.done() or engine.cancelled():
            return _interrupted(run)
        error = engine.exception()
        return engine.result() if error is None else self._broken(error)

    def _broken(self, error: BaseException) -> Verdict:
        log.error("run.broken", extra=fields(object=self.manifest), exc_info=error)
        return Verdict(
            Reason.INTERNAL_ERROR,
            f"an error that nobody foresaw ({type(error).__name__}: {redact(str(error))[:200]}): please report it, with"
            " what stands on stderr",
        )


def _interrupted(run: Run) -> Verdict:
    """Say that a run was stopped on the way: what it has deleted stays deleted."""
    return Verdict(Reason.SUSPENDED, f"interrupted after {run.elapsed():.0f} s: {run.snapshot()[1].message}")
