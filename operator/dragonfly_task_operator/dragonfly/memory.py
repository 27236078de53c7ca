"""Peers that were listed lately: a scheduler that restarted lists none until they announce themselves again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dragonfly_task_operator.engine.model import Host, HostID
from dragonfly_task_operator.engine.ports import Clock

REMEMBERED = timedelta(minutes=15)
"""Three times as long as peers take to announce themselves again."""

MAX_REMEMBERED = 50_000
"""Peers; each takes about half a kilobyte."""


@dataclass(slots=True)
class _Sighting:
    since: datetime
    listed: datetime
    answered: datetime | None = None


class HostMemory:
    """Who was listed when, and who answered when. Kept across runs, in memory only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sightings: dict[Host, _Sighting] = {}
        """Those listed last come last. A peer that moved is there twice: a Host is where it is, too."""

    def merge(self, listed: Iterable[Host], found: Iterable[Host] = ()) -> tuple[Host, ...]:
        """Take note of a listing, and give every peer there is to ask: each id once, and each address once.

        Where ids or addresses meet, listed peers go before those found otherwise and those only remembered, and among
        them the ones first listed last: a peer that restarted is asked at its new address.

        Args:
            listed: what schedulers list now; the same peer any number of times.
            found: peers known by other means. They are not remembered.
        """
        now = self._clock.now()
        listed = dict.fromkeys(listed)
        for host in listed:
            sighting = self._sightings.pop(host, None) or _Sighting(since=now, listed=now)
            sighting.listed = now
            self._sightings[host] = sighting
        self._forget(now)
        newest_first = sorted(listed, key=lambda host: self._sightings[host].since, reverse=True)
        everybody: dict[HostID, Host] = {}
        addresses: set[tuple[str, int]] = set()
        for group in (newest_first, found, reversed(self._sightings)):
            for host in group:
                if host.id not in everybody and (host.ip, host.port) not in addresses:
                    everybody[host.id] = host
                    addresses.add((host.ip, host.port))
        return tuple(everybody.values())

    def answered(self, host: Host) -> None:
        """Take note that a peer answered."""
        sighting = self._sightings.get(host)
        if sighting is not None:
            sighting.answered = self._clock.now()

    def last_seen(self, host: Host) -> str:
        """Say when a peer was last seen, as in `last listed by a scheduler 12 minutes ago, last answered …`."""
        sighting = self._sightings.get(host)
        if sighting is None:
            return "no scheduler lists it"
        now = self._clock.now()
        answered = (
            f"last answered {_ago(now - sighting.answered)}" if sighting.answered else "never answered this operator"
        )
        return f"last listed by a scheduler {_ago(now - sighting.listed)}, {answered}"

    def _forget(self, now: datetime) -> None:
        surplus = len(self._sightings) - MAX_REMEMBERED
        old = []
        for position, (host, sighting) in enumerate(self._sightings.items()):
            if sighting.listed == now or (position >= surplus and now - sighting.listed <= REMEMBERED):
                break
            old.append(host)
        for host in old:
            del self._sightings[host]


def _ago(passed: timedelta) -> str:
    minutes = int(passed.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute ago"
    return "1 minute ago" if minutes == 1 else f"{minutes} minutes ago"
