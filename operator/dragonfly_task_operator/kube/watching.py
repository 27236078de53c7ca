"""Kopf's room: events of the two kinds go to the queue, and that is all.

Only `on.event`: it needs no finalizer and no annotation, and a run that must be cancellable can't live in a handler
that Kopf waits for (docs/adr/0001-kopf-events-only.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import kopf
from kubernetes.aio.client import Configuration

from dragonfly_task_operator.api.base import GROUP, VERSION
from dragonfly_task_operator.api.kinds import KINDS, Kind
from dragonfly_task_operator.kube.connection import for_kopf
from dragonfly_task_operator.kube.objects import ApiUnavailable
from dragonfly_task_operator.kube.reconciler import Reconciler

log = logging.getLogger(__name__)

WATCH_SECONDS = 300


def make_registry(
    reconciler: Reconciler, configuration: Configuration, *, watches: Watches, on_stop: Callable[[], Awaitable[None]]
) -> kopf.OperatorRegistry:
    """Wire Kopf's handlers: its log-in, its events, and its end."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        return for_kopf(configuration, watches.trace)

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


class Watches:
    """Tells from the requests that Kopf sends whether its watches run: it offers no sign of its own.

    A watch is a request with `watch=true` that Kopf sends once it has listed the kind, and again whenever the server
    ends it, at the latest after WATCH_SECONDS, or nothing has come for a while.

    Args:
        namespaces: those looked after; none for all.
        clock: in seconds.
    """

    def __init__(self, namespaces: Sequence[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        scopes = [f"namespaces/{namespace}/" for namespace in namespaces] or [""]
        self._paths = {
            f"/apis/{GROUP}/{VERSION}/{scope}{kind.plural}": kind.plural for scope in scopes for kind in KINDS
        }
        self._clock = clock
        self._tried: dict[str, float] = {}
        self._opened: set[str] = set()
        self.trace = aiohttp.TraceConfig()
        self.trace.on_request_start.append(self._on_start)
        self.trace.on_request_end.append(self._on_end)

    async def _on_start(self, _session: object, _context: object, request: aiohttp.TraceRequestStartParams) -> None:
        if request.url.query.get("watch") == "true":
            self.begun(request.url.path)

    async def _on_end(self, _session: object, _context: object, request: aiohttp.TraceRequestEndParams) -> None:
        if request.url.query.get("watch") == "true" and request.response.ok:
            self.opened(request.url.path)

    def begun(self, path: str) -> None:
        """Take note of a watch that is being asked for."""
        self._tried[path] = self._clock()

    def opened(self, path: str) -> None:
        """Take note of a watch whose answer has begun."""
        self._opened.add(path)

    def missing(self) -> str | None:
        """Say which kinds are not watched yet."""
        missing = sorted({plural for path, plural in self._paths.items() if path not in self._opened})
        return f"not watched yet: {', '.join(missing)}" if missing else None

    def stuck(self) -> str | None:
        """Say which watch has neither ended nor begun anew for twice its longest life."""
        now = self._clock()
        stuck = sorted({self._paths[path] for path, at in self._tried.items() if now - at > 2 * WATCH_SECONDS})
        return f"watches that are stuck: {', '.join(stuck)}" if stuck else None


def make_settings() -> kopf.OperatorSettings:
    """Set Kopf up: what was measured, and why, is in docs/adr/0001-kopf-events-only.md."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False  # it would post logs as Events, URLs included
    settings.scanning.disabled = True  # the kinds are known, and checked for at start
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 500
    settings.networking.request_timeout = 60
    # Kopf's own grow to 21 s: an API server that is back would go unnoticed for so long.
    settings.networking.error_backoffs = (1, 1, 2, 3, *(5,) * 100)
    return settings


async def sweep_forever(reconciler: Reconciler, namespaces: Sequence[str], *, interval: float) -> None:
    """Look for objects that vanished unseen, every so many seconds."""
    while True:
        await asyncio.sleep(interval)
        with contextlib.suppress(ApiUnavailable):  # the next sweep is soon enough
            await reconciler.sweep(namespaces)
