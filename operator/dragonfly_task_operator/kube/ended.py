"""The statuses of runs that ended in this process, for the day that they are lost: a finished run is never repeated.

Only a store that is restored from a backup loses a status that was written. Then the object says again what it said
when the backup was made, and its run is not done again, but told again. Bounded: the oldest are forgotten first.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 16 << 20
"""Of compressed statuses: those of some thousand runs."""


MAX_OF_AN_OBJECT = 10
"""As many as its history has: a backup may be from before several edits."""


@dataclass(frozen=True, slots=True)
class _End:
    era: int
    status: bytes


class Ended:
    """What became of runs, by the object's uid and the run's key: the last ones of each object."""

    def __init__(self) -> None:
        self._ends: dict[str, dict[str, _End]] = {}
        self._size = 0

    def put(self, uid: str, key: str, *, era: int, status: Mapping[str, Any]) -> None:
        """Remember the status with which the run with this key has ended."""
        ends = self._ends.pop(uid, {})
        for other in [other for other, end in ends.items() if other == key or end.era < era]:
            self._drop(ends, other)  # what has been asked for in a later era is no longer lost, but asked for again
        end = ends[key] = _End(era, zlib.compress(json.dumps(status).encode(), level=1))
        self._size += len(end.status)
        while len(ends) > MAX_OF_AN_OBJECT:
            self._drop(ends, next(iter(ends)))
        self._ends[uid] = ends
        while self._size > MAX_BYTES:
            self.remove(next(iter(self._ends)))

    def remove(self, uid: str) -> None:
        """Forget an object."""
        ends = self._ends.pop(uid, {})
        for key in list(ends):
            self._drop(ends, key)

    def _drop(self, ends: dict[str, _End], key: str) -> None:
        end = ends.pop(key, None)
        if end is not None:
            self._size -= len(end.status)

    def lost(self, uid: str, key: str, *, era: int) -> dict[str, Any] | None:
        """Give the status with which the run with this key has ended in an era before this one."""
        end = self._ends.get(uid, {}).get(key)
        if end is None or end.era >= era:
            return None
        status: dict[str, Any] = json.loads(zlib.decompress(end.status))
        return status
