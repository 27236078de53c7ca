"""How objects are watched, put together: Kopf brings events to the queue, supervised (docs/adr/0008-watching.md)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import kopf

from dragonfly_task_operator.kube import kopf_session
from dragonfly_task_operator.kube.connection import Line
from dragonfly_task_operator.kube.history import History
from dragonfly_task_operator.kube.keyring import Keyring
from dragonfly_task_operator.kube.objects import ApiUnavailable, Objects, WriteRefused
from dragonfly_task_operator.kube.reconciler import Reconciler
from dragonfly_task_operator.kube.showing import Showing
from dragonfly_task_operator.kube.watch.bringing import bring
from dragonfly_task_operator.kube.watch.reading import pacing, response_class
from dragonfly_task_operator.kube.watch.scopes import Scope
from dragonfly_task_operator.kube.watch.sights import Sights

LOOK_BACK_SECONDS = 2.0
"""Between two looks whether resourceVersions have gone back."""


class Watcher:
    """Brings events to the queue.

    Args:
        sights: told of what is seen on the wire.
        reconciler: the queue.
        history: which way versions go.
        keyring: what opens the API server.
        take_signals: installs the process's own signal handlers, which Kopf replaces.
    """

    def __init__(
        self,
        sights: Sights,
        reconciler: Reconciler,
        history: History,
        keyring: Keyring,
        *,
        take_signals: Callable[[], None],
    ) -> None:
        self._reconciler, self._history, self._take_signals = reconciler, history, take_signals
        showing = Showing(reconciler, history)
        self._lines = {
            sight.scope: partial(
                Line, keyring, limit=0, trace=pacing(sight), response_class=response_class(sight, showing)
            )
            for sight in sights.all
        }

    async def bring(self, scope: Scope) -> None:
        """Have Kopf bring events of a scope until it fails, or this is cancelled. Raises whatever ended it."""
        era = self._history.era

        def take(event: Any) -> None:
            if self._history.era != era:  # it is as of before the store went back
                return
            if event["type"] == "DELETED":
                self._reconciler.forget(event["object"]["metadata"]["uid"])
            else:
                self._reconciler.observe(scope.kind, event["object"])

        def log_in() -> kopf.AiohttpSession:
            return kopf_session.session(self._lines[scope]())

        await bring(scope, login=log_in, take=take, take_signals=self._take_signals)


async def sweep_forever(reconciler: Reconciler, sights: Sights, *, interval: float) -> None:
    """Look for objects that vanished unseen, every so many seconds, where it is allowed."""
    while True:
        await asyncio.sleep(interval)
        for sight in sights.all:
            if not sight.is_refused:
                with contextlib.suppress(ApiUnavailable, WriteRefused):  # the next sweep is soon enough
                    await reconciler.sweep(sight.scope)


async def look_back_forever(objects: Objects, sights: Sights, history: History, *, interval: float) -> None:
    """Look whether versions go back, in one scope every so many seconds: a watch does not tell.

    A watch from a version that is yet to come brings nothing, and no error.
    """
    while True:
        for sight in sights.all:
            await asyncio.sleep(interval)
            scope, what, era = sight.scope, sight.scope.kind.plural, history.era
            before = history.seen(what)
            if sight.is_watched:  # otherwise it is listed anew in any case
                with contextlib.suppress(ApiUnavailable, WriteRefused):  # the watch meets the same, and tells
                    version = await objects.version(scope.kind, scope.namespace)
                    history.compare(what, version, before=before, era=era)
