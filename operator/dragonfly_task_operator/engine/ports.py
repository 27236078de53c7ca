"""What the engine asks of the world. Adapters implement these and map every error of theirs to `errors.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import Host, HostID, HostListing, Plan, Presence, TaskMetadata
from dragonfly_task_operator.errors import PeerError, RunError

Troubled: TypeAlias = Callable[[RunError | None], float | None]
"""Told what holds up a request that is tried again, and None when it has got through.

Gives the seconds that are left until nobody waits any more; None where somebody always does.
"""

Tell: TypeAlias = Callable[[TaskID, Presence | PeerError], None]
"""Told what a peer says of a task."""


class Clock(Protocol):
    """Wall-clock time. Waiting is asyncio's business: tests give it a loop whose time is virtual."""

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        ...


class Targets(Protocol):
    """Turns targets into task ids."""

    async def resolve(self, targets: Sequence[Target], *, namespace: str, troubled: Troubled) -> Plan:
        """Give every id that any of the targets can have.

        Raises:
            InvalidTarget: one names no task.
            ImageUnresolvable, RegistryDenied, SecretNotFound: one is an image whose blobs can't be told.
            OwnTrouble: not by this process, just now.
        """
        ...


class Schedulers(Protocol):
    """What the engine asks of Dragonfly's schedulers."""

    async def hosts(self) -> HostListing:
        """List every peer.

        Raises:
            NoSchedulerReachable: none of a cluster's schedulers answered.
            OwnTrouble: some could not be asked, so peers may be missing.
        """
        ...

    def departed(self, hosts: Iterable[Host]) -> frozenset[HostID]:
        """Tell which of these peers, none of which can be reached, have left the cluster for all that is known now.

        Never one that a scheduler lists, nor one that might still be there (docs/adr/0011-peers-that-left.md).
        """
        ...

    async def metadata(self, task: TaskID) -> TaskMetadata | None:
        """Ask one scheduler after another until one knows the task; None when none does or answers.

        Raises:
            OwnTrouble: one could not be asked.
        """
        ...


class Peers(Protocol):
    """What the engine asks of dfdaemons. Adapters map errors to PeerError, or OwnTrouble; nothing else may escape."""

    async def stat(self, host: Host, tasks: Sequence[TaskID], tell: Tell) -> None:
        """Ask a peer for its own copies of tasks, in one go, paced.

        `tell` is called once for each of the tasks, as answers come, and before this returns. Where a peer that has
        answered nothing yet can't be asked about one, it is not asked about the others: they are told the same.

        Raises:
            OwnTrouble: this process could not ask. Those not told were not asked, or what they answered is not known.
        """
        ...

    async def delete(self, host: Host, task: TaskID) -> None:
        """Ask a peer to delete its copy. Raises PeerError, which proves nothing: see `clearing.clear`; OwnTrouble."""
        ...


class Mandate(Protocol):
    """The right to act, where several operators run and only one may (docs/high-availability.md).

    Adapters prove it last thing before each request that changes something or asks a peer.
    """

    @property
    def is_proven(self) -> bool:
        """Whether this process has it at this moment."""
        ...

    async def proven(self) -> None:
        """Return once this process is sure to have it; never, once it has lost it."""
        ...
