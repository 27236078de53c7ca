"""The stage where everything is simulated."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from tests.simulator.control import Simulation


class SimulatedStage:
    """A simulator in a process of its own."""

    def __init__(self, simulator: Simulation) -> None:
        self._control = simulator.control
        (self.scheduler,) = simulator.scheduler_addresses
        self.peers: Mapping[str, str] = simulator.control.describe()["peers"]

    def caches(self, *on: str, content_length: int = 1000) -> str:
        return self._has("cached", ",".join(on), content_length=content_length)

    def begins(self, on: str) -> str:
        return self._has("starting", on)

    def downloads(self, on: str) -> str:
        return self._has("downloading", on)

    def finishes(self, task_id: str) -> None:
        self._control.finishes(task_id)

    def abandons(self, on: str) -> str:
        task_id = self.downloads(on)
        self.kills(on)
        self.revives(on)
        return task_id

    def fails_to_start(self, on: str) -> str:
        return self._has("failed", on)

    def holders(self, task_id: str) -> set[str]:
        return self._control.holders(task_id)

    def kills(self, peer: str) -> None:
        self._control.goes_down(peer)

    def stops(self, peer: str) -> None:
        self._control.leaves(peer)

    def revives(self, peer: str) -> None:
        self._control.comes_back(peer)

    def scheduler_goes_down(self) -> None:
        self._control.goes_down("schedulers")

    def scheduler_restarts(self) -> None:
        self._control.restarts()

    def recovers(self) -> None:
        self._control.comes_back("everything")
        self._control.announce()

    def _has(self, state: str, on: str, **task: int) -> str:
        task_id = secrets.token_hex(32)
        self._control.caches(task_id, on=on, state=state, **task)
        return task_id
