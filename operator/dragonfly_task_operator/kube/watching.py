"""Kopf's room: events of the two kinds go to the queue, and that is all.

Only `on.event`: it needs no finalizer and no annotation, and a run that must be cancellable can't live in a handler
that Kopf waits for (docs/adr/0001-kopf-events-only.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import kopf
from kubernetes.aio.client import Configuration

from dragonfly_task_operator.api.base import GROUP, VERSION
from dragonfly_task_operator.api.kinds import KINDS, Kind
from dragonfly_task_operator.kube.connection import for_kopf
from dragonfly_task_operator.kube.objects import ApiUnavailable
from dragonfly_task_operator.kube.reconciler import Reconciler

log = logging.getLogger(__name__)

SWEEP_SECONDS = 300.0


def make_registry(
    reconciler: Reconciler, configuration: Configuration, *, on_stop: Callable[[], Awaitable[None]]
) -> kopf.OperatorRegistry:
    """Wire Kopf's handlers: its log-in, its events, and its end."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return for_kopf(configuration)

    @kopf.on.cleanup(registry=registry)
    async def drain(**_: Any) -> None:
        # Kopf cancels whatever still runs 5 s after its own tasks have ended: here is the time to stop in order.
        await on_stop()

    for kind in KINDS:
        _register(registry, reconciler, kind)
    return registry


def _register(registry: kopf.OperatorRegistry, reconciler: Reconciler, kind: Kind) -> None:
    @kopf.on.event(GROUP, VERSION, kind.plural, registry=registry, id=kind.plural)
    async def observe(*, event: Any, **_: Any) -> None:
        if event["type"] == "DELETED":
            reconciler.forget(event["object"]["metadata"]["uid"])
        else:
            reconciler.observe(kind, event["object"])


def make_settings() -> kopf.OperatorSettings:
    """Set Kopf up: what was measured, and why, is in docs/adr/0001-kopf-events-only.md."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False  # it would post logs as Events, URLs included
    settings.scanning.disabled = True  # the kinds are known, and checked for at start
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 60
    return settings


async def sweep_forever(reconciler: Reconciler, namespaces: Sequence[str]) -> None:
    """Look for objects that vanished unseen, every few minutes."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        with contextlib.suppress(ApiUnavailable):  # the next sweep is soon enough
            await reconciler.sweep(namespaces)
