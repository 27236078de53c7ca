"""From a run to its record in the audit log: bounded, redacted, and the same for the same answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypeVar

from dragonfly_task_operator.api.audit import (
    Action,
    AskedBy,
    AuditedDeletion,
    AuditedFailure,
    AuditedObject,
    AuditRecord,
    LeftOut,
)
from dragonfly_task_operator.api.specs import Spec, TaskDeletionSpec, deletes, run_key
from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.ledger import Ledger
from dragonfly_task_operator.engine.outcomes import Failed
from dragonfly_task_operator.engine.run import Run
from dragonfly_task_operator.engine.tally import Mark, members
from dragonfly_task_operator.observability.redaction import cut, redact, redact_url

MAX_TARGETS_BYTES = 32 << 10
MAX_TASKS = 1000
MAX_DELETIONS_BYTES = 320 << 10
"""With targets, tasks and the rest, a record is 512 KiB at most: it tells of some thousand peers, by their host ids."""

MAX_WORD = 512
"""Characters of a text of a target, and of what a peer answered or is called."""

MAX_ITEMS = 20
"""Of a list in a target."""

_DELETED, _UNANSWERED = "", "?"
"""In place of a reason: of tasks that were deleted, and of those that nobody has answered about."""

_PEERS_AT_ONCE = 50
"""Before others get a turn."""

_Said: TypeAlias = tuple[int, str]
"""The index of a task, and what was answered about it."""

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, or was stopped.

    Attributes:
        resumed: whether something of it had been done before.
    """

    reason: str
    message: str
    resumed: bool
    started: datetime
    ended: datetime


async def record(
    run: Run,
    outcome: Outcome,
    *,
    source: Literal["operator", "exec"],
    of: AuditedObject,
    asked_by: AskedBy,
) -> AuditRecord:
    """Make the record of a run to which nothing is added any more.

    Args:
        run: which.
        outcome: how it ended.
        source: what ran it.
        of: the object that asked for it.
        asked_by: what that one tells of who asked.
    """
    spec, ledger = run.spec, run.ledger
    results, _ = run.snapshot()
    targets = _first([_target(each) for each in spec.targets], MAX_TARGETS_BYTES)
    by_deletion = sorted(ledger.tasks, key=lambda task: task.id not in ledger.deletions)
    tasks = [task.id for task in by_deletion[:MAX_TASKS]]
    deletions, peers_left_out = await _deletions(ledger, tasks)
    left_out = LeftOut(
        targets=len(spec.targets) - len(targets), tasks=len(by_deletion) - len(tasks), peers=peers_left_out
    )
    return AuditRecord(
        time=outcome.ended,
        source=source,
        object=of,
        asked_by=asked_by,
        action=_action(spec),
        targets=targets,
        run_key=run_key(spec),
        run_id=spec.run_id,
        resumed=outcome.resumed,
        start_time=outcome.started,
        end_time=outcome.ended,
        reason=outcome.reason,
        message=outcome.message,
        peers=results.peers,
        tasks=tasks,
        first_deletion_time=ledger.first_deletion,
        last_deletion_time=ledger.last_deletion,
        deletions=deletions or None,
        left_out=left_out if any(left_out.to_json().values()) else None,
    )


def _action(spec: Spec) -> Action:
    if deletes(spec):
        return "Delete"
    return "DryRun" if isinstance(spec, TaskDeletionSpec) else "Search"


def _target(target: Target) -> Mapping[str, Any]:
    return {name: _told(value) for name, value in target.to_json().items()}


def _told(value: Any) -> Any:
    """Redact and shorten what stands in a target."""
    match value:
        case str():
            return cut(redact_url(value) if "://" in value else redact(value), MAX_WORD)
        case list():
            return [_told(each) for each in value[:MAX_ITEMS]] + ["…"] * (len(value) > MAX_ITEMS)
        case _:
            return value


async def _deletions(ledger: Ledger, tasks: Sequence[str]) -> tuple[list[AuditedDeletion], int]:
    """Tell who was asked to delete what, alike ones together; and how many peers there was no room for.

    A peer at a time, those first that did not do it: so no more is kept than is told.
    """
    asked = troubled = 0
    answers: list[tuple[_Said, bytes]] = []
    length = (len(ledger.hosts) + 7) // 8
    for index, task in enumerate(tasks):
        for answer, peers in _answers(ledger, task):
            if peers:
                answers.append(((index, answer), peers.to_bytes(length, "little")))
                asked |= peers
                troubled |= 0 if answer == _DELETED else peers
    groups: dict[tuple[_Said, ...], tuple[AuditedDeletion, list[str]]] = {}
    room, left_out = MAX_DELETIONS_BYTES, 0
    in_order = (*ledger.in_order(members(troubled)), *ledger.in_order(members(asked & ~troubled)))
    for n, peer in enumerate(in_order):
        if n % _PEERS_AT_ONCE == 0:
            await asyncio.sleep(0)
        said = tuple(said for said, peers in answers if peers[peer >> 3] >> (peer & 7) & 1)
        group, needed = groups.get(said), 0
        if group is None:
            group = _group(ledger, tasks, said, peer), []
            needed = _bytes(group[0].to_json())
        name = cut(ledger.host(peer).id, MAX_WORD)
        needed += _bytes(name)
        if needed > room:
            left_out += 1
            continue
        room -= needed
        groups[said] = group
        group[1].append(name)
    return [made.model_copy(update={"count": len(peers), "peers": peers}) for made, peers in groups.values()], left_out


def _answers(ledger: Ledger, task: str) -> Iterator[tuple[str, int]]:
    """Give what peers answered that were asked to delete a task, as sets of peers."""
    left, tally = ledger.deletions.get(task, 0), ledger.tally(task)
    for answer, peers in (
        (_DELETED, tally.of(Mark.CLEARED)),
        *((reason.value, tally.failing(reason)) for reason in sorted(tally.reasons)),
    ):
        yield answer, left & peers
        left &= ~peers
    yield _UNANSWERED, left


def _group(ledger: Ledger, tasks: Sequence[str], said: Sequence[_Said], peer: int) -> AuditedDeletion:
    """Tell what a peer, and any that are alike, answered."""
    by_answer: dict[str, list[int]] = {}
    for index, answer in said:
        by_answer.setdefault(answer, []).append(index)
    deleted, unanswered = by_answer.pop(_DELETED, None), by_answer.pop(_UNANSWERED, None)
    failed = [
        AuditedFailure(reason=reason, description=_description(ledger, tasks[indexes[0]], peer), tasks=indexes)
        for reason, indexes in sorted(by_answer.items())
    ]
    return AuditedDeletion(deleted=deleted, failed=failed or None, unanswered=unanswered, count=0, peers=[])


def _description(ledger: Ledger, task: str, peer: int) -> str:
    failed = ledger.tally(task).known(peer)
    return cut(redact(failed.description), MAX_WORD) if isinstance(failed, Failed) else ""


def _first(items: Sequence[_Item], limit: int) -> list[_Item]:
    """Give the first of some items, of at most so many bytes together."""
    kept = []
    for item in items:
        limit -= _bytes(item)
        if limit < 0:
            break
        kept.append(item)
    return kept


def _bytes(item: object) -> int:
    return len(json.dumps(item, ensure_ascii=False).encode()) + len(", ")
