"""Peers that were listed lately: a scheduler that restarted lists none until they announce themselves again.

And which of them have left the cluster, as far as that can be known (docs/adr/0011-peers-that-left.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from dragonfly_task_operator.dragonfly.announced import join, trouble_of_address
from dragonfly_task_operator.engine.model import Host, HostID
from dragonfly_task_operator.engine.ports import Clock

REMEMBERED = timedelta(minutes=15)
"""Three times as long as peers take to announce themselves again."""

MAX_REMEMBERED = 50_000
"""Peers; each takes about half a kilobyte."""


class Session:
    """A scheduler, for as long as it is sure to be the same process, with all that it has heard."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a listing tells of peers that are not in it.

    Attributes:
        sessions: for each scheduler that answered, the ids that it lists.
        pods: for each cluster whose pods could be listed, the addresses of all of them, also of those that are ending.
    """

    sessions: Mapping[Session, Set[HostID]] = field(default_factory=dict)
    pods: Mapping[str, Set[str]] = field(default_factory=dict)


NO_EVIDENCE = Evidence()


@dataclass(slots=True)
class _Sighting:
    """What is known of a peer. Listings are counted, and so are the times that need no clock.

    Attributes:
        host: what all runs share: a thousand runs on ten thousand peers know each by one object.
        first, last: the listings that it was in.
        alive: the last listing that it was known to be there after: the one before its last answer, or else `first`.
        sessions: schedulers that listed it, of those that answered when it was listed last.
        was_pod: whether a pod ever had its address.
        answers_unlisted: whether it answered when it was asked last, although nobody listed it any more.
    """

    host: Host
    since: datetime
    listed: datetime
    first: int
    last: int
    alive: int
    answered: datetime | None = None
    sessions: frozenset[Session] = frozenset()
    was_pod: bool = False
    answers_unlisted: bool = False


class HostMemory:
    """Who was listed when, and who answered when. Kept across runs, in memory only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sightings: dict[Host, _Sighting] = {}
        """Those listed last come last. A peer that moved is there twice: a Host is where it is, too."""
        self._found: dict[Host, datetime] = {}
        self._vacant: set[Host] = set()
        """At whose address nobody listened when they were asked last, and who have not been listed since."""
        self._listed_as: dict[Host, Host] = {}
        """Peers that were given another id, for the id that they are listed by is one of a peer elsewhere."""
        self._listings = 0
        self._evidence = NO_EVIDENCE

    def merge(
        self, listed: Iterable[Host], found: Iterable[Host] = (), evidence: Evidence = NO_EVIDENCE
    ) -> tuple[Host, ...]:
        """Take note of a listing, and give every peer there is to ask: each id once, and each address once.

        An id that is listed at two addresses is two peers, until it is no more: nobody knows which of both is gone. The
        one that was listed first has its address in its id. What is no address is nobody's: each such peer is told of.
        Where else ids or addresses meet, listed peers go before those found otherwise and those only remembered, and
        among them the ones first listed last: a peer that restarted is asked at its new address.

        Args:
            listed: what schedulers list now; the same peer any number of times.
            found: peers known by other means. They are not remembered.
            evidence: what the listing tells of others.
        """
        now = self._clock.now()
        self._listings += 1
        self._evidence = evidence
        listed, found = [self._known(host) for host in dict.fromkeys(listed)], tuple(found)
        for host in listed:
            sighting = self._sightings.pop(host, None) or _Sighting(
                host=host, since=now, listed=now, first=self._listings, last=self._listings, alive=self._listings
            )
            sighting.host, sighting.listed, sighting.last, sighting.answers_unlisted = host, now, self._listings, False
            self._sightings[host] = sighting
        self._vacant.difference_update(listed)
        self._found.update(dict.fromkeys(found, now))
        self._forget(now)
        self._note(listed)
        newest_first = sorted(listed, key=lambda host: self._sightings[host].since, reverse=True)
        everybody: dict[HostID, Host] = {}
        addresses: set[tuple[str, int]] = set()
        for group in (self._apart(newest_first), found, reversed(self._sightings)):
            for host in group:
                if host.id not in everybody and (host.ip, host.port) not in addresses:
                    everybody[host.id] = host
                    if trouble_of_address(host.ip, host.port) is None:
                        addresses.add((host.ip, host.port))
        return tuple(everybody.values())

    def _apart(self, newest_first: Iterable[Host]) -> list[Host]:
        ids: set[HostID] = set()
        apart = []
        self._listed_as = {}
        for listed in newest_first:
            host = listed
            if host.id in ids:
                host = replace(listed, id=f"{listed.id} at {join(listed.ip, listed.port)}")
                self._listed_as[host] = listed
            ids.add(host.id)
            apart.append(host)
        return apart

    def _sighting(self, host: Host) -> _Sighting | None:
        return self._sightings.get(self._listed_as.get(host, host))

    def answered(self, host: Host) -> None:
        """Take note that a peer answered."""
        sighting = self._sighting(host)
        if sighting is not None:
            sighting.answered, sighting.alive = self._clock.now(), self._listings
            sighting.answers_unlisted = sighting.last != self._listings
        self._vacant.discard(host)

    def silent(self, host: Host, *, vacant: bool) -> None:
        """Take note that a peer could not be asked, and whether that is because nobody listens at its address."""
        sighting = self._sighting(host)
        if sighting is not None:
            sighting.answers_unlisted = False
        (self._vacant.add if vacant else self._vacant.discard)(host)

    def departed(self, hosts: Iterable[Host]) -> frozenset[HostID]:
        """Tell which of these peers have left the cluster. Only of one that can't be reached should that be asked.

        One that a scheduler lists has not, nor one at whose address anybody listens: it may hang. Any other has, if

        - a scheduler that listed it, answered in the last listing, and has been the same process in between. It is not
          believed where it has left out a peer that answers: then it does not know all the cluster, whatever the cause;
        - or a peer of its name and type is listed at another address, and was not before this one was last known alive;
        - or a pod had its address, and none has.
        """
        candidates = [host for host in hosts if host in self._vacant and self.is_unlisted(host)]
        if not candidates:
            return frozenset()
        refuted = self._refuted()
        successors = self._successors()
        return frozenset(
            host.id
            for host in candidates
            if self._is_gone_as_pod(host)
            or (
                (sighting := self._sighting(host)) is not None
                and not sighting.answers_unlisted
                and (
                    (sighting.sessions & self._evidence.sessions.keys()) - refuted
                    or any(ip != host.ip and first > sighting.alive for ip, first in successors.get(_name(host), ()))
                )
            )
        )

    def last_seen(self, host: Host) -> str:
        """Say when a peer was last seen, as in `last listed by a scheduler 12 minutes ago, last answered …`."""
        sighting = self._sighting(host)
        if sighting is None:
            return "no scheduler lists it"
        now = self._clock.now()
        answered = (
            f"last answered {_ago(now - sighting.answered)}" if sighting.answered else "never answered this operator"
        )
        return f"last listed by a scheduler {_ago(now - sighting.listed)}, {answered}"

    def _known(self, host: Host) -> Host:
        sighting = self._sightings.get(host)
        if sighting is None or sighting.host.client_version != host.client_version:
            return host
        return sighting.host

    def _note(self, listed: Iterable[Host]) -> None:
        """Keep what a listing tells, for when it is the last that a peer was in."""
        sessions = self._evidence.sessions
        shared: dict[frozenset[Session], frozenset[Session]] = {}
        for host in listed:
            sighting = self._sightings[host]
            by = frozenset(session for session, ids in sessions.items() if host.id in ids)
            by |= sighting.sessions & sessions.keys()
            sighting.sessions = shared.setdefault(by, by)
        if self._evidence.pods:
            for host, sighting in self._sightings.items():
                sighting.was_pod |= host.ip in self._evidence.pods.get(host.cluster, ())

    def is_unlisted(self, host: Host) -> bool:
        """Whether a peer that was listed or found lately is not listed now."""
        sighting = self._sighting(host)
        return sighting.last != self._listings if sighting is not None else host in self._found

    def _is_gone_as_pod(self, host: Host) -> bool:
        sighting, pods = self._sighting(host), self._evidence.pods.get(host.cluster)
        was_pod = host in self._found if sighting is None else sighting.was_pod and not sighting.answers_unlisted
        return was_pod and pods is not None and host.ip not in pods

    def _refuted(self) -> set[Session]:
        refuted: set[Session] = set()
        for sighting in self._sightings.values():
            if sighting.last == self._listings:
                break  # those listed last come last
            if sighting.answers_unlisted:
                refuted |= sighting.sessions
        return refuted

    def _successors(self) -> Mapping[_Name, list[tuple[str, int]]]:
        """Give, by name, where peers are that are listed now, and since which listing."""
        found: dict[_Name, list[tuple[str, int]]] = {}
        for host, sighting in reversed(self._sightings.items()):
            if sighting.last != self._listings:
                break
            found.setdefault(_name(host), []).append((host.ip, sighting.first))
        return found

    def _forget(self, now: datetime) -> None:
        self._found = {host: seen for host, seen in self._found.items() if now - seen <= REMEMBERED}
        surplus = len(self._sightings) - MAX_REMEMBERED
        old = []
        for position, (host, sighting) in enumerate(self._sightings.items()):
            if sighting.listed == now or (position >= surplus and now - sighting.listed <= REMEMBERED):
                break
            old.append(host)
        for host in old:
            del self._sightings[host]
        self._vacant = {host for host in self._vacant if host in self._sightings or host in self._found}


_Name: TypeAlias = tuple[str, str, int, str]


def _name(host: Host) -> _Name:
    return host.cluster, host.hostname, host.scheduler_cluster_id, host.type


def _ago(passed: timedelta) -> str:
    minutes = int(passed.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute ago"
    return "1 minute ago" if minutes == 1 else f"{minutes} minutes ago"
