"""What must hold whatever goes wrong. Pure: made of what users asked for, what objects say, and what is true.

Each violation is a sentence, so that a run of a thousand objects says all that is wrong with it at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from typing import Any

from tests.objects import condition, is_finished, succeeded

Body = Mapping[str, Any]

SLACK_SECONDS = 10
"""For a write to be made on a busy machine after a deadline has passed."""


def of_object(body: Body, *, holders: Set[str], slack: float = SLACK_SECONDS) -> list[str]:
    """What is wrong with an object that nobody touches any more.

    Args:
        body: the object.
        holders: names of the peers that really have anything of its tasks.
        slack: seconds after its deadline by which it must be finished.
    """
    name, spec, status = body["metadata"]["name"], body["spec"], body["status"]
    if not is_finished(status):
        return [f"{name} is stuck: {status}"]
    truth, reason = succeeded(status)
    failures = status.get("failures", [])
    found = []
    if body["kind"] == "TaskDeletion" and truth == "True" and not spec["dryRun"]:
        excused = {each["hostname"] for each in failures} if spec["unreachablePeers"] == "Ignore" else set()
        if left := holders - excused:
            found.append(f"{name} says {reason}, and {sorted(left)} have it")
    if truth == "False" and not condition(status, "Succeeded")["message"]:
        found.append(f"{name} failed without a message")
    if reason == "PeersFailed" and not failures:
        found.append(f"{name} says PeersFailed and lists no failure")
    found += [f"{name} has a failure without a description: {each}" for each in failures if not each["description"]]
    if reason == "InternalError":
        found.append(f"{name} met a defect of the operator: {condition(status, 'Succeeded')['message']}")
    if (late := _seconds_late(status, spec)) > slack:
        found.append(f"{name} was finished {late:.0f} s after its deadline")
    runs = Counter((run["runKey"], run.get("runID")) for run in status["history"] if run["reason"] != "Superseded")
    found += [f"{name} ran {times} times for {key}" for key, times in runs.items() if times > 1]
    if extra := body["metadata"].keys() & {"finalizers", "annotations"}:
        found.append(f"{name} has {sorted(extra)}")
    return found


def of_deletions(delete_requests: Iterable[tuple[str, str]], *, deletable: Set[str]) -> list[str]:
    """Which peers were asked to delete what nobody asked to delete."""
    wrong = sorted({(peer, task) for peer, task in delete_requests if task not in deletable})
    return [f"{peer} was asked to delete {task}, which nobody asked for" for peer, task in wrong]


def _seconds_late(status: Mapping[str, Any], spec: Mapping[str, Any]) -> float:
    if "startTime" not in status:
        return 0.0
    started, ended = (datetime.fromisoformat(status[name]) for name in ("startTime", "completionTime"))
    return (ended - started).total_seconds() - float(spec["activeDeadlineSeconds"])
