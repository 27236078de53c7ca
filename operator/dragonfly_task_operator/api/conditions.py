"""Conditions: the summary of a run in the words of Kubernetes, for people, `kubectl wait` and kstatus."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from dragonfly_task_operator.api.base import Model


class Reason(StrEnum):
    """The reasons of the condition `Succeeded`."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"

    FOUND = "Found"
    NOT_FOUND = "NotFound"
    PARTIAL_RESULTS = "PartialResults"
    DELETED = "Deleted"
    NOTHING_TO_DELETE = "NothingToDelete"
    DRY_RUN = "DryRun"

    PEERS_FAILED = "PeersFailed"
    NO_SCHEDULER_REACHABLE = "NoSchedulerReachable"
    NO_PEERS_KNOWN = "NoPeersKnown"
    IMAGE_UNRESOLVABLE = "ImageUnresolvable"
    REGISTRY_DENIED = "RegistryDenied"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a reason, no secret
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    INVALID_SPEC = "InvalidSpec"
    INTERNAL_ERROR = "InternalError"


GOING = frozenset({Reason.PENDING, Reason.RUNNING, Reason.SUSPENDED})
SUCCESSES = frozenset(
    {
        Reason.FOUND,
        Reason.NOT_FOUND,
        Reason.PARTIAL_RESULTS,
        Reason.DELETED,
        Reason.NOTHING_TO_DELETE,
        Reason.DRY_RUN,
    }
)

ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Model):
    """A `metav1.Condition`."""

    type: Annotated[str, Field(max_length=316)]
    status: ConditionStatus
    observed_generation: Annotated[int | None, Field(json_schema_extra={"format": "int64"})] = None
    last_transition_time: datetime
    reason: Annotated[str, Field(max_length=1024)]
    message: Annotated[str, Field(max_length=32768)]


def conditions_for(
    reason: Reason, message: str, *, generation: int, now: datetime, previous: Sequence[Condition] = ()
) -> list[Condition]:
    """Give the whole list of conditions that says `reason`.

    `Succeeded` and `Finished` are always there. `Reconciling` is there, and True, only while a run goes; `Stalled` only
    when it failed: that is how kstatus reads them. A condition whose status stays keeps its lastTransitionTime.
    """
    going = reason in GOING
    succeeded: ConditionStatus = "Unknown" if going else "True" if reason in SUCCESSES else "False"
    statuses: list[tuple[str, ConditionStatus]] = [
        ("Succeeded", succeeded),
        ("Finished", "False" if going else "True"),
    ]
    if reason in {Reason.PENDING, Reason.RUNNING}:
        statuses.append(("Reconciling", "True"))
    if succeeded == "False":
        statuses.append(("Stalled", "True"))
    before = {condition.type: condition for condition in previous}
    return [
        Condition(
            type=type_,
            status=status,
            observed_generation=generation,
            last_transition_time=(
                before[type_].last_transition_time if type_ in before and before[type_].status == status else now
            ),
            reason=reason,
            message=message,
        )
        for type_, status in statuses
    ]
