"""3,000 TaskSearches applied at once, each of a task of its own, on 50 peers."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.apiserver import Load
from benchmarks.crowds import throughput
from benchmarks.results import Measurement
from benchmarks.stage import API, PLURALS, UNPACED, manifest, stage
from benchmarks.writing import Access, Question, seconds_of
from hack.controlplane.server import ControlPlane

OBJECTS = 3000
PEERS = 50
ASKING = "150,000 requests to peers, of which the bare client makes none, need the same core as the writes"
WAITING = "each object in line is there as its body, its spec, its status, and the tasks that wait for its turn"
SPEC = {"targets": [{"taskID": "c" * 64}]}


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with a bare client that makes the same writes, and see that all end well."""
    del tries  # three thousand runs are enough
    what = f"{OBJECTS:,} searches at once, unpaced"
    with stage(control_plane, peers=PEERS, environment=UNPACED) as on:
        before = Load.of(control_plane)
        ended = on.run_all("TaskSearch", [SPEC] * OBJECTS)
        load = Load.of(control_plane) - before
        memory = replace(on.operator_memory(f"{what}: operator's peak memory", at_most=256), obstacle=WAITING)
        question = _question(control_plane, ended[0].name)
    floor = seconds_of(question)  # nobody runs these
    seconds = max(each.finished for each in ended) - min(each.sent for each in ended)
    return [
        Measurement(
            what=f"{what}: not NotFound",
            value=sum(each.reason != "NotFound" for each in ended),
            at_most=0,
        ),
        *throughput(what, ended),
        Measurement(
            what=f"{what}: time to a bare client's that makes the same writes",
            value=seconds / floor,
            unit=" x",
            at_most=2,
            obstacle=ASKING,
            detail={"seconds": seconds, "floor_seconds": floor},
        ),
        *load.measurements(what, runs=OBJECTS),
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
