"""Objects that need nothing now: which, how new what was seen of them is, and when to look at them again. No bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import datetime

from dragonfly_task_operator.engine.ports import Clock
from dragonfly_task_operator.kube.history import Age
from dragonfly_task_operator.kube.objects import Ref

NEVER_SEEN: Age = (-1, 0)

SHORTEST = 0.01
"""Seconds of rest: the timers' clock is not the one that is decided by, and may be ahead by a trifle."""


@dataclass(slots=True)
class _Rest:
    ref: Ref
    latest: Age
    waking: asyncio.TimerHandle | asyncio.Task[None] | None = None


class Resting:
    """Objects at rest.

    Args:
        clock: tells when their time has come.
        wake: called then, with the object still here; the task is cancelled when it is taken away meanwhile.
    """

    def __init__(self, clock: Clock, wake: Callable[[Ref], Coroutine[None, None, None]]) -> None:
        self._clock, self._wake = clock, wake
        self._rests: dict[str, _Rest] = {}

    def put(self, ref: Ref, latest: Age, until: datetime | None) -> None:
        """Let an object rest, until then if a time is given."""
        self.remove(ref.uid)
        rest = self._rests[ref.uid] = _Rest(ref, latest)
        if until is not None:
            seconds = (until - self._clock.now()).total_seconds()
            rest.waking = asyncio.get_running_loop().call_later(max(seconds, SHORTEST), self._begin, rest)

    def remove(self, uid: str) -> None:
        """Take an object away, if it is here."""
        rest = self._rests.pop(uid, None)
        if rest is not None and rest.waking is not None and rest.waking is not asyncio.current_task():
            rest.waking.cancel()

    def latest(self, uid: str) -> Age:
        """Tell how new what was last seen of an object is."""
        rest = self._rests.get(uid)
        return rest.latest if rest is not None else NEVER_SEEN

    def refs(self) -> Iterator[Ref]:
        """Give all."""
        return (rest.ref for rest in self._rests.values())

    def close(self) -> None:
        """Wake nothing any more."""
        for uid in list(self._rests):
            self.remove(uid)

    def _begin(self, rest: _Rest) -> None:
        rest.waking = asyncio.get_running_loop().create_task(self._wake(rest.ref))
