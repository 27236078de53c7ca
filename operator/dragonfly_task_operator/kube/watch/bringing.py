"""One Kopf operator for one scope. What it does to the process otherwise, it may not do here.

It is made of `kopf.spawn_tasks` and not of `kopf.operator`, because the latter, at its end, cancels whatever runs in
the event loop, the runs of this operator and other scopes' Kopfs among it. Kopf also takes the signals for itself, and
keeps them when it has died: they are taken back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import kopf
from kopf._core.engines.peering import Identity

from dragonfly_task_operator.api.base import GROUP, VERSION
from dragonfly_task_operator.kube.watch.scopes import Scope
from dragonfly_task_operator.kube.watch.sights import LATE_SECONDS, WATCH_SECONDS
from dragonfly_task_operator.observability.logs import fields

log = logging.getLogger(__name__)

STOP_SECONDS = 2.0
"""For Kopf to end in. It is left behind after that."""

PAGE = 250
"""Objects of one answer. They are read one by one, so that it is the API server's memory that this is about."""

Event = Any
Login = Callable[[], kopf.AiohttpSession]


async def bring(scope: Scope, *, login: Login, take: Callable[[Event], None], take_signals: Callable[[], None]) -> None:
    """Have Kopf list and watch a scope until it fails, or this is cancelled.

    Args:
        scope: what to watch.
        login: makes a session with the credentials of now; closed here.
        take: is given each event that Kopf brings, while this runs.
        take_signals: installs the process's own signal handlers.

    Raises:
        Exception: whatever ended Kopf.
    """
    sessions: list[kopf.AiohttpSession] = []
    is_over = False
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def log_in(**_: Any) -> kopf.AiohttpSession:
        session = login()
        sessions.append(session)
        return session

    @kopf.on.event(GROUP, VERSION, scope.kind.plural, registry=registry, id=scope.kind.plural)
    async def observe(*, event: Event, **_: Any) -> None:
        if not is_over:
            take(event)

    tasks = await kopf.spawn_tasks(
        registry=registry,
        settings=_settings(),
        # Otherwise Kopf looks for the name of the user, and a container's uid has none.
        identity=Identity("dragonfly-task-operator"),
        standalone=True,
        clusterwide=scope.namespace is None,
        namespaces=[scope.namespace] if scope.namespace else [],
    )
    take_signals()
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        is_over = True
        failure = await _end(scope, tasks)
        for session in sessions:
            await session.aiohttp_session.close()
    raise failure or RuntimeError("Kopf has ended without a word")


async def _end(scope: Scope, tasks: Any) -> BaseException | None:
    """Cancel Kopf's tasks and wait a while. Returns what ended the first that failed."""
    for task in tasks:
        task.cancel()
    done, left = await asyncio.wait(tasks, timeout=STOP_SECONDS)
    if left:
        log.warning("watch.abandoned", extra=fields(scope=scope, left=len(left)))
    failures = [task.exception() for task in tasks if task in done and not task.cancelled()]
    return next((failure for failure in failures if failure is not None), None)


def _settings() -> kopf.OperatorSettings:
    """Set Kopf up: what was measured, and why, is in docs/adr/0001-kopf-events-only.md and 0008-watching.md."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False  # it would post logs as Events, URLs included
    settings.scanning.disabled = True  # the kinds are known, and checked for at start
    settings.process.ultimate_exiting_timeout = None  # it would kill the process minutes after any of its ends
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.client_timeout = LATE_SECONDS
    settings.watching.connect_timeout = 5
    settings.watching.chunk_size = PAGE
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = (1,)  # then it fails, and is started over
    settings.queueing.idle_timeout = 0.05  # a worker keeps the last body that it has seen
    settings.queueing.exit_timeout = 0.5
    return settings
