"""How long ago finished objects were finished, by a clock that nobody sets."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from dragonfly_task_operator.engine.ports import Clock


class Completions:
    """When this process first saw each completion, and how long ago it was by then.

    A wall clock that is set later changes nothing. One that was set before can make an object older by as much; a
    completion in the future is taken to be now.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[datetime, float]] = {}
        """By uid: the completion, and the event loop's time of it."""

    def passed(self, uid: str, completed: datetime) -> timedelta:
        """Tell how long ago an object was finished, and remember it."""
        now = asyncio.get_running_loop().time()
        seen = self._seen.get(uid)
        if seen is None or seen[0] != completed:
            before = max((self._clock.now() - completed).total_seconds(), 0)
            seen = self._seen[uid] = (completed, now - before)
        return timedelta(seconds=now - seen[1])

    def forget(self, uid: str) -> None:
        """Forget an object that is gone."""
        self._seen.pop(uid, None)
