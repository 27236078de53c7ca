"""The work queue: for each object that needs something, one worker that decides and acts until nothing is left to do.

Level-triggered: what has been seen of an object last is what counts, however many events there were. Events only set a
flag, so Kopf's handlers return in microseconds. An object at rest costs a small entry, without its body: when its time
comes it is read again, and nothing is ever decided on less than the whole object.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.kinds import Kind
from dragonfly_task_operator.api.reading import UnreadableSpec
from dragonfly_task_operator.api.record import Record
from dragonfly_task_operator.api.room import has_room
from dragonfly_task_operator.api.specs import Spec
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
from dragonfly_task_operator.kube.composing import RawStatus, acknowledge, give_up, suspend, withhold
from dragonfly_task_operator.kube.ended import Ended
from dragonfly_task_operator.kube.events import Recorder
from dragonfly_task_operator.kube.history import Age, History
from dragonfly_task_operator.kube.objects import (
    ApiUnavailable,
    Body,
    ObjectGone,
    Objects,
    Ref,
    Snapshot,
    TooLarge,
    WriteRefused,
)
from dragonfly_task_operator.kube.resting import Resting
from dragonfly_task_operator.kube.running import Running, Superseded
from dragonfly_task_operator.kube.watch.scopes import Scope
from dragonfly_task_operator.observability.logs import fields
from dragonfly_task_operator.observability.metrics import Metrics

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
"""After the API server could not be reached."""

MAX_RETRY_SECONDS = 60.0
"""However long the API server asks to be left alone."""
NO_ROOM = (
    "the object leaves no room for a status (the API server stores 1.5 MiB at most), so nothing was begun: use several"
    " objects with fewer targets each"
)

CHECKPOINT_SECONDS = 1.5
"""For writing what is known when the operator stops."""


@dataclass(slots=True)
class _Entry:
    """What the queue knows of an object that needs something, or may."""

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
        self.latest, self.snapshot = snapshot.age, snapshot
        if self.running is not None:
            self.running.see(snapshot)
        return True


class Reconciler:
    """All objects of the operator."""

    def __init__(
        self, *, means: Means, objects: Objects, recorder: Recorder, metrics: Metrics, history: History
    ) -> None:
        self._metrics = metrics
        self._means = means
        self._objects = objects
        self._recorder = recorder
        self._history = history
        self._cadence = Cadence()
        self._entries: dict[str, _Entry] = {}
        self._resting = Resting(means.clock, self._wake)
        self._ended = Ended()
        self._completions = Completions(means.clock)
        self._is_stopping = False

    def is_news(self, kind: Kind, body: Body) -> bool:
        """Look at an object that exists. Returns whether it is news, and needs something: then it is to be observed."""
        snapshot = self._snapshot(kind, body)
        uid = snapshot.ref.uid
        if body["metadata"].get("deletionTimestamp"):
            # Somebody else's finalizer keeps it for a while; for this operator it is gone.
            self.forget(uid)
            return False
        if snapshot.age <= self._latest(uid):
            return False
        if uid in self._entries:
            return True
        rest = self._rest_of(snapshot)
        if rest is None:
            return True
        self._resting.put(snapshot.ref, snapshot.age, rest.until)
        return False

    def observe(self, kind: Kind, body: Body) -> None:
        """Take note of an object that exists. Stale and repeated events change nothing."""
        snapshot = self._snapshot(kind, body)
        if body["metadata"].get("deletionTimestamp"):
            self.forget(snapshot.ref.uid)
        elif snapshot.age > self._latest(snapshot.ref.uid):
            self._take(snapshot)

    def forget(self, uid: str) -> None:
        """Take note that an object is gone: whatever it had going stops."""
        self._resting.remove(uid)
        self._ended.remove(uid)
        self._completions.forget(uid)
        entry = self._entries.pop(uid, None)
        if entry is not None and entry.worker is not None:
            entry.worker.cancel()

    async def sweep(self, scope: Scope) -> None:
        """Forget objects that are gone without an event to say so.

        Raises:
            ApiUnavailable: nothing was forgotten.
        """
        known = self.known(scope)
        async for uid in self._objects.uids(scope.kind, scope.namespace):
            known.discard(uid)
        self.vanish(known)

    def vanish(self, uids: Iterable[str]) -> None:
        """Forget objects that are not there any more, and that no event has told of."""
        for uid in uids:
            log.info("object.vanished", extra=fields(uid=uid))
            self.forget(uid)

    def known(self, scope: Scope) -> set[str]:
        """Give the uids of the objects that are known."""
        refs = [*(entry.ref for entry in self._entries.values()), *self._resting.refs()]
        return {ref.uid for ref in refs if ref.kind is scope.kind and scope.namespace in {None, ref.namespace}}

    def _latest(self, uid: str) -> Age:
        entry = self._entries.get(uid)
        return entry.latest if entry is not None else self._resting.latest(uid)

    def _snapshot(self, kind: Kind, body: Body) -> Snapshot:
        metadata = body["metadata"]
        ref = Ref(kind, str(metadata["namespace"]), str(metadata["name"]), str(metadata["uid"]))
        return Snapshot(ref, body, self._history.era)

    def _rest_of(self, snapshot: Snapshot) -> Rest | None:
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

    def _take(self, snapshot: Snapshot) -> None:
        """Have a worker see to an object."""
        uid = snapshot.ref.uid
        entry = self._entries.get(uid)
        if entry is None:
            self._resting.remove(uid)
            entry = self._entries[uid] = _Entry(snapshot.ref, snapshot.age, snapshot)
        else:
            entry.see(snapshot)
        entry.changed.set()
        if entry.worker is None and not self._is_stopping:
            entry.worker = asyncio.get_running_loop().create_task(self._work(uid, entry))

    async def _wake(self, ref: Ref) -> None:
        """Read an object that has rested long enough, and see to it."""
        while True:
            try:
                snapshot = await self._objects.get(ref)
            except ObjectGone:
                return self.forget(ref.uid)
            except ApiUnavailable as error:
                log.warning("object.delayed", extra=fields(object=ref, error=str(error)[:300]))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return self._take(snapshot)

    async def aclose(self, *, may_write: bool) -> None:
        """Stop the runs that are going, and write down what they know."""
        self._is_stopping = True
        self._resting.close()
        entries = list(self._entries.values())
        going = [entry.running for entry in entries if entry.running is not None]
        workers = [entry.worker for entry in entries if entry.worker is not None]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        checkpoints = [asyncio.get_running_loop().create_task(running.checkpoint()) for running in going if may_write]
        if checkpoints:
            done, late = await asyncio.wait(checkpoints, timeout=CHECKPOINT_SECONDS)
            for task in late:
                task.cancel()
            failed = [task.exception() for task in done if task.exception() is not None]
            log.info("operator.stopping", extra=fields(runs=len(checkpoints), checkpointed=len(done) - len(failed)))

    async def _work(self, uid: str, entry: _Entry) -> None:
        """Decide and act until the object is at rest. Ends without a trace when the object is gone."""
        try:
            while True:
                entry.changed.clear()
                try:
                    until = await self._act_or_give_up(entry, entry.snapshot)
                except Superseded:
                    continue
                except ApiUnavailable as error:
                    log.warning("object.delayed", extra=fields(object=entry.ref, error=str(error)[:300]))
                    await _wait(entry.changed, max(RETRY_SECONDS, min(error.retry_after, MAX_RETRY_SECONDS)))
                    continue
                except TooLarge as error:
                    # Nothing can be told on it, and nothing done that could not be told: it rests until it changes.
                    log.error("object.full", extra=fields(object=entry.ref, error=str(error)[:300]))  # noqa: TRY400
                    until = None
                if entry.changed.is_set() or (until is not None and until <= self._means.clock.now()):
                    continue
                if self._entries.get(uid) is entry:
                    del self._entries[uid]
                    self._resting.put(entry.ref, entry.latest, until)
                return
        except ObjectGone:
            self._entries.pop(uid, None)
            self._completions.forget(uid)
        finally:
            entry.worker = None

    async def _act_or_give_up(self, entry: _Entry, snapshot: Snapshot) -> datetime | None:
        try:
            return await self._act(entry, snapshot)
        except (OperatorError, Superseded):
            raise
        except Exception:  # the outermost frame of a worker: nothing can be let through, nobody would see it
            log.exception("worker.broken", extra=fields(object=snapshot.ref, uid=snapshot.ref.uid))
            await self._give_up(entry, entry.snapshot)
            return None

    async def _give_up(self, entry: _Entry, snapshot: Snapshot) -> None:
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
            log.error("object.refused", extra=fields(object=snapshot.ref, error=str(error)[:300]))  # noqa: TRY400

    async def _act(self, entry: _Entry, snapshot: Snapshot) -> datetime | None:
        """Do the one thing that the object needs most. Returns when to look again: None for when it changes."""
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

    async def _begin(self, entry: _Entry, snapshot: Snapshot, begin: Begin, spec: Spec) -> datetime | None:
        if not has_room(snapshot.body):
            await self._withhold(entry, snapshot, UnreadableSpec(NO_ROOM, reason=Reason.INVALID_SPEC, known=spec))
            return None
        lost = self._ended.lost(snapshot.ref.uid, begin.key, era=snapshot.era)
        if lost is not None and not snapshot.record().is_finished:
            log.warning("run.restored", extra=fields(object=snapshot.ref, uid=snapshot.ref.uid, run=begin.key))
            await self._write(entry, snapshot, lambda _: lost)
        else:
            running = Running(
                snapshot,
                entry.changed,
                begin,
                spec,
                self._means,
                self._objects,
                self._recorder,
                self._metrics,
                self._cadence,
            )
            await self._run(entry, running)
        return self._means.clock.now()

    async def _withhold(self, entry: _Entry, snapshot: Snapshot, error: UnreadableSpec) -> None:
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

    async def _run(self, entry: _Entry, running: Running) -> None:
        entry.running = running
        try:
            with self._metrics.objects_going.track_inprogress():
                end = await running.execute()
            status = end.body.get("status") or {}
            self._ended.put(end.ref.uid, running.begin.key, era=end.era, status=status)
        finally:
            entry.running = None
            entry.see(running.snapshot)

    async def _write(self, entry: _Entry, snapshot: Snapshot, render: Callable[[Snapshot], RawStatus]) -> None:
        """Write a status that was decided on for exactly this snapshot. Raises Superseded when there is a newer one."""

        def render_unless_changed(at: Snapshot) -> RawStatus:
            if at is not snapshot:
                entry.see(at)
                raise Superseded
            return render(at)

        entry.see(await self._objects.write_status(snapshot, render_unless_changed))


async def _wait(changed: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), max(seconds, 0))
