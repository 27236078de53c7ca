"""The stage where dfdaemons are real, and the scheduler too where it is given."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.real import RealDragonfly
from tests.real.origin import Gate


@dataclass(slots=True)
class RealStage:
    """Tasks get their ids from a content for calculating task ids, so that this rests on no rule of the operator's."""

    dragonfly: RealDragonfly
    _names: itertools.count[int] = field(default_factory=itertools.count)
    _held: dict[str, tuple[Gate, subprocess.Popen[bytes]]] = field(default_factory=dict)

    @property
    def scheduler(self) -> str:
        return self.dragonfly.scheduler.target

    @property
    def peers(self) -> Mapping[str, str]:
        return {name: peer.target for name, peer in self.dragonfly.peers.items()}

    def caches(self, *on: str, content_length: int = 1000) -> str:
        path, task_id, option = self._new()
        url = self.dragonfly.origin.puts(path, bytes(content_length))
        for name in on:
            assert self.dragonfly.peers[name].downloads(url, option) == task_id
        return task_id

    def begins(self, on: str) -> str:
        return self._held_back(on, at_first_byte=True)

    def downloads(self, on: str) -> str:
        return self._held_back(on, at_first_byte=False)

    def finishes(self, task_id: str) -> None:
        gate, dfget = self._held[task_id]
        gate.opened.set()
        dfget.wait(30)

    def abandons(self, on: str) -> str:
        task_id = self.downloads(on)
        self.kills(on)
        self.revives(on)
        return task_id

    def fails_to_start(self, on: str) -> str:
        path, task_id, option = self._new()
        self.dragonfly.peers[on].fails_to_download(f"{self.dragonfly.origin.url}{path}", option)
        return task_id

    def holders(self, task_id: str) -> set[str]:
        return self.dragonfly.holders(task_id)

    def kills(self, peer: str) -> None:
        self.dragonfly.peers[peer].kill()

    def stops(self, peer: str) -> None:
        self.dragonfly.peers[peer].stop()

    def revives(self, peer: str) -> None:
        self.dragonfly.peers[peer].start()

    def scheduler_goes_down(self) -> None:
        self.dragonfly.scheduler.goes_down()

    def scheduler_restarts(self) -> None:
        self.dragonfly.scheduler.goes_down()
        self.dragonfly.scheduler.comes_back()

    def recovers(self) -> None:
        for gate, _ in self._held.values():
            gate.opened.set()
        self.dragonfly.recovers()

    def _held_back(self, on: str, *, at_first_byte: bool) -> str:
        path, task_id, option = self._new()
        gate = self.dragonfly.origin.holds_back(path, at_first_byte=at_first_byte)
        url = self.dragonfly.origin.puts(path, bytes(1000))
        self._held[task_id] = gate, self.dragonfly.peers[on].begins_to_download(url, option)
        assert gate.reached.acquire(timeout=30)
        return task_id

    def _new(self) -> tuple[str, str, str]:
        """A path, the id of the task that it becomes, and the option of dfget that makes it so."""
        content = f"conformance {next(self._names)}"
        task_id = hashlib.sha256(content.encode()).hexdigest()
        return f"/{task_id}", task_id, f"--content-for-calculating-task-id={content}"
