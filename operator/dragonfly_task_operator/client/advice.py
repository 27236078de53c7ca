"""What to do about a reason, in a sentence or two: docs/when-it-fails.md in short, for who reads it at a run."""

from __future__ import annotations

from collections.abc import Mapping

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.errors import PeerReason

_OF_PEERS: Mapping[str, str] = {
    PeerReason.UNREACHABLE: "Nothing answers at the peer's address. If the node or its dfdaemon is gone for good, run"
    " it again later, or set unreachablePeers: Ignore. Otherwise check the NetworkPolicy and the peer's port (4000).",
    PeerReason.TIMEOUT: "It took the request and did not answer in time: look at the peer's load and disk. The"
    " operator's patience for one request is its setting --rpc-timeout.",
    PeerReason.TLS: "The operator and the peer don't agree on TLS: the description says about what, and"
    " docs/settings.md has the cause of each.",
    PeerReason.PERMISSION_DENIED: "The peer refused the operator: look at the peer's configuration.",
    PeerReason.UNIMPLEMENTED: "The peer does not know the request: upgrade its dfdaemon to 1.1.8 or later. Where it is"
    " new enough, something else listens at its port.",
    PeerReason.OVERLOADED: "It refused for load, in every retry: run again when it is calmer, lower the operator's"
    " peerRequestsPerSecond, or raise the peer's limit.",
    PeerReason.DOWNLOADING: "The task was still being downloaded when the deadline came, or a download died half way:"
    " give it more time (activeDeadlineSeconds), or insist (unfinishedDownloads: Delete).",
    PeerReason.INTERNAL: "The peer's own error: read it; most often it is the disk.",
    PeerReason.STILL_CACHED: "It said OK and still has the task, or fetches it again each time: find who keeps asking"
    " for it, as a Deployment that pulls the image or a job that downloads the file.",
}

_OF_RUNS: Mapping[str, str] = {
    Reason.PENDING: "No operator runs, or it does not look after this namespace:"
    " kubectl -n dragonfly-task-operator get pods,events",
    Reason.NO_SCHEDULER_REACHABLE: "The message has each scheduler's address and error: check `clusters` in the"
    " operator's settings, the Service, and the NetworkPolicy.",
    Reason.NO_PEERS_KNOWN: "The schedulers list no peer: were they restarted, wait five minutes. Or schedulerClusterIDs"
    " names none of theirs.",
    Reason.IMAGE_UNRESOLVABLE: "The image's parts could not be told: docs/images.md has each message.",
    Reason.REGISTRY_DENIED: "The registry refused, or may not be contacted: docs/images.md has each message.",
    Reason.SECRET_NOT_FOUND: "The Secret is to be in the namespace of the run, and readable to the operator:"
    " docs/images.md says how.",
    Reason.DEADLINE_EXCEEDED: "The progress says how far it came, the failures what held it up. Give it more time"
    " (activeDeadlineSeconds); where the message names the operator's own trouble, mend that.",
    Reason.OPERATOR_TOO_OLD: "The message names what the operator does not know: finish the upgrade, or take it back.",
    Reason.INVALID_SPEC: "The message says which target, and why it names no task.",
    Reason.INTERNAL_ERROR: "A defect of the operator: please report it, with the operator's log.",
    Reason.PARTIAL_RESULTS: "Found is what is listed. Nothing is known of the peers that failed.",
    Reason.PEERS_FAILED: "After you have mended what failed, run it again: peers that are clear already answer at"
    " once.",
}


def on_peers(reason: str) -> str | None:
    """Give what to do where peers failed for a reason; None: nothing is known of it."""
    return _OF_PEERS.get(reason)


def on_run(reason: str) -> str | None:
    """Give what to do where a run's verdict has this reason; None: it speaks for itself."""
    return _OF_RUNS.get(reason)
