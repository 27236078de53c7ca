"""What a conformance statement can ask for, whether Dragonfly is simulated or real."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Stage(Protocol):
    """A small Dragonfly: normal peers n0 to n2, a seed peer seed0, one scheduler. Every task asked for is a new one.

    Lengths are in bytes. Tasks are put there as Dragonfly's users would: by downloading.
    """

    @property
    def scheduler(self) -> str:
        """HOST:PORT of the scheduler."""

    @property
    def peers(self) -> Mapping[str, str]:
        """HOST:PORT of each peer's upload server, by name."""

    def caches(self, *on: str, content_length: int = 1000) -> str:
        """Have these peers download a file to the end; returns its task id."""

    def begins(self, on: str) -> str:
        """Have a peer that has asked the origin how long a file is, and waits for the answer; returns the task id."""

    def downloads(self, on: str) -> str:
        """Have a peer in the middle of a file's content; returns the task id."""

    def finishes(self, task_id: str) -> None:
        """Let the origin answer what it has held back, and the download come to its end."""

    def abandons(self, on: str) -> str:
        """Have a peer be killed and started again in the middle of a download; returns the task id."""

    def fails_to_start(self, on: str) -> str:
        """Have a peer begin a download whose origin refuses it; returns the task id."""

    def holders(self, task_id: str) -> set[str]:
        """Names of the peers that have any content of the task on their disks."""

    def kills(self, peer: str) -> None:
        """End a peer without a word."""

    def stops(self, peer: str) -> None:
        """End a peer in good order."""

    def revives(self, peer: str) -> None:
        """Start a peer again, with its storage kept."""

    def scheduler_goes_down(self) -> None:
        """End the scheduler."""

    def scheduler_restarts(self) -> None:
        """Start the scheduler anew: it has heard of nobody yet."""

    def recovers(self) -> None:
        """Have everybody up and known again, as after each test."""
