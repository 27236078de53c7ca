"""Kubernetes Events about objects: few, and never one per peer."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime

from kubernetes.aio.client import ApiClient, ApiException, CoreV1Api

from dragonfly_task_operator.api.base import API_VERSION
from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.engine.ports import Mandate
from dragonfly_task_operator.engine.verdict import Verdict
from dragonfly_task_operator.kube.looking_up import NO_ANSWER
from dragonfly_task_operator.kube.objects import Ref
from dragonfly_task_operator.observability.logs import fields
from dragonfly_task_operator.observability.redaction import cut

log = logging.getLogger(__name__)

LAST_EVENTS_SECONDS = 0.5
"""For writing Events when the operator stops."""

COMPONENT = "dragonfly-task-operator"
_MAX_NOTE = 1024
_MAX_STEM = 200
_OUTCOMES = frozenset({Reason.FOUND, Reason.DELETED, Reason.PEERS_FAILED, Reason.DEADLINE_EXCEEDED})
"""The verdicts that have an Event of their own besides `Finished`."""


def _stem(name: str) -> str:
    """Cut a name so that more can be put behind it. What is before a point has to end in a letter or a digit."""
    return name[:_MAX_STEM].rstrip("-.")


@dataclass(slots=True)
class _Note:
    reason: str
    message: str
    is_warning: bool


class Recorder:
    """Writes Events in the background: a run never waits for one, and one that can't be written is logged and lost."""

    def __init__(self, client: ApiClient, *, mandate: Mandate | None = None) -> None:
        self._api = CoreV1Api(client)
        self._mandate = mandate
        self._writing: set[asyncio.Task[None]] = set()

    def started(self, ref: Ref, message: str, now: datetime) -> None:
        """Say that a run begins, or goes on after a restart of the operator."""
        self._record(ref, [_Note("Started", message, is_warning=False)], now)

    def ended(self, ref: Ref, verdict: Verdict, now: datetime) -> None:
        """Say how a run ended."""
        warn = not verdict.is_success
        notes = [_Note("Finished", f"{verdict.reason}: {verdict.message}", warn)]
        if verdict.reason in _OUTCOMES:
            notes.insert(0, _Note(verdict.reason, verdict.message, warn))
        self._record(ref, notes, now)

    def _record(self, ref: Ref, notes: list[_Note], now: datetime) -> None:
        task = asyncio.get_running_loop().create_task(self._write(ref, notes, now))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, ref: Ref, notes: list[_Note], now: datetime) -> None:
        for note in notes:
            body = {
                "metadata": {"name": f"{_stem(ref.name)}.{secrets.token_hex(8)}", "namespace": ref.namespace},
                "involvedObject": {
                    "apiVersion": API_VERSION,
                    "kind": ref.kind.name,
                    "namespace": ref.namespace,
                    "name": ref.name,
                    "uid": ref.uid,
                },
                "type": "Warning" if note.is_warning else "Normal",
                "reason": note.reason,
                "message": cut(note.message, _MAX_NOTE),
                "source": {"component": COMPONENT},
                "firstTimestamp": now.isoformat(),
                "lastTimestamp": now.isoformat(),
                "count": 1,
            }
            if self._mandate is not None:
                await self._mandate.proven()
            try:
                await self._api.create_namespaced_event(ref.namespace, body)  # type: ignore[arg-type]
            except (ApiException, *NO_ANSWER) as error:
                log.warning(
                    "event.lost", extra=fields(object=ref, uid=ref.uid, reason=note.reason, error=str(error)[:200])
                )

    async def aclose(self) -> None:
        """Wait for the Events that are being written, but not for long."""
        if self._writing:
            _, late = await asyncio.wait(self._writing, timeout=LAST_EVENTS_SECONDS)
            for task in late:
                task.cancel()
