"""What the queue learns from the wire itself, before Kopf brings anything (`kube.watch.reading.Observer`).

Objects at rest get no further, so that neither their bodies are kept nor their number costs anything. Nor do objects of
a list: Kopf takes a turn of the event loop for each, and begins to watch after the last of them, while the runs of the
first ones make the turns long. A list that is complete tells what has vanished; and every version tells which way
history goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dragonfly_task_operator.kube.history import History
from dragonfly_task_operator.kube.reconciler import Reconciler
from dragonfly_task_operator.kube.watch.scopes import Scope


@dataclass(frozen=True, slots=True)
class _Listing:
    """A list that is being read: which known objects it has not shown yet, and what was known when it began."""

    unlisted: set[str]
    seen: int
    era: int


class Showing:
    """Shows the queue what is on the wire."""

    def __init__(self, reconciler: Reconciler, history: History) -> None:
        self._reconciler, self._history = reconciler, history
        self._listings: dict[Scope, _Listing] = {}

    def begin_list(self, scope: Scope) -> None:
        """Take note that all objects of a scope are going to be shown."""
        seen, era = self._history.seen(scope.kind.plural), self._history.era
        self._listings[scope] = _Listing(self._reconciler.known(scope), seen, era)

    def show_listed(self, scope: Scope, body: dict[str, Any]) -> None:
        """Look at an object that a list has."""
        listing = self._listings[scope]
        listing.unlisted.discard(body["metadata"]["uid"])
        if listing.era == self._history.era and self._reconciler.is_news(scope.kind, body):
            self._reconciler.observe(scope.kind, body)

    def show(self, scope: Scope, body: dict[str, Any]) -> bool:
        """Look at an object that a watch has. Returns whether it needs something, so that Kopf has to bring it."""
        return self._reconciler.is_news(scope.kind, body)

    def end_list(self, scope: Scope, version: str) -> None:
        """Take note that all objects that there are have been shown: what was not is gone, with no event to say so."""
        listing = self._listings.pop(scope)
        self._reconciler.vanish(listing.unlisted)
        self._history.compare(scope.kind.plural, version, before=listing.seen, era=listing.era)
        self._history.saw(scope.kind.plural, version)

    def saw_version(self, scope: Scope, version: str) -> None:
        """Take note of how far a watch has come."""
        self._history.saw(scope.kind.plural, version)
