"""What is done for one object: what it needs is decided by the whole of it, then done, and said on it.

When that happens is the queue's business (`reconciler.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.reading import UnreadableSpec
from dragonfly_task_operator.api.record import Record
from dragonfly_task_operator.api.room import has_room
from dragonfly_task_operator.api.specs import Spec, run_key
from dragonfly_task_operator.engine.composing import RawStatus, acknowledge, give_up, kept, suspend, withhold
from dragonfly_task_operator.engine.lifecycle import (
    Acknowledge,
    Begin,
    Decision,
    Remove,
    Rest,
    Suspend,
    decide,
    has_ended,
    is_timed,
    may_speak_of,
)
from dragonfly_task_operator.engine.run import Means
from dragonfly_task_operator.engine.subject import describe
from dragonfly_task_operator.engine.verdict import suspended
from dragonfly_task_operator.errors import OperatorError
from dragonfly_task_operator.kube.cadence import Cadence
from dragonfly_task_operator.kube.completions import Completions
from dragonfly_task_operator.kube.ended import Ended
from dragonfly_task_operator.kube.events import Recorder
from dragonfly_task_operator.kube.history import Age
from dragonfly_task_operator.kube.objects import Objects, Ref, Snapshot, TooLarge, WriteRefused
from dragonfly_task_operator.kube.paging import Press
from dragonfly_task_operator.kube.running import Running, Superseded
from dragonfly_task_operator.kube.telling import Heralds
from dragonfly_task_operator.observability.audit_log import AuditLog
from dragonfly_task_operator.observability.logs import fields
from dragonfly_task_operator.observability.metrics import Metrics

log = logging.getLogger(__name__)

NO_ROOM = (
    "the object leaves no room for a status (the API server stores 1.5 MiB at most), so nothing was begun: use several"
    " objects with fewer targets each"
)


@dataclass(slots=True)
class Entry:
    """What is known of an object that needs something, or may."""

    ref: Ref
    latest: Age
    snapshot: Snapshot
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    worker: asyncio.Task[None] | None = None
    running: Running | None = None

    def see(self, snapshot: Snapshot) -> bool:
        """Take note of an object as it is now. Returns whether that was news."""
        if snapshot.age <= self.latest:
            return False
        if self.running is not None:
            self.running.see(snapshot)
            if self.running.snapshot.age == snapshot.age:
                snapshot = self.running.snapshot  # what its own write gave: thousands in line need not be there twice
        self.latest, self.snapshot = snapshot.age, snapshot
        return True


class Actor:
    """Does for objects what they need."""

    def __init__(
        self,
        *,
        means: Means,
        objects: Objects,
        recorder: Recorder,
        metrics: Metrics,
        press: Press,
        audit_log: AuditLog | None = None,
    ) -> None:
        self._means = means
        self._objects = objects
        self._heralds = Heralds(recorder, metrics, means.clock, audit_log)
        self._metrics = metrics
        self._press = press
        self._cadence = Cadence()
        self._ended = Ended()
        self._completions = Completions(means.clock)
        self._untold: dict[str, str] = {}
        """By uid: the key of a run whose end the API server took in no form. It is not done again to no avail."""

    def forget(self, uid: str) -> None:
        """Take note that an object is gone."""
        self._ended.remove(uid)
        self._untold.pop(uid, None)
        self._completions.forget(uid)

    def rest_of(self, snapshot: Snapshot) -> Rest | None:
        """Tell whether an object needs nothing now, and until when."""
        record, generation = snapshot.record(), snapshot.generation
        try:
            decision = self._decide(snapshot.spec(), record, snapshot)
        except UnreadableSpec as error:
            return None if may_speak_of(error.known, record, generation, error.reason) else Rest()
        return decision if isinstance(decision, Rest) else None

    def _decide(self, spec: Spec, record: Record, snapshot: Snapshot) -> Decision:
        timed = record.completed if is_timed(spec) else None
        passed = None if timed is None else self._completions.passed(snapshot.ref.uid, timed)
        now = self._means.clock.now()
        return decide(spec, record, generation=snapshot.generation, now=now, finished_for=passed)

    async def act(self, entry: Entry) -> datetime | None:
        """Do the one thing that the object needs most. Returns when to look again: None for when it changes.

        Raises:
            Superseded: it has changed meanwhile.
            ObjectGone, ApiUnavailable, TooLarge: nothing more can be said on it, for ever or just now.
        """
        try:
            step = await self._act(entry, entry.snapshot)
            if isinstance(step, Running):
                # From here, where nothing else keeps the object as it was when the run began.
                step = await self._run(entry, step)
        except (OperatorError, Superseded):
            raise
        except Exception:  # the outermost frame of a worker: nothing can be let through, nobody would see it
            log.exception("worker.broken", extra=fields(object=entry.ref, uid=entry.ref.uid))
            await self._give_up(entry, entry.snapshot)
            return None
        return step

    async def _give_up(self, entry: Entry, snapshot: Snapshot) -> None:
        """Say on the object that the operator is at fault, so that nobody waits for it; not where its run has ended."""
        try:
            spec = snapshot.spec()
        except UnreadableSpec:
            return
        if has_ended(spec, snapshot.record(), snapshot.generation):
            return
        message = "the operator met an error that it does not know while it dealt with this object: see its log"
        now = self._means.clock.now().replace(microsecond=0)
        try:
            await self._write(
                entry,
                snapshot,
                lambda at: give_up(at.record(), message, spec=spec, generation=at.generation, now=now),
            )
        except WriteRefused as error:
            self._untold[snapshot.ref.uid] = run_key(spec)
            log.error("object.refused", extra=fields(object=snapshot.ref, uid=snapshot.ref.uid, error=str(error)[:300]))  # noqa: TRY400
        else:
            self._untold.pop(snapshot.ref.uid, None)

    async def _act(self, entry: Entry, snapshot: Snapshot) -> Running | datetime | None:
        """Do it, but for running: gives the run that is to be."""
        clock = self._means.clock
        record = snapshot.record()
        try:
            spec = snapshot.spec()
        except UnreadableSpec as error:
            await self._withhold(entry, snapshot, error)
            return None
        match self._decide(spec, record, snapshot):
            case Begin() as begin:
                return await self._begin(entry, snapshot, begin, spec)
            case Suspend(on_the_way, history):
                await self._write(
                    entry,
                    snapshot,
                    lambda at: suspend(
                        record,
                        suspended(on_the_way=on_the_way),
                        on_the_way=on_the_way,
                        spec=spec,
                        generation=at.generation,
                        history=history,
                        now=clock.now(),
                    ),
                )
                return clock.now()
            case Acknowledge():
                now = clock.now().replace(microsecond=0)
                await self._write(
                    entry, snapshot, lambda at: acknowledge(at.record(), generation=at.generation, now=now)
                )
                return clock.now()
            case Remove():
                log.info("object.expired", extra=fields(object=snapshot.ref, uid=snapshot.ref.uid))
                await self._objects.delete(snapshot)
                return None
            case Rest(until):
                return until

    async def _begin(self, entry: Entry, snapshot: Snapshot, begin: Begin, spec: Spec) -> Running | datetime | None:
        if not has_room(snapshot.body, kept(snapshot.record())):
            await self._withhold(entry, snapshot, UnreadableSpec(NO_ROOM, reason=Reason.INVALID_SPEC, known=spec))
            return None
        if self._untold.get(snapshot.ref.uid) == begin.key:
            await self._give_up(entry, snapshot)
            return None
        lost = self._ended.lost(snapshot.ref.uid, begin.key, era=snapshot.era)
        if lost is not None and not snapshot.record().is_finished:
            log.warning("run.restored", extra=fields(object=snapshot.ref, uid=snapshot.ref.uid, run=begin.key))
            await self._write(entry, snapshot, lambda _: lost)
            return self._means.clock.now()
        return Running(
            snapshot,
            entry.changed,
            begin,
            spec,
            self._means,
            self._objects,
            self._heralds,
            self._cadence,
            self._press,
        )

    async def _withhold(self, entry: Entry, snapshot: Snapshot, error: UnreadableSpec) -> None:
        """Begin nothing for an object whose spec can't be dealt with, and say so where nothing is lost by that."""
        record, known = snapshot.record(), error.known
        if not may_speak_of(known, record, snapshot.generation, error.reason):
            return
        log.warning("object.unreadable", extra=fields(object=snapshot.ref, uid=snapshot.ref.uid, reason=error.reason))
        now = self._means.clock.now().replace(microsecond=0)
        await self._write(
            entry,
            snapshot,
            lambda at: withhold(
                record,
                error.reason,
                str(error),
                generation=at.generation,
                now=now,
                summary=describe(known.targets) if known else None,
            ),
        )

    async def _run(self, entry: Entry, running: Running) -> datetime:
        """Do a run. Returns when to look again: at once."""
        entry.running = running
        try:
            with self._metrics.objects_going.track_inprogress():
                end = await running.execute()
            status = end.body.get("status") or {}
            self._ended.put(end.ref.uid, running.begin.key, era=end.era, status=status)
        except TooLarge:
            if running.has_ended:
                self._untold[entry.ref.uid] = running.begin.key
            raise
        finally:
            entry.running = None
            entry.see(running.snapshot)
        return self._means.clock.now()

    async def _write(self, entry: Entry, snapshot: Snapshot, render: Callable[[Snapshot], RawStatus]) -> None:
        """Write a status that was decided on for exactly this snapshot. Raises Superseded when there is a newer one."""

        def render_unless_changed(at: Snapshot) -> RawStatus:
            if at is not snapshot:
                entry.see(at)
                raise Superseded
            return render(at)

        entry.see(await self._objects.write_status(snapshot, render_unless_changed))
