"""Requests under way on one connection, by the numbers of their streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from dragonfly_task_operator.dragonfly.lean.batch import Batch, Request

Sent: TypeAlias = tuple[Batch, Request, float]
"""Whose request it is, and when it has waited for too long."""


class Streams:
    """Those that wait for an answer, in the order in which they were opened.

    Attributes:
        following: the number of the next one that is opened.
    """

    __slots__ = ("_batches", "_dues", "_requests", "_unsent", "following")

    def __init__(self) -> None:
        self.following = 1
        # Three of what are no containers instead of one of tuples, each of which garbage would be looked for in.
        self._batches: dict[int, Batch] = {}
        self._requests: dict[int, Request] = {}
        self._dues: dict[int, float] = {}
        self._unsent: list[int] = []

    def __len__(self) -> int:
        """Count them."""
        return len(self._dues)

    def __contains__(self, stream: int) -> bool:
        """Tell whether somebody waits for an answer on it."""
        return stream in self._dues

    def open(self, batch: Batch, request: Request, due: float) -> int:
        """Open one. Gives its number."""
        stream = self.following
        self.following += 2
        self._batches[stream], self._requests[stream], self._dues[stream] = batch, request, due
        self._unsent.append(stream)
        return stream

    def close(self, stream: int) -> Sent:
        """Wait for it no more."""
        return self._batches.pop(stream), self._requests.pop(stream), self._dues.pop(stream)

    @property
    def has_unsent(self) -> bool:
        """Whether there are some of which something has not left."""
        return bool(self._unsent)

    def left(self, *, but: list[int]) -> None:
        """Take note that all of every one has left, but of those."""
        self._unsent = but

    def unsent(self) -> list[int]:
        """Those of which something has not left."""
        return [stream for stream in self._unsent if stream in self._dues]

    def of(self, batch: Batch) -> list[int]:
        """Those of a caller."""
        return [stream for stream, whose in self._batches.items() if whose is batch]

    def beyond(self, last: int) -> list[int]:
        """Those with higher numbers."""
        return [stream for stream in self._dues if stream > last]

    def late(self, now: float) -> list[int]:
        """Those that have waited for too long."""
        return [stream for stream, due in self._dues.items() if due <= now]

    def dues(self) -> Iterator[float]:
        """When each will have waited for too long."""
        return iter(self._dues.values())

    def all(self) -> list[int]:
        """Every one."""
        return list(self._dues)
