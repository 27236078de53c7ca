"""What is told of a run besides its status: lines in the log, Events, metrics, and a record in the audit log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dragonfly_task_operator.api.audit import AskedBy, AuditedObject
from dragonfly_task_operator.api.specs import Spec, is_repeated
from dragonfly_task_operator.api.status import PeerCounts
from dragonfly_task_operator.engine import auditing
from dragonfly_task_operator.engine.lifecycle import Begin
from dragonfly_task_operator.engine.pages import Pages
from dragonfly_task_operator.engine.ports import Clock
from dragonfly_task_operator.engine.run import Run
from dragonfly_task_operator.engine.verdict import Verdict
from dragonfly_task_operator.kube.asking import asked_by, audited
from dragonfly_task_operator.kube.events import Recorder
from dragonfly_task_operator.kube.objects import Ref, Snapshot
from dragonfly_task_operator.observability.audit_log import AuditLog, keep
from dragonfly_task_operator.observability.logs import MAX_TASKS, fields
from dragonfly_task_operator.observability.metrics import Metrics

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heralds:
    """Those who tell of all runs."""

    recorder: Recorder
    metrics: Metrics
    clock: Clock
    audit_log: AuditLog | None

    def of(self, snapshot: Snapshot, begin: Begin) -> Telling:
        """Have them tell of a run of an object, given as it is when the run begins."""
        before = snapshot.record()
        has_begun = before.run_key == begin.key and before.has_begun
        return Telling(
            self,
            snapshot.ref,
            begin.key,
            begin.started,
            looks_again=has_begun and before.is_finished,
            goes_on=has_begun and not before.is_finished,
            asked=(audited(snapshot), asked_by(snapshot)) if self.audit_log is not None else None,
        )


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells of one run. It keeps little of the object: that may be large, and changes while the run goes on.

    Attributes:
        looks_again: whether it is of a search that had ended.
        goes_on: whether an earlier process, or an earlier part of the run, had begun it.
        asked: the object, and who asked, for the audit log.
    """

    heralds: Heralds
    ref: Ref
    run_key: str
    started: datetime
    looks_again: bool
    goes_on: bool
    asked: tuple[AuditedObject, AskedBy] | None

    @property
    def about(self) -> Mapping[str, object]:
        """Says in each line whose run it is about."""
        return {"object": self.ref, "uid": self.ref.uid, "run": self.run_key}

    def began(self) -> None:
        """Tell that it begins, or goes on."""
        log.info("run.started", extra=fields(**self.about))
        if not self.looks_again:
            message = "goes on with the run" if self.goes_on else "began a run"
            self.heralds.recorder.started(self.ref, message, self.heralds.clock.now())

    async def worked(self, run: Run, end: Verdict | BaseException) -> None:
        """Keep a record of what it did, as soon as that is all: told of by its status or not."""
        audit_log = self.heralds.audit_log
        if audit_log is None or self.asked is None:
            return
        if isinstance(end, Verdict):
            reason, message = str(end.reason), end.message
        else:
            reason, message = _stopped_by(end), run.snapshot()[1].message
        outcome = auditing.Outcome(
            reason=reason,
            message=message,
            resumed=self.goes_on,
            started=self.started,
            ended=max(self.heralds.clock.now(), self.started),
        )
        of, who = self.asked
        record = await auditing.record(run, outcome, source="operator", of=of, asked_by=who)
        keep(audit_log, record.to_json(), self.about)

    def stopped(self, run: Run, why: BaseException) -> None:
        """Tell that it has been kept from coming to its end."""
        log.info("run.stopped", extra=fields(**self.about, reason=_stopped_by(why), seconds=round(run.elapsed(), 2)))

    async def ended(self, run: Run, verdict: Verdict, spec: Spec) -> None:
        """Tell how it ended, once its status does."""
        recorder, now = self.heralds.recorder, self.heralds.clock.now()
        if is_repeated(spec):
            recorder.looked(self.ref, self.run_key, verdict, now)
        else:
            recorder.ended(self.ref, verdict, now)
        results, _ = run.snapshot()
        counts = results.peers or PeerCounts()
        seconds = run.elapsed()
        self.heralds.metrics.run_ended(
            kind=self.ref.kind.name,
            reason=verdict.reason,
            seconds=seconds,
            peers=counts.total,
            outcomes=run.census(),
        )
        if log.isEnabledFor(logging.DEBUG):
            await self._log_failures(await run.pages())
        log.info(
            "run.finished",
            extra=fields(
                **self.about,
                reason=verdict.reason,
                peers=counts.total,
                caching=counts.caching,
                deleted=counts.deleted or 0,
                failed=counts.failed,
                unreachable=counts.unreachable,
                seconds=round(seconds, 2),
                tasks=[task.task_id for task in results.tasks or ()][:MAX_TASKS],
            ),
        )

    async def _log_failures(self, pages: Pages) -> None:
        """Log a line for each peer that failed."""
        for page in range(len(pages)):
            leaf = await pages.leaf(page)
            for row in leaf.rows:
                if not row.failed:
                    continue
                first = row.failed[0]
                failed = [index for each in row.failed for index in (each.task, *(each.also or ()))]
                told = fields(
                    **self.about,
                    peer=row.host_id,
                    hostname=row.hostname,
                    ip=row.ip,
                    reason=first.reason,
                    description=first.description,
                    attempts=first.attempts,
                    failures=len(failed),
                    tasks=[leaf.tasks[index] for index in sorted(failed)[:MAX_TASKS]],
                )
                log.debug("peer.failed", extra=told)


def _stopped_by(why: BaseException) -> str:
    """Say in a word what kept a run from coming to its end."""
    return "Interrupted" if isinstance(why, asyncio.CancelledError) else type(why).__name__
