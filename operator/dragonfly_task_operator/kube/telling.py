"""What is told of a run besides its status: lines in the log, Events, and metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from dragonfly_task_operator.api.record import Record
from dragonfly_task_operator.api.specs import Spec, is_repeated
from dragonfly_task_operator.api.status import PeerCounts
from dragonfly_task_operator.engine.pages import Pages
from dragonfly_task_operator.engine.ports import Clock
from dragonfly_task_operator.engine.run import Run
from dragonfly_task_operator.engine.verdict import Verdict
from dragonfly_task_operator.kube.events import Recorder
from dragonfly_task_operator.kube.objects import Ref
from dragonfly_task_operator.observability.logs import MAX_TASKS, fields
from dragonfly_task_operator.observability.metrics import Metrics

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heralds:
    """Those who tell of all runs."""

    recorder: Recorder
    metrics: Metrics
    clock: Clock

    def of(self, ref: Ref, run_key: str) -> Telling:
        """Have them tell of the run of an object that has this key."""
        return Telling(self, ref, run_key)


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells of one run."""

    heralds: Heralds
    ref: Ref
    run_key: str

    @property
    def about(self) -> Mapping[str, object]:
        """Says in each line whose run it is about."""
        return {"object": self.ref, "uid": self.ref.uid, "run": self.run_key}

    def began(self, before: Record) -> None:
        """Tell that it begins, given the status so far."""
        log.info("run.started", extra=fields(**self.about))
        has_begun = before.run_key == self.run_key and before.has_begun
        if not (has_begun and before.is_finished):  # else it is a search that looks again
            message = "goes on with the run" if has_begun else "began a run"
            self.heralds.recorder.started(self.ref, message, self.heralds.clock.now())

    def stopped(self, run: Run, why: BaseException) -> None:
        """Tell that it has been kept from coming to its end."""
        reason = "Interrupted" if isinstance(why, asyncio.CancelledError) else type(why).__name__
        log.info("run.stopped", extra=fields(**self.about, reason=reason, seconds=round(run.elapsed(), 2)))

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
