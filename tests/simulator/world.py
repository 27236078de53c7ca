"""A whole Dragonfly cluster in one process, and the truth about it.

Tests say in the domain's words what there is and what shall go wrong, let the operator act over real sockets, and
then ask the world, not the operator, what became of it.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from hack.controlplane.ports import free_port
from tests.simulator import hosts, sockets
from tests.simulator.conditions import DFDAEMON_REQUESTS_PER_SECOND, Conditions
from tests.simulator.endpoint import Endpoint
from tests.simulator.peer import DeleteRequest, Peer
from tests.simulator.scheduler import Scheduler, SchedulerRing
from tests.simulator.tasks import DEFAULT_CONTENT_LENGTH, DEFAULT_PIECE_LENGTH, LocalTask, State
from tests.simulator.tls import COMMITTED, ServerFiles

# Each kind has loopback addresses of its own: the first is network + 1.
_PEER_NETWORK = "127.1.0.0"
_SEED_NETWORK = "127.2.0.0"
_SCHEDULER_NETWORK = "127.3.0.0"
_DEAD_NETWORK = "127.4.0.0"
_MOVED_NETWORK = "127.5.0.0"
_STARTED_AT_ONCE = 200
_ATTEMPTS_AT_A_PORT = 5


class SimulatedCluster:
    """Schedulers, peers and seed peers, each a server at its own loopback address.

    Peers are called n0, n1, …, seed peers seed0, seed1, …; with `ipv6`, one more, "v6", and one more scheduler are
    at ::1. Further schedulers are `schedulers_at` these IP addresses of this machine. A port of 0 is one that is
    free when the world starts; all schedulers have the same, and all peers. `latency` is in seconds before every
    answer; `requests_per_second` is what one peer takes (None: any number). With `tls`, clients need the
    certificates of `tests.simulator.tls`, or those that the files given are for. With `announce_interval`, peers
    announce themselves again every so many seconds; without, only when they start and when told to.

    `delete_requests` is every deletion that any peer was asked for, in order, whatever came of it.
    """

    def __init__(
        self,
        *,
        schedulers: int = 1,
        peers: int = 3,
        first_peer: int = 0,
        seeds: int = 0,
        ipv6: bool = False,
        schedulers_at: Sequence[str] = (),
        scheduler_port: int = 0,
        peer_port: int = 0,
        latency: float = 0.0,
        requests_per_second: int | None = DFDAEMON_REQUESTS_PER_SECOND,
        tls: bool | ServerFiles = False,
        announce_interval: float | None = None,
    ) -> None:
        files = COMMITTED if tls is True else tls or None
        self.conditions = Conditions(latency=latency, requests_per_second=requests_per_second, tls=files)
        self.delete_requests: list[DeleteRequest] = []
        self.schedulers: Sequence[Scheduler] = ()
        self._peers: dict[str, Peer] = {}
        self._numbers = (schedulers, range(first_peer, first_peer + peers), seeds, ipv6)
        self._schedulers_at = ["::1"] * ipv6 + list(schedulers_at)
        self._ports = (scheduler_port, peer_port)
        self._port_of_peers = 0
        self._announce_interval = announce_interval
        self._dead = self._moved = 0
        self._ring = SchedulerRing(())

    async def __aenter__(self) -> Self:
        for attempt in range(_ATTEMPTS_AT_A_PORT):
            try:
                await self._start()
                break
            except OSError:
                await self._stop()
                if 0 not in self._ports or attempt == _ATTEMPTS_AT_A_PORT - 1:
                    raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.conditions.background.close()
        await self._stop()

    # Who is there

    @property
    def scheduler_addresses(self) -> list[str]:
        """HOST:PORT of each scheduler, also of those that are down."""
        return [each.target for each in self.schedulers]

    @property
    def peers(self) -> Sequence[Peer]:
        """All peers, seeds included, also those that are down."""
        return list(self._peers.values())

    @property
    def seeds(self) -> Sequence[Peer]:
        """The seed peers."""
        return [each for each in self._peers.values() if each.is_seed]

    def peer(self, hostname: str) -> Peer:
        """Give the peer of this name. Raises KeyError, with the names that there are."""
        try:
            return self._peers[hostname]
        except KeyError:
            raise KeyError(f"no peer {hostname!r} in this world; there are {_some(self._peers)}") from None

    def scheduler(self, index: int = 0) -> Scheduler:
        """Give one scheduler, in the order of `scheduler_addresses`."""
        return self.schedulers[index]

    def scheduler_of(self, task_id: str) -> Scheduler:
        """Give the scheduler that hears of this task."""
        return self._ring.of(task_id)

    # What is true

    def holders(self, task_id: str) -> set[str]:
        """Give the names of the peers that have anything of this task on their disk, reachable or not."""
        return {each.hostname for each in self._peers.values() if task_id in each.tasks}

    def states(self, task_id: str) -> dict[str, State]:
        """Give what each of `holders` has."""
        return {each.hostname: each.tasks[task_id].state for each in self._peers.values() if task_id in each.tasks}

    @property
    def hung_downloads(self) -> set[tuple[str, str]]:
        """(hostname, task id) of every download that a deletion made hang. Empty, or something did harm."""
        return {(each.hostname, task_id) for each in self._peers.values() for task_id in each.hung_downloads}

    @property
    def calls(self) -> Counter[str]:
        """Calls of all peers together."""
        return sum((each.calls for each in self._peers.values()), Counter[str]())

    def open_connections(self) -> dict[str, int]:
        """Count the connections to each peer that are open now; peers without one are left out."""
        names = {each.address[0]: each.hostname for each in self._peers.values()}
        counted = sockets.open_connections(self._port_of_peers)
        return {names[ip]: count for ip, count in counted.items() if ip in names}

    # What happens

    def caches(
        self,
        task_id: str,
        *,
        on: Iterable[Peer] | None = None,
        content_length: int = DEFAULT_CONTENT_LENGTH,
        piece_length: int = DEFAULT_PIECE_LENGTH,
        url: str = "",
    ) -> LocalTask:
        """Have a task cached on these peers (None: on all). Cheap for thousands: they share one value."""
        task = LocalTask(task_id=task_id, content_length=content_length, piece_length=piece_length, url=url)
        for peer in self._peers.values() if on is None else on:
            peer.stores(task)
        return task

    def announce(self) -> None:
        """Let every peer that is up announce itself to every scheduler that is up."""
        for peer in self._peers.values():
            if peer.is_serving:
                peer.announces()

    async def moves(self, peer: Peer, *, in_good_order: bool = True) -> Peer:
        """Let a peer end, and one of its name start with an empty storage at another address, as pods do.

        Where it does not end in good order, schedulers go on listing it beside the new one, which has another id.
        """
        if in_good_order:
            await peer.leaves()
        else:
            await peer.goes_down()
        self._moved += 1
        self._add_peer(peer.hostname, (_ip(_MOVED_NETWORK, self._moved - 1), self._port_of_peers), seed=peer.is_seed)
        moved = self.peer(peer.hostname)
        await moved.comes_back()
        return moved

    def peers_refresh_schedulers(self) -> None:
        """Let dfdaemons look again which schedulers answer, as they do every few minutes."""
        self._ring.refreshes()

    def lists_dead_hosts(self, count: int, *, on: Iterable[Scheduler] | None = None) -> list[str]:
        """Let schedulers list hosts where nothing listens, for as long as the world lives. Returns their names."""
        names = []
        for index in range(self._dead, self._dead + count):
            name = f"dead{index}"
            dead = hosts.host(ip=_ip(_DEAD_NETWORK, index), hostname=name, port=self._port_of_peers)
            for scheduler in self.schedulers if on is None else on:
                scheduler.hears_of_host(dead)
            names.append(name)
        self._dead += count
        return names

    def lists_hosts(self, peers: Mapping[str, str]) -> None:
        """Let all schedulers list normal peers of another simulator too, given as hostname to HOST:PORT.

        Ten thousand peers and a connection to each are more descriptors than one process may have on many machines:
        several simulators, each with another `first_peer`, then make one cluster. Each tells the truth about its own
        peers, and their deletions are told to its own schedulers.
        """
        for hostname, target in peers.items():
            ip, _, port = target.rpartition(":")
            foreign = hosts.host(ip=ip.strip("[]"), hostname=hostname, port=int(port))
            for scheduler in self.schedulers:
                scheduler.hears_of_host(foreign)

    def forgets_calls(self) -> None:
        """Count calls and deletions from zero."""
        self.delete_requests.clear()
        for each in self._endpoints():
            each.forgets_calls()

    def select(self, who: str) -> list[Peer]:
        """Read who is meant: "all", a number (the first so many), "seeds", or names with commas. Raises KeyError."""
        match who:
            case "all":
                return list(self.peers)
            case "seeds":
                return list(self.seeds)
            case number if number.isdigit():
                return list(self.peers[: int(number)])
            case names:
                return [self.peer(name.strip()) for name in names.split(",") if name.strip()]

    def endpoints(self, who: str) -> list[Endpoint]:
        """As `select`, and schedulers too: "everything", "schedulers", or "scheduler0,scheduler2"."""
        match who:
            case "everything":
                return self._endpoints()
            case "schedulers":
                return list(self.schedulers)
            case names if names.startswith("scheduler"):
                return [self.schedulers[int(name.strip().removeprefix("scheduler"))] for name in names.split(",")]
            case _:
                return list(self.select(who))

    # How it starts and ends

    async def _start(self) -> None:
        schedulers, peers, seeds, ipv6 = self._numbers
        scheduler_port = self._ports[0] or free_port()
        self._port_of_peers = port = self._ports[1] or free_port()
        addresses = [_ip(_SCHEDULER_NETWORK, index) for index in range(schedulers)] + self._schedulers_at
        self.schedulers = tuple(Scheduler(address=(ip, scheduler_port), conditions=self.conditions) for ip in addresses)
        self._ring = SchedulerRing(self.schedulers)
        self._peers = {}
        for index in peers:
            self._add_peer(f"n{index}", (_ip(_PEER_NETWORK, index), port))
        for index in range(seeds):
            self._add_peer(f"seed{index}", (_ip(_SEED_NETWORK, index), port), seed=True)
        if ipv6:
            self._add_peer("v6", ("::1", port))
        await _in_batches([each.comes_back for each in self._endpoints()])
        if self._announce_interval is not None:
            self.conditions.background.spawn(self._announce_every(self._announce_interval))

    def _add_peer(self, hostname: str, address: sockets.Address, *, seed: bool = False) -> None:
        self._peers[hostname] = Peer(
            hostname=hostname,
            address=address,
            seed=seed,
            conditions=self.conditions,
            ring=self._ring,
            delete_requests=self.delete_requests,
        )

    async def _stop(self) -> None:
        await _in_batches([each.goes_down for each in self._endpoints()])

    async def _announce_every(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            self.announce()

    def _endpoints(self) -> list[Endpoint]:
        return [*self.schedulers, *self._peers.values()]


async def _in_batches(work: Sequence[Callable[[], Awaitable[None]]]) -> None:
    for first in range(0, len(work), _STARTED_AT_ONCE):
        await asyncio.gather(*(each() for each in work[first : first + _STARTED_AT_ONCE]))


def _ip(network: str, index: int) -> str:
    return str(ipaddress.IPv4Address(network) + index + 1)


def _some(names: Mapping[str, object], limit: int = 10) -> str:
    shown = ", ".join(list(names)[:limit])
    return f"{shown}, …" if len(names) > limit else shown
