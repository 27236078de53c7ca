"""3,000 TaskSearches applied at once, each of a task of its own, on 50 peers."""

from __future__ import annotations

from benchmarks.results import Measurement
from benchmarks.stage import API, PLURALS, manifest, stage
from benchmarks.writing import Access, Question, seconds_of
from hack.controlplane.server import ControlPlane

OBJECTS = 3000
PEERS = 50
SPEC = {"targets": [{"taskID": "c" * 64}]}


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with a bare client that makes the same writes, and see that all end well."""
    del tries  # three thousand runs are enough
    with stage(control_plane, peers=PEERS) as on:
        ended = on.run_all("TaskSearch", [SPEC] * OBJECTS)
        seconds = max(each.finished for each in ended) - min(each.sent for each in ended)
        memory = on.operator_memory(f"{OBJECTS:,} searches at once: operator's peak memory", at_most=256)
        question = _question(control_plane, ended[0].name)
    floor = seconds_of(question)  # nobody runs these
    return [
        Measurement(
            what=f"{OBJECTS:,} searches at once: not NotFound",
            value=sum(each.reason != "NotFound" for each in ended),
            at_most=0,
        ),
        Measurement(
            what=f"{OBJECTS:,} searches at once: runs a second, from the first apply to the last end",
            value=OBJECTS / seconds,
            detail={"seconds": seconds},
        ),
        Measurement(
            what=f"{OBJECTS:,} searches at once: to a bare client making the same writes",
            value=seconds / floor,
            unit=" x",
            at_most=2,
            detail={"seconds": seconds, "floor_seconds": floor},
        ),
        memory,
    ]


def _question(control_plane: ControlPlane, name: str) -> Question:
    """Take what the operator wrote of one of these runs for a pattern."""
    collection = f"{API}/{PLURALS['TaskSearch']}"
    body = control_plane.request("GET", f"{collection}/{name}")
    selector = f"involvedObject.name={name}"
    events = control_plane.request("GET", f"/api/v1/namespaces/default/events?fieldSelector={selector}")["items"]
    for event in events:
        event["metadata"] = {}
    return Question(
        access=Access.to(control_plane),
        collection=collection,
        manifest=manifest("TaskSearch", SPEC),
        status=body["status"],
        events=events,
        count=OBJECTS,
    )
