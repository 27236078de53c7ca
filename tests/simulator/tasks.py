"""One task in a peer's storage, and how StatLocalTask tells of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from google.protobuf.timestamp_pb2 import Timestamp

from dragonfly_task_operator.protos_gen import dfdaemon_pb2

DEFAULT_PIECE_LENGTH = 4 * 1024 * 1024
DEFAULT_CONTENT_LENGTH = 16 * DEFAULT_PIECE_LENGTH
LARGEST_UNANNOUNCED = 4 * 1024 * 1024  # docs/dragonfly-behaviour.md: no scheduler hears of files up to 4 MiB


class State(StrEnum):
    """What a peer has of a task."""

    CACHED = "cached"
    """`finished_at` is set. Not a promise of completeness: one ranged GET sets it."""
    STARTING = "starting"
    """The origin has been asked for the length, and no more. A deletion is forgotten when it answers."""
    DOWNLOADING = "downloading"
    """A download is going on; a deletion makes it hang."""
    ABANDONED = "abandoned"
    """A download died half way. It looks like one that goes on, and a deletion does no harm."""
    FAILED = "failed"
    """`failed_at` is set: a failed start. A deletion removes it."""


@dataclass(frozen=True, kw_only=True)
class LocalTask:
    """A task as one peer stores it; one value may stand in the storage of many peers. Lengths are in bytes.

    `url`, `tag`, `application` and `digest` are what a scheduler tells of it. `uploading` is how many other peers fetch
    from this one now: deleting meanwhile is harmless to them.
    """

    task_id: str
    content_length: int = DEFAULT_CONTENT_LENGTH
    piece_length: int = DEFAULT_PIECE_LENGTH
    state: State = State.CACHED
    uploading: int = 0
    url: str = ""
    tag: str | None = None
    application: str | None = None
    digest: str | None = None

    @cached_property
    def answer(self) -> bytes:
        """The StatLocalTaskResponse, serialised once."""
        now = Timestamp()
        now.GetCurrentTime()
        return dfdaemon_pb2.StatLocalTaskResponse(
            task_id=self.task_id,
            piece_length=self.piece_length,
            content_length=self.content_length,
            response_header={"Content-Length": str(self.content_length)},
            uploading_count=self.uploading,
            uploaded_count=0,
            created_at=now,
            updated_at=now,
            finished_at=now if self.state is State.CACHED else None,
            failed_at=now if self.state is State.FAILED else None,
        ).SerializeToString()

    @property
    def is_announced(self) -> bool:
        """Whether the scheduler hears of it from a peer that shares."""
        return self.content_length > LARGEST_UNANNOUNCED

    def turned(self, state: State) -> LocalTask:
        """Give the same task in another state."""
        return dataclasses.replace(self, state=state)
