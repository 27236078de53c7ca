"""How well each kind is watched, by what has been seen on the wire. Pure: it is told, and it tells.

A watch is good from its answer on, until it ends or is late to end. One that follows trouble has to prove itself: by
something that it brings, or by lasting a while. Otherwise an API server that answers every watch and ends it at once
with an error would pass for one that is watched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from dragonfly_task_operator.kube.watch.scopes import Scope

WATCH_SECONDS = 8
"""For how long one watch is asked for. So short, because nothing else tells a watch in which nothing happens from one
whose connection is dead: the server has to end it, and the next has to be answered."""

LATE_SECONDS = WATCH_SECONDS + 3.0
"""A watch that has not ended by then is dead."""

GRACE_SECONDS = 3.0
"""Between two watches. With LATE_SECONDS it makes the longest that /readyz can be wrong: 14 s."""

SETTLED_SECONDS = 2.0
"""For so long a watch that follows trouble has to last where it brings nothing."""

BRIEF_SECONDS = 1.0
"""A watch that ends sooner, and has brought nothing, was none."""

LISTING_SECONDS = 10.0
"""Without another object for so long, a list is not going on."""


class Sight:
    """One scope, as far as it is seen. Times are those of the clock given, in seconds."""

    def __init__(self, scope: Scope, clock: Callable[[], float]) -> None:
        self.scope, self._clock = scope, clock
        self._since = clock()
        self._was_watched = False
        self._opened: float | None = None
        self._has_heard = False
        self._stirred = self._since
        self._listed_to: float | None = None
        self._approached = clock()
        self._trouble: str | None = None
        self.is_troubled = False
        self.is_refused = False

    def is_at(self, path: str) -> bool:
        """Tell whether this is where it is listed and watched; what a kubeconfig's server has before it is left out."""
        return path[max(path.rfind("/apis/"), 0) :] == self.scope.path

    # What is told

    def approached(self) -> None:
        """Take note of an answer to what is asked before the list: what the API server serves."""
        self._approached = self._clock()

    def listing(self) -> None:
        """Take note of a list that is being read: each object, and each page."""
        self._listed_to = self._clock()

    def listed(self) -> None:
        """Take note that the list has come to its end."""
        self._listed_to = None

    def opened(self) -> None:
        """Take note of a watch whose answer has begun."""
        self._settle()
        self._opened = self._stirred = self._clock()
        self._has_heard, self.is_refused, self._listed_to = False, False, None

    def heard(self) -> None:
        """Take note of something proper that a watch has brought."""
        self._has_heard, self._stirred = True, self._clock()
        self._settle()

    def ended(self) -> None:
        """Take note that a watch is over, as each has to be before long."""
        self._settle()
        opened, self._opened = self._opened, None
        if opened is not None and not self._has_heard and self._clock() - opened < BRIEF_SECONDS:
            self.failed("the API server ends each watch at once")

    def failed(self, why: str, *, refused: bool = False) -> None:
        """Take note of trouble.

        Args:
            why: for people, in a line.
            refused: the API server says that this may not be listed or watched.
        """
        self._settle()
        self._opened, self._listed_to = None, None
        self._trouble, self.is_troubled, self.is_refused = why, True, refused

    # What it tells

    @property
    def is_watched(self) -> bool:
        """Whether events come now."""
        return self.blind_seconds == 0

    @property
    def is_listing(self) -> bool:
        """Whether a list is being read, and goes on."""
        return self._listed_to is not None and self._clock() - self._listed_to < LISTING_SECONDS

    @property
    def seconds_since_approach(self) -> float:
        """For how long nothing that is asked before the list has been answered."""
        return self._clock() - self._approached

    @property
    def blind_seconds(self) -> float:
        """For how long it has not been watched."""
        now = self._clock()
        if self._opened is None or not self._is_proven(now):
            return max(now - self._since, 1e-9)
        return max(now - (self._opened + LATE_SECONDS), 0)

    @property
    def age(self) -> float:
        """Seconds since the last sign that events come: no more than a watch lasts while all is well."""
        return max(self.blind_seconds, self._clock() - self._stirred)

    @property
    def trouble(self) -> str:
        """What went wrong last, as far as it has not been made good."""
        return self._trouble or "the API server has not answered"

    def complaint(self) -> str | None:
        """Say that it is not watched, if so: nothing of the short while between two watches."""
        blind = self.blind_seconds
        if not self._was_watched and blind:
            return f"{self.scope}: not watched yet" + (f": {self._trouble}" if self._trouble else "")
        if blind > GRACE_SECONDS:
            return f"{self.scope}: not watched for {blind:.0f} s: {self.trouble}"
        return None

    def _is_proven(self, now: float) -> bool:
        return (
            not self.is_troubled
            or self._has_heard
            or (self._opened is not None and now - self._opened >= SETTLED_SECONDS)
        )

    def _settle(self) -> None:
        """Write down until when it has been watched, before that changes."""
        now = self._clock()
        if self._opened is not None and self._is_proven(now):
            self._since = max(min(now, self._opened + LATE_SECONDS), self._since)
            self._was_watched = True
            if now <= self._opened + LATE_SECONDS:
                self.is_troubled, self._trouble = False, None


class Sights:
    """All scopes that are looked after.

    Args:
        scopes: these.
        clock: in seconds, set by nobody.
    """

    def __init__(self, scopes: Iterable[Scope], *, clock: Callable[[], float] = time.monotonic) -> None:
        self.all = [Sight(scope, clock) for scope in scopes]

    def ages(self) -> dict[str, float]:
        """Give, for each kind, the age of the sight of it that is the oldest."""
        ages: dict[str, float] = {}
        for sight in self.all:
            kind = sight.scope.kind.name
            ages[kind] = max(sight.age, ages.get(kind, 0.0))
        return ages

    def complaints(self) -> str | None:
        """Say a line for each scope that is not watched."""
        return "\n".join(complaint for sight in self.all if (complaint := sight.complaint())) or None
