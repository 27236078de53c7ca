"""Conditions: the summary of a run in the words of Kubernetes, for people, `kubectl wait` and kstatus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from dragonfly_task_operator.api.base import Model


class Reason(StrEnum):
    """The reasons of the condition `Succeeded`."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    OPERATOR_TOO_OLD = "OperatorTooOld"

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


GOING = frozenset({Reason.PENDING, Reason.RUNNING, Reason.SUSPENDED, Reason.OPERATOR_TOO_OLD})
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

OWN_TYPES = frozenset({"Succeeded", "Finished", "Reconciling", "Stalled"})
"""The types of conditions that this operator sets and takes away."""

MAX_CONDITIONS = 64
"""Of all types. The API server takes no longer list, so with room for few, conditions that others have set would keep
every status from being written, and its run would be done again."""

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
    reason: Reason, message: str, *, generation: int, now: datetime, previous: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Give the whole list of conditions that says `reason`, as the API server keeps it.

    `Succeeded` and `Finished` are always there. `Reconciling` is there, and True, only while a run goes or waits for a
    newer operator; `Stalled` only when it failed: that is how kstatus reads them. A condition whose status stays keeps
    its lastTransitionTime. Conditions of other types, as far as there is room, and fields that a condition had
    besides, are kept as they are.

    Args:
        reason: what to say.
        message: the same for people.
        generation: of the spec that it is said of.
        now: the time, to the second.
        previous: the conditions so far, as the API server keeps them.
    """
    going = reason in GOING
    succeeded: ConditionStatus = "Unknown" if going else "True" if reason in SUCCESSES else "False"
    statuses: list[tuple[str, ConditionStatus]] = [
        ("Succeeded", succeeded),
        ("Finished", "False" if going else "True"),
    ]
    if going and reason != Reason.SUSPENDED:
        statuses.append(("Reconciling", "True"))
    if succeeded == "False":
        statuses.append(("Stalled", "True"))
    before = {str(condition.get("type")): condition for condition in previous}
    said = []
    for type_, status in statuses:
        condition = Condition(
            type=type_,
            status=status,
            observed_generation=generation,
            last_transition_time=now,
            reason=reason,
            message=message,
        ).to_json()
        old = before.get(type_, {})
        if old.get("status") == status and old.get("lastTransitionTime") is not None:
            condition["lastTransitionTime"] = old["lastTransitionTime"]
        said.append({**old, **condition})
    others = [dict(condition) for type_, condition in before.items() if type_ not in OWN_TYPES]
    return said + others[: max(MAX_CONDITIONS, len(previous)) - len(said)]
