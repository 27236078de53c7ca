"""Kubernetes Events about objects: few, never one per peer, and one for a verdict however often it comes again.

Written as `events.k8s.io/v1` has them, by the call for any kind of object: the generated call drops the last digits of
a time that has none, and then the API server refuses the Event.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from kubernetes.aio.client import ApiClient, CustomObjectsApi

from dragonfly_task_operator.api.base import API_VERSION
from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.engine.ports import Mandate
from dragonfly_task_operator.engine.verdict import Verdict
from dragonfly_task_operator.errors import OperatorError
from dragonfly_task_operator.kube.objects import METADATA_ONLY, NotFound, Ref, WriteRefused, guarded
from dragonfly_task_operator.observability.logs import fields

log = logging.getLogger(__name__)

LAST_EVENTS_SECONDS = 0.5
"""For writing Events when the operator stops."""

CONTROLLER = "dragonfly-task-operator"
MAX_OBJECTS = 4096
"""Searches whose Events are remembered, to be counted on. Of one that was forgotten, the next Event is a new one."""

_EVENTS = ("events.k8s.io", "v1")
_PLURAL = "events"
_MAX_NOTE = 1024
"""Bytes."""
_MAX_WORD = 128
_MAX_STEM = 200
_OUTCOMES = frozenset({Reason.FOUND, Reason.DELETED, Reason.PEERS_FAILED, Reason.DEADLINE_EXCEEDED})
"""The verdicts that have an Event of their own besides `Finished`."""


def _stem(name: str) -> str:
    """Cut a name so that more can be put behind it. What is before a point has to end in a letter or a digit."""
    return name[:_MAX_STEM].rstrip("-.")


def _cut(note: str) -> str:
    """Shorten a note to what the API server takes, which counts bytes."""
    text = note.encode()
    return note if len(text) <= _MAX_NOTE else text[: _MAX_NOTE - len("…".encode())].decode(errors="ignore") + "…"


def _micro_time(time: datetime) -> str:
    return time.isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True)
class _Note:
    reason: str
    message: str
    is_warning: bool


@dataclass(slots=True)
class _Series:
    """An Event, and how often what it tells has happened."""

    name: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class _Told:
    """What has been told of the run of a search with this key: an Event for each reason that it ended with."""

    run_key: str
    by_reason: dict[Reason, _Series]


class Recorder:
    """Writes Events in the background: a run never waits for one, and one that can't be written is logged and lost.

    Args:
        client: with the operator's rights.
        instance: which of several operators this is.
        mandate: proved before each write; None where there is only one.
    """

    def __init__(self, client: ApiClient, *, instance: str, mandate: Mandate | None = None) -> None:
        self._api = CustomObjectsApi(client)
        self._instance = instance[:_MAX_WORD]
        self._mandate = mandate
        self._writing: dict[str, asyncio.Task[None]] = {}
        """By the object's uid: what is being written last. It waits for what was to be written before."""
        self._told: OrderedDict[str, _Told] = OrderedDict()

    def started(self, ref: Ref, message: str, now: datetime) -> None:
        """Say that a run begins, or goes on after a restart of the operator."""
        self._record(ref, now, [_Note("Started", message, is_warning=False)])

    def ended(self, ref: Ref, verdict: Verdict, now: datetime) -> None:
        """Say how a run ended."""
        self._record(ref, now, [*_outcome(verdict), _finished(verdict)])

    def looked(self, ref: Ref, run_key: str, verdict: Verdict, now: datetime) -> None:
        """Say how a search that is repeated has ended this time: by one Event, or by counting the one that says so."""
        note = (*_outcome(verdict), _finished(verdict))[0]
        self._record(ref, now, [note], (run_key, verdict.reason))

    def _record(
        self, ref: Ref, now: datetime, notes: list[_Note], counted_by: tuple[str, Reason] | None = None
    ) -> None:
        before = self._writing.get(ref.uid)
        task = asyncio.get_running_loop().create_task(self._write(ref, now, notes, counted_by, before))
        self._writing[ref.uid] = task
        task.add_done_callback(lambda task: self._is_written(ref.uid, task))

    def _is_written(self, uid: str, task: asyncio.Task[None]) -> None:
        if self._writing.get(uid) is task:
            del self._writing[uid]

    async def _write(
        self,
        ref: Ref,
        now: datetime,
        notes: list[_Note],
        counted_by: tuple[str, Reason] | None,
        before: asyncio.Task[None] | None,
    ) -> None:
        if before is not None:
            await asyncio.wait({before})
        for note in notes:
            try:
                if counted_by is None:
                    await self._create(ref, note, now)
                else:
                    await self._count(ref, note, now, *counted_by)
            except (OperatorError, WriteRefused) as error:
                log.warning(
                    "event.lost", extra=fields(object=ref, uid=ref.uid, reason=note.reason, error=str(error)[:200])
                )

    async def _count(self, ref: Ref, note: _Note, now: datetime, run_key: str, reason: Reason) -> None:
        """Count the Event that tells of this verdict; write one where there is none, or none any more."""
        told = self._told.get(ref.uid)
        if told is None or told.run_key != run_key:
            told = _Told(run_key, {})
        series = told.by_reason.get(reason)
        if series is None or not await self._count_on(ref, series, now):
            told.by_reason[reason] = _Series(await self._create(ref, note, now))
        self._told[ref.uid] = told
        self._told.move_to_end(ref.uid)
        if len(self._told) > MAX_OBJECTS:
            self._told.popitem(last=False)

    async def _count_on(self, ref: Ref, series: _Series, now: datetime) -> bool:
        """Returns whether the Event is still there: the API server forgets them after a while."""
        patch = {"series": {"count": series.count + 1, "lastObservedTime": _micro_time(now)}}
        await self._prove()
        call = self._api.patch_namespaced_custom_object
        try:
            await guarded(
                call(
                    *_EVENTS,
                    ref.namespace,
                    _PLURAL,
                    series.name,
                    patch,
                    _content_type="application/merge-patch+json",
                    _headers=METADATA_ONLY,
                )
            )
        except NotFound:
            return False
        series.count += 1
        return True

    async def _create(self, ref: Ref, note: _Note, now: datetime) -> str:
        """Write an Event. Returns its name."""
        name = f"{_stem(ref.name)}.{secrets.token_hex(8)}"
        body = {
            "apiVersion": "/".join(_EVENTS),
            "kind": "Event",
            "metadata": {"name": name, "namespace": ref.namespace},
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": ref.kind.name,
                "namespace": ref.namespace,
                "name": ref.name,
                "uid": ref.uid,
            },
            "type": "Warning" if note.is_warning else "Normal",
            "reason": note.reason,
            "action": "Run",
            "note": _cut(note.message),
            "eventTime": _micro_time(now),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
        }
        await self._prove()
        call = self._api.create_namespaced_custom_object
        await guarded(call(*_EVENTS, ref.namespace, _PLURAL, body, _headers=METADATA_ONLY))
        return name

    async def _prove(self) -> None:
        if self._mandate is not None:
            await self._mandate.proven()

    async def aclose(self) -> None:
        """Wait for the Events that are being written, but not for long."""
        if self._writing:
            _, late = await asyncio.wait(self._writing.values(), timeout=LAST_EVENTS_SECONDS)
            for task in late:
                task.cancel()


def _outcome(verdict: Verdict) -> tuple[_Note, ...]:
    if verdict.reason not in _OUTCOMES:
        return ()
    return (_Note(verdict.reason, verdict.message, not verdict.is_success),)


def _finished(verdict: Verdict) -> _Note:
    return _Note("Finished", f"{verdict.reason}: {verdict.message}", not verdict.is_success)
