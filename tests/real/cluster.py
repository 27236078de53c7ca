"""All of it together: a scheduler, an origin and a few dfdaemons, without a manager."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.real import schedulers
from tests.real.binaries import Binaries
from tests.real.dfdaemon import Dfdaemon
from tests.real.origin import Origin
from tests.real.schedulers import Scheduler


@dataclass(frozen=True, slots=True, kw_only=True)
class RealDragonfly:
    """What runs. Peers are called n0, n1, …; a seed peer, seed0."""

    scheduler: Scheduler
    origin: Origin
    peers: Mapping[str, Dfdaemon]
    registry_ip: str
    """Where dfdaemons expect a registry, if there is one: they do not ask the origin for what is there."""

    @classmethod
    @contextmanager
    def running(
        cls,
        binaries: Binaries,
        directory: Path,
        *,
        network: int,
        peers: int = 3,
        seeds: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> Iterator[Self]:
        """Run it while the context lasts. `settings` are more of dfdaemon.yaml, for every peer.

        Everybody is at an address that begins with 127 and `network`, of which two in one process need two.
        """
        prefix = f"127.{network}.{os.getpid() % 250}"  # nor shall those of two processes meet
        with (
            Origin.running() as origin,
            schedulers.running(binaries.scheduler, ip=f"{prefix}.254", directory=directory / "scheduler") as scheduler,
        ):
            registry_ip = f"{prefix}.253"
            names = [f"n{index}" for index in range(peers)] + [f"seed{index}" for index in range(seeds)]
            there = {
                name: Dfdaemon(
                    name=name,
                    ip=f"{prefix}.{number}",
                    binaries=binaries,
                    directory=directory / name,
                    scheduler=scheduler.target,
                    http_proxy=origin.url,
                    no_proxy=registry_ip,
                    settings={"seedPeer": {"enable": name.startswith("seed")}, **(settings or {})},
                )
                for number, name in enumerate(names, start=1)
            }
            dragonfly = cls(scheduler=scheduler, origin=origin, peers=there, registry_ip=registry_ip)
            try:
                dragonfly.recovers()
                yield dragonfly
            finally:
                for peer in there.values():
                    peer.ends_downloads()
                    peer.kill()

    def holders(self, task_id: str) -> set[str]:
        """Names of the peers that have content of this task on their disks, whether they run or not."""
        return {name for name, peer in self.peers.items() if peer.content(task_id).exists()}

    def rememberers(self, task_id: str) -> set[str]:
        """Names of the peers, all of which must run, whose metadata has this task."""
        return {name for name, peer in self.peers.items() if peer.remembers(task_id)}

    def recovers(self) -> None:
        """Have everybody up, and listed by the scheduler, and no dfget left."""
        for peer in self.peers.values():
            peer.ends_downloads()
        if not self.scheduler.answers():
            self.scheduler.comes_back()
        lost = [each for each in self.peers.values() if not (each.pid and each.is_listed())]
        with ThreadPoolExecutor() as pool:
            list(pool.map(_starts_anew, lost))


def _starts_anew(peer: Dfdaemon) -> None:
    """Start it, or start it again, for a dfdaemon announces itself at its start and then every five minutes."""
    peer.kill()
    peer.start()
