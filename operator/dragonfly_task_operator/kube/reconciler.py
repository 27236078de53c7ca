"""The work queue: for each object that needs something, one worker that acts until nothing is left to do.

Level-triggered: what has been seen of an object last is what counts, however many events there were. Events only set a
flag, so Kopf's handlers return in microseconds. An object at rest costs a small entry, without its body: when its time
comes it is read again, and nothing is ever decided on less than the whole object.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable

from dragonfly_task_operator.api.kinds import Kind
from dragonfly_task_operator.engine.run import Means
from dragonfly_task_operator.kube.acting import Actor, Entry
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
)
from dragonfly_task_operator.kube.paging import Press
from dragonfly_task_operator.kube.resting import Resting
from dragonfly_task_operator.kube.running import Superseded
from dragonfly_task_operator.kube.watch.scopes import Scope
from dragonfly_task_operator.observability.audit_log import AuditLog
from dragonfly_task_operator.observability.logs import fields
from dragonfly_task_operator.observability.metrics import Metrics

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
"""After the API server could not be reached."""

MAX_RETRY_SECONDS = 60.0
"""However long the API server asks to be left alone."""

CHECKPOINT_SECONDS = 1.5
"""For writing what is known when the operator stops."""


class Reconciler:
    """All objects of the operator."""

    def __init__(
        self,
        *,
        means: Means,
        objects: Objects,
        recorder: Recorder,
        metrics: Metrics,
        history: History,
        press: Press,
        audit_log: AuditLog | None = None,
    ) -> None:
        self._clock = means.clock
        self._objects = objects
        self._history = history
        self._named = press.named
        self._actor = Actor(
            means=means, objects=objects, recorder=recorder, metrics=metrics, press=press, audit_log=audit_log
        )
        self._entries: dict[str, Entry] = {}
        self._resting = Resting(means.clock, self._wake)
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
        self._named.note(uid, snapshot.record().reports)
        if uid in self._entries:
            return True
        rest = self._actor.rest_of(snapshot)
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
            self._named.note(snapshot.ref.uid, snapshot.record().reports)
            self._take(snapshot)

    def forget(self, uid: str) -> None:
        """Take note that an object is gone: whatever it had going stops."""
        self._resting.remove(uid)
        self._actor.forget(uid)
        self._named.forget(uid)
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

    def is_busy(self, uid: str) -> bool:
        """Tell whether an object is being worked at."""
        return uid in self._entries

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

    def _take(self, snapshot: Snapshot) -> None:
        """Have a worker see to an object."""
        uid = snapshot.ref.uid
        entry = self._entries.get(uid)
        if entry is None:
            self._resting.remove(uid)
            entry = self._entries[uid] = Entry(snapshot.ref, snapshot.age, snapshot)
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
                log.warning("object.delayed", extra=fields(object=ref, uid=ref.uid, error=str(error)[:300]))
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

    async def _work(self, uid: str, entry: Entry) -> None:
        """Decide and act until the object is at rest. Ends without a trace when the object is gone."""
        try:
            while True:
                entry.changed.clear()
                try:
                    until = await self._actor.act(entry)
                except Superseded:
                    continue
                except ApiUnavailable as error:
                    log.warning("object.delayed", extra=fields(object=entry.ref, uid=uid, error=str(error)[:300]))
                    await _wait(entry.changed, max(RETRY_SECONDS, min(error.retry_after, MAX_RETRY_SECONDS)))
                    continue
                except TooLarge as error:
                    # Nothing can be told on it, and nothing done that could not be told: it rests until it changes.
                    log.error("object.full", extra=fields(object=entry.ref, uid=uid, error=str(error)[:300]))  # noqa: TRY400
                    until = None
                if entry.changed.is_set() or (until is not None and until <= self._clock.now()):
                    continue
                if self._entries.get(uid) is entry:
                    del self._entries[uid]
                    self._resting.put(entry.ref, entry.latest, until)
                return
        except ObjectGone:
            self._entries.pop(uid, None)
            self._actor.forget(uid)
        finally:
            entry.worker = None


async def _wait(changed: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), max(seconds, 0))
