"""How fast one peer is asked.

A dfdaemon takes so many requests a second and refuses the rest, its neighbours' among them: the operator's share is a
setting. The pace belongs to an address, not to a connection: a peer whose connection broke has enough to do.
"""

from __future__ import annotations

import asyncio

DEFAULT_REQUESTS_PER_SECOND = 100
"""Half of what Dragonfly's chart lets a client take (200; seed clients and the program's own default: 400)."""

MAX_BURST = 50
"""Requests that a dfdaemon lets wait for their turn, those of other peers among them (its sources)."""

TOGETHER = 3
"""Requests that go together once a burst is over: each by itself is a send and a wake-up, for each part of an image."""

_BURST_SHARE = 10
_FIRST_PRUNING = 1024


class Pace:
    """When the next request to one peer may go: at most so many in any second, a tenth of them at once.

    The generic cell rate algorithm: what is left of a second's requests after a burst goes at even distances, a few
    together: who has to wait waits for those that come next, too. So a second may have as many more as have waited, and
    they are taken off the rate. A larger burst would leave less for a peer that is asked all the time.
    """

    __slots__ = ("_burst", "_due", "_interval", "_more")

    def __init__(self, per_second: int) -> None:
        self._burst = max(1, min(MAX_BURST, per_second // _BURST_SHARE))
        self._more = min(TOGETHER, self._burst) - 1
        self._interval = 1 / (per_second - self._burst - self._more + 1)
        self._due = 0.0

    async def turn(self) -> None:
        """Wait until one more request keeps to the pace."""
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now) + self._interval
        early = self._due - now - self._burst * self._interval
        if early > 0:
            await asyncio.sleep(early + self._more * self._interval)

    def rests(self, now: float) -> bool:
        """Whether nothing is left of it but what a new one has."""
        return self._due <= now


class Paces:
    """The pace of every peer that was asked lately, by address."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._paces: dict[tuple[str, int], Pace] = {}
        self._prune_at = _FIRST_PRUNING

    def of(self, ip: str, port: int) -> Pace:
        """Give the pace of the peer at an address."""
        pace = self._paces.get((ip, port))
        if pace is None:
            if len(self._paces) >= self._prune_at:
                self._prune()
            pace = self._paces[ip, port] = Pace(self._per_second)
        return pace

    def __len__(self) -> int:
        """Count those that are kept."""
        return len(self._paces)

    def _prune(self) -> None:
        now = asyncio.get_running_loop().time()
        self._paces = {address: pace for address, pace in self._paces.items() if not pace.rests(now)}
        self._prune_at = max(_FIRST_PRUNING, 2 * len(self._paces))
