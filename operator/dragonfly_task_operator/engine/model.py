"""The domain: hosts, tasks, and what a peer can say about a task."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from dragonfly_task_operator.engine.identity import Identity, TaskID

HostID: TypeAlias = str
"""What Dragonfly calls a peer by: `ip-hostname`, of a seed peer `ip-hostname-seed`."""


class HostType(StrEnum):
    """What kind of peer a dfdaemon is; `super` is a seed peer."""

    NORMAL = "normal"
    SUPER = "super"
    STRONG = "strong"
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class Host:
    """A peer: a dfdaemon, as schedulers list it. `cluster` names the settings that it was found by.

    A `scheduler_cluster_id` of 0 is not known. Two are the same whatever version they announce: a peer that was updated
    in place is the peer that it was.
    """

    id: HostID
    hostname: str
    ip: str
    port: int
    type: HostType
    scheduler_cluster_id: int
    cluster: str
    client_version: str | None = field(default=None, compare=False)

    def __hash__(self) -> int:
        """Tell them apart by the id, whose hash is kept: a listing of ten thousand asks for some hundred thousand."""
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class HostListing:
    """Who the peers are.

    Attributes:
        hosts: each peer once: the union over all schedulers that answered, and what else is known.
        silent: schedulers that did not answer, each with why, for a person to read.
        schedulers: how many were asked.
        notes: what else a person should know of how far the list can be relied on.
    """

    hosts: tuple[Host, ...]
    silent: tuple[str, ...]
    schedulers: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task id to ask every peer about.

    Attributes:
        target: index into `spec.targets`.
        subject: what it is a candidate for. Several ids of one subject are the same thing under different clients'
            rules; people are shown those that are cached, or else the first.
        url, tag, application, filtered_query_params, piece_length, digest: as far as the target tells.
        media_type, platform: of a part of an image.
    """

    id: TaskID
    target: int
    identity: Identity
    subject: str
    url: str | None = None
    tag: str | None = None
    application: str | None = None
    filtered_query_params: tuple[str, ...] | None = None
    piece_length: int | None = None
    digest: str | None = None
    media_type: str | None = None
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A config, a layer, or a manifest of an image.

    Attributes:
        size: bytes.
        platforms: whose part it is; empty where the image does not say.
        urls: where peers may have fetched it from, in the image's own repository; the first is by digest.
        elsewhere: where else, as the image says; nobody has looked whether a peer would take these for URLs.
    """

    digest: str
    media_type: str
    size: int
    platforms: tuple[str, ...]
    urls: tuple[str, ...]
    is_manifest: bool
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnknownPart:
    """What an image refers to that could not be looked at: what it is made of, or whether it is there, is not known.

    Attributes:
        position: where it is referred to, as in `manifests[1] of sha256:...`.
        media_type, digest: as the reference says; empty where it does not, or not in a way that can be read.
        why: for a person.
    """

    position: str
    media_type: str
    digest: str
    why: str

    def __str__(self) -> str:
        """Tell it in a line."""
        what = ", ".join(filter(None, (self.media_type, self.digest)))
        return f"{self.position}{f' ({what})' if what else ''}: {self.why}"


@dataclass(frozen=True, slots=True)
class Image:
    """What a registry says an image is made of.

    Attributes:
        digest: of the manifest or index that the image was named by.
        parts: each once, whatever number of manifests share it.
        foreign_layers: how many parts are layers that the registry need not have.
        kept: parts left out because other images use them.
        unknown: what could not be looked at, of this image and of those that it is to leave something to.
    """

    digest: str
    platforms: tuple[str, ...]
    parts: tuple[ImagePart, ...]
    foreign_layers: int
    kept: int
    unknown: tuple[UnknownPart, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the configs and layers together."""
        return sum(part.size for part in self.parts if not part.is_manifest)


@dataclass(frozen=True, slots=True)
class PlannedImage:
    """An image whose parts are among the tasks of a run.

    Attributes:
        target: index into `spec.targets`.
        reference: the name or the URL that named it.
        blobs: for each config and layer, every id that it can have.
        ignores_unknown: whether the user lets a deletion go on over what could not be looked at.
    """

    target: int
    reference: str
    image: Image
    blobs: tuple[frozenset[TaskID], ...]
    ignores_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What targets come to: each id once."""

    tasks: tuple[PlannedTask, ...]
    images: tuple[PlannedImage, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskMetadata:
    """What a scheduler knows of a task. It says nothing about who caches it."""

    url: str
    type: str
    tag: str | None
    application: str | None
    filtered_query_params: tuple[str, ...]
    digest: str | None
    content_length: int | None
    piece_count: int
    state: str
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Absent:
    """The peer does not have the task."""


@dataclass(frozen=True, slots=True)
class _Copy:
    content_length: int | None = None
    piece_length: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cached(_Copy):
    """The peer has the task. Not necessarily all of it: one ranged download of 100 bytes is enough to be finished."""


@dataclass(frozen=True, slots=True)
class Downloading(_Copy):
    """A download is going on, or died half way: a dfdaemon does not tell which."""


@dataclass(frozen=True, slots=True)
class FailedStart(_Copy):
    """A download failed at its start and left a task that can be deleted."""


Copy: TypeAlias = Cached | Downloading | FailedStart
Presence: TypeAlias = Absent | Copy

ABSENT = Absent()
