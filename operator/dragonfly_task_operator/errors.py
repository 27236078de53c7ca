"""The errors of the operator: one small tree, each saying whether trying again can help.

Errors of a library are mapped to these once, in the room that calls the library. What a person reads has three parts:
what happened, to what, and what to do about it.
"""

from __future__ import annotations

from enum import StrEnum


class RunReason(StrEnum):
    """Why a run can't be begun or go on: of the API's reasons, those that an error is raised for."""

    NO_SCHEDULER_REACHABLE = "NoSchedulerReachable"
    NO_PEERS_KNOWN = "NoPeersKnown"
    IMAGE_UNRESOLVABLE = "ImageUnresolvable"
    REGISTRY_DENIED = "RegistryDenied"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a reason, no secret
    INVALID_SPEC = "InvalidSpec"
    DEADLINE_EXCEEDED = "DeadlineExceeded"


class PeerReason(StrEnum):
    """Why one peer could not do what it was asked: the values of `status.failures[].reason` in the API."""

    UNREACHABLE = "Unreachable"
    TIMEOUT = "Timeout"
    TLS = "TLS"
    PERMISSION_DENIED = "PermissionDenied"
    UNIMPLEMENTED = "Unimplemented"
    OVERLOADED = "Overloaded"
    DOWNLOADING = "Downloading"
    INTERNAL = "Internal"
    STILL_CACHED = "StillCached"


class OperatorError(Exception):
    """The root of the tree; `str()` of each is a message for a person."""


class SettingsError(OperatorError):
    """A setting that can't be used. Ends the process at start with exit code 2."""


class StartError(OperatorError):
    """Something that the operator can't start without is missing. Ends the process with exit code 1."""


class InvalidManifest(OperatorError):
    """A file that holds no objects that could be run: its writer's to mend. One line or several."""


class LeaseLost(OperatorError):
    """Another operator acts now. Ends the process with exit code 1."""


class WatchLost(OperatorError):
    """Objects can't be watched any more, and starting over does not help. Ends the process with exit code 1."""


class RunError(OperatorError):
    """Ends a run, or holds it up.

    Attributes:
        reason: what the condition `Succeeded` says.
    """

    reason: RunReason


class InvalidTarget(RunError):
    """A target that names no task: the user's to mend, trying again can't help."""

    reason = RunReason.INVALID_SPEC


class ImageUnresolvable(RunError):
    """An image target whose blobs can't be told.

    Args:
        message: for a person.
        retry_after: seconds after which the same request may succeed; None: trying again can't help.
    """

    reason = RunReason.IMAGE_UNRESOLVABLE

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RegistryDenied(RunError):
    """A registry refused the operator, or the operator may not contact it."""

    reason = RunReason.REGISTRY_DENIED


class SecretNotFound(RunError):
    """A Secret that an image target names is missing, may not be read, or does not hold what it should."""

    reason = RunReason.SECRET_NOT_FOUND


class NoSchedulerReachable(RunError):
    """No scheduler of a cluster answered. Tried again until the run's deadline."""

    reason = RunReason.NO_SCHEDULER_REACHABLE


class NoPeersKnown(RunError):
    """No scheduler lists a peer, which is no proof that nothing is cached. Tried again until the run's deadline."""

    reason = RunReason.NO_PEERS_KNOWN


class OwnKind(StrEnum):
    """What this process, or its node, is short of: the values of a label of the metrics."""

    FILES = "files"
    PORTS = "ports"
    MEMORY = "memory"
    NETWORK = "network"
    FORBIDDEN = "forbidden"
    STOPPING = "stopping"


class OwnTrouble(RunError):
    """A request was not made because of this process or its node: it says nothing of whom it was for.

    Waited out until the run's deadline, never counted as an attempt, never anybody's failure.
    """

    reason = RunReason.DEADLINE_EXCEEDED

    def __init__(self, kind: OwnKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class LookupFailed(OperatorError):
    """A name, or a Service, gave no addresses."""


class PeerError(OperatorError):
    """One request to one peer failed.

    Args:
        reason: what kind of failure it was.
        description: the peer's own words, or the transport's.
        retryable: whether the same request may succeed later.
    """

    def __init__(self, reason: PeerReason, description: str, *, retryable: bool) -> None:
        super().__init__(f"{reason}: {description}")
        self.reason = reason
        self.description = description
        self.retryable = retryable
