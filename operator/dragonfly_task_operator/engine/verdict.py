"""How a run ended, in a reason and a sentence. Pure: made from a summary and what stopped the run, if anything did."""

from __future__ import annotations

from dataclasses import dataclass, field

from dragonfly_task_operator.api.conditions import SUCCESSES, Reason
from dragonfly_task_operator.api.specs import Spec, TaskDeletionSpec, UnreachablePeers, deletes
from dragonfly_task_operator.engine.ledger import Ledger
from dragonfly_task_operator.engine.report import NOTHING_CARRIED, Carried, describe_failure, peer_counts
from dragonfly_task_operator.engine.summary import Summary
from dragonfly_task_operator.engine.unlooked import kept_note, unknown_note
from dragonfly_task_operator.engine.views import Counts
from dragonfly_task_operator.errors import OwnTrouble, RunError
from dragonfly_task_operator.observability.redaction import cut, redact

MAX_MESSAGE = 1024
"""Characters. Up to three conditions repeat a message, in a status of 64 KiB."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the condition `Succeeded` is to say.

    Attributes:
        is_held_up: whether the message tells why a run that is going gets no further.
    """

    reason: Reason
    message: str
    is_held_up: bool = field(default=False, compare=False)

    @property
    def is_success(self) -> bool:
        """Whether the condition is True."""
        return self.reason in SUCCESSES


def judge(spec: Spec, ledger: Ledger, summary: Summary, *, carried: Carried = NOTHING_CARRIED) -> Verdict:  # noqa: PLR0911
    """Judge a run that came to its own end."""
    counts = summary.counts
    peers = f"{counts.total} peer{'' if counts.total == 1 else 's'}"
    unknown, kept = unknown_note(ledger.images), kept_note(ledger.images)
    if not ledger.tasks:
        return _nothing_asked(spec, unknown, f"no peer was asked: {_joined(kept, unknown).removeprefix('; ')}")
    note = _image_note(summary) + _joined(kept, unknown) + _departed_note(ledger) + _schedulers_note(ledger)
    trouble = _trouble(summary)
    ignored = f"; {trouble}, see status.failures" if trouble else ""

    if not isinstance(spec, TaskDeletionSpec):
        if trouble or unknown:
            failed = f"; {trouble}: see status.failures" if trouble else ""
            message = f"cached on {counts.caching} of {peers}{failed}{note}"
            return Verdict(Reason.PARTIAL_RESULTS, cut(message, MAX_MESSAGE))
        if counts.caching:
            return Verdict(Reason.FOUND, f"cached on {counts.caching} of {peers}{note}")
        return Verdict(Reason.NOT_FOUND, f"cached on none of {peers}{note}")

    if counts.failed or (counts.unreachable and spec.unreachable_peers is UnreachablePeers.FAIL):
        first = summary.failures[0]
        done = (
            f"would delete from {counts.caching}"
            if spec.dry_run
            else f"deleted from {peer_counts(counts, deleting=True, carried=carried.peers).deleted}"
        )
        return Verdict(
            Reason.PEERS_FAILED,
            cut(
                f"{done} of {peers}; {trouble}, first {describe_failure(first.failed, first.host)};"
                f" see status.failures, mend the peers, then set a new spec.runID to run again{note}",
                MAX_MESSAGE,
            ),
        )
    if spec.dry_run:
        return Verdict(
            Reason.DRY_RUN,
            f"would delete from {counts.caching} of {peers}; set spec.dryRun to false to do it{ignored}{note}",
        )
    deleted = peer_counts(counts, deleting=True, carried=carried.peers).deleted
    asked = counts.total - counts.unreachable
    if not deleted:
        return Verdict(Reason.NOTHING_TO_DELETE, f"none of {asked} peers asked had it{ignored}{note}")
    return Verdict(
        Reason.DELETED,
        f"deleted from {deleted} of {peers}; all {asked} of them, asked again, no longer have it{ignored}{note}",
    )


def _nothing_asked(spec: Spec, unknown: str, message: str) -> Verdict:
    """Judge a run whose images keep every part that is known of them."""
    if not isinstance(spec, TaskDeletionSpec):
        return Verdict(Reason.PARTIAL_RESULTS if unknown else Reason.NOT_FOUND, message)
    return Verdict(Reason.DRY_RUN if spec.dry_run else Reason.NOTHING_TO_DELETE, f"nothing to delete, {message}")


def resolving(trouble: RunError | None) -> Verdict:
    """Say of a run that its tasks are not known yet."""
    return Verdict(Reason.RUNNING, "resolving targets") if trouble is None else _held_up(trouble)


def progress(
    spec: Spec, ledger: Ledger, summary: Summary, trouble: RunError | None, *, is_in_line: bool = False
) -> Verdict:
    """Say how far a run is that goes on. One that is in line has not had its turn yet to ask peers."""
    if trouble is not None:
        return _held_up(trouble)
    counts = summary.counts
    held_up = _own_trouble(summary)
    if not counts.total:
        return Verdict(Reason.RUNNING, "waiting for its turn to ask peers" if is_in_line else "listing peers")
    found = f"deleted from {counts.deleted}" if deletes(spec) else f"cached on {counts.caching}"
    failing = _trouble(summary)
    return Verdict(
        Reason.RUNNING,
        f"{f'{held_up}; ' if held_up else ''}"
        f"{summary.settled} of {summary.pairs} (task, peer) pairs settled; {found} of {counts.total} peers"
        f"{f'; so far {failing}' if failing else ''}{_departed_note(ledger)}{_schedulers_note(ledger)}",
        is_held_up=bool(held_up),
    )


def out_of_time(spec: Spec, summary: Summary, trouble: RunError | None, *, is_in_line: bool = False) -> Verdict:
    """Judge a run that its deadline ended. One that is in line had not had its turn yet to ask peers."""
    limit = f"after {spec.active_deadline_seconds} s (spec.activeDeadlineSeconds)"
    if trouble is not None:
        return Verdict(Reason(trouble.reason), cut(f"gave up {limit}: {redact(str(trouble))}", MAX_MESSAGE))
    if is_in_line:
        return Verdict(
            Reason.DEADLINE_EXCEEDED,
            f"stopped {limit} while other objects had their turn to ask peers; raise the deadline and set a new"
            " spec.runID to run again",
        )
    failing = _trouble(summary)
    first = summary.failures[0] if summary.failures else None
    held_up = _own_trouble(summary)
    return Verdict(
        Reason.DEADLINE_EXCEEDED,
        cut(
            f"stopped {limit} with {summary.settled} of {summary.pairs} (task, peer) pairs settled"
            + (f"; the operator's own trouble, no peer's: {held_up}" if held_up else "")
            + (f"; {failing}, first {describe_failure(first.failed, first.host)}" if first else "")
            + "; raise the deadline and set a new spec.runID to run again",
            MAX_MESSAGE,
        ),
    )


def stopped_by(error: RunError) -> Verdict:
    """Judge a run that could not be begun."""
    return Verdict(Reason(error.reason), cut(redact(str(error)), MAX_MESSAGE))


def _held_up(trouble: RunError) -> Verdict:
    how = "held up" if isinstance(trouble, OwnTrouble) else "trying again"
    return Verdict(Reason.RUNNING, cut(f"{how}: {redact(str(trouble))}", MAX_MESSAGE), is_held_up=True)


def _own_trouble(summary: Summary) -> str:
    """Say what keeps this process from asking peers."""
    waiting = summary.counts.held_up
    if summary.held_up_by is None:
        return ""
    return f"held up: {summary.held_up_by}; {waiting} peer{'' if waiting == 1 else 's'} could not be asked yet"


def suspended(*, on_the_way: bool) -> Verdict:
    """Say that a run waits for the user."""
    return Verdict(Reason.SUSPENDED, f"{'suspended on the way' if on_the_way else 'not started'}: spec.suspend is true")


def _trouble(summary: Summary) -> str:
    counts: Counts = summary.counts
    peers = counts.failed + counts.unreachable
    if not peers:
        return ""
    reasons = ", ".join(f"{count} {reason}" for reason, count in summary.failing_peers())
    return f"{peers} peer{'' if peers == 1 else 's'} failed ({reasons})"


def _joined(*notes: str) -> str:
    return "".join(f"; {note}" for note in notes if note)


def _image_note(summary: Summary) -> str:
    """Tell how much of the image those peers have, where the run is about one image."""
    if len(summary.images) != 1 or not summary.counts.caching:
        return ""
    (image,) = summary.images
    return f"; all of the image on {image.peers_with_all}, some of it on {image.peers_with_some}"


def _departed_note(ledger: Ledger) -> str:
    """Tell of peers that left the cluster: whatever they had went with them, unasked."""
    count = len(ledger.departed)
    return f"; {count} peer{'' if count == 1 else 's'} left the cluster" if count else ""


def _schedulers_note(ledger: Ledger) -> str:
    silent = ledger.silent_schedulers
    notes = list(ledger.listing_notes)
    if silent:
        notes.append(f"{len(silent)} of {ledger.schedulers} schedulers did not answer ({', '.join(silent)})")
    return cut(redact("".join(f"; {note}" for note in notes)), 512)
