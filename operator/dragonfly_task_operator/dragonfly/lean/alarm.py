"""When something has been waited for too long, by a clock that may have run while this process did not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

HELD_UP_SECONDS = 0.5
"""An alarm that rings so late tells that this process was held up: frozen, suspended, or short of CPU."""

HEARING_SECONDS = 0.5
"""Long enough to hear what others have sent meanwhile, and for most to answer what leaves only now."""


class Alarm:
    """One timer, for whatever is due first.

    An event loop looks at its timers before its sockets. So of all that came while this process was held up nothing is
    known yet when the alarm rings, and who has answered in time would be called late.

    Args:
        loop: whose clock it goes by.
    """

    __slots__ = ("_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def by(self, due: float, look: Callable[[float], float | None]) -> None:
        """Ring at that time, unless it is set already: what comes later is never due earlier.

        Args:
            due: by the loop's clock.
            look: given the loop's time, does what is due, and gives when it wants to look again; None for never.
        """
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._rings, due, look)

    def off(self) -> None:
        """Ring no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rings(self, due: float, look: Callable[[float], float | None]) -> None:
        self._timer = None
        now = self._loop.time()
        if now - due > HELD_UP_SECONDS:
            self.by(now + HEARING_SECONDS, look)
            return
        following = look(now)
        if following is not None:
            self.by(following, look)
