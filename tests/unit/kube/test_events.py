"""Events that the API server takes, and how many there are of them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.kinds import TASK_SEARCH
from dragonfly_task_operator.engine.verdict import Verdict
from dragonfly_task_operator.kube.events import Recorder
from dragonfly_task_operator.kube.objects import Ref
from tests.clients import client_to
from tests.registry.scripted import ScriptedRegistry

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
REF = Ref(TASK_SEARCH, "team", "fresh", "11")
KEY = "3f9c0d1e5a7b2c48"


@dataclass(slots=True)
class Cluster:
    """What has been written, and a recorder that writes there."""

    recorder: Recorder
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: int = 0

    async def told(self) -> list[tuple[str, int]]:
        """Give each Event, and how often it happened, once all of them have been written."""
        await self.recorder.aclose()
        return [(event["reason"], event.get("series", {}).get("count", 1)) for event in self.events.values()]

    async def take(self, request: web.Request) -> web.Response:
        self.requests += 1
        body = await request.json()
        if request.method == "POST":
            body["metadata"] |= {"uid": "e1", "resourceVersion": "1"}
            self.events[body["metadata"]["name"]] = body
            return web.json_response(body, status=201)
        event = self.events.get(request.path.rpartition("/")[2])
        if event is None:
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            return web.json_response(status, status=404)
        event.update(body)
        return web.json_response(event)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    made: Cluster

    async def take(request: web.Request) -> web.Response:
        return await made.take(request)

    async with ScriptedRegistry(intercept=take) as server, client_to(server.origin) as client:
        made = Cluster(Recorder(client, instance="pod-1"))
        yield made


def found(message: str = "cached on 3 of 5 peers") -> Verdict:
    return Verdict(Reason.FOUND, message)


NOT_FOUND = Verdict(Reason.NOT_FOUND, "cached on none of 5 peers")


@pytest.mark.parametrize("name", ["one", "a" * 253, "a" * 199 + "-b", "a" * 199 + ".b", "a" * 198 + "--b"])
async def test_event_of_an_object_of_any_name_has_a_name_that_it_may_have(cluster: Cluster, name: str) -> None:
    cluster.recorder.started(Ref(TASK_SEARCH, "team", name, "11"), "began a run", NOON)
    await cluster.recorder.aclose()

    (written,) = cluster.events
    assert (SUBDOMAIN.fullmatch(written) is not None, len(written) <= 253) == (True, True)


async def test_event_is_of_events_k8s_io_and_says_who_reports(cluster: Cluster) -> None:
    cluster.recorder.ended(REF, NOT_FOUND, NOON)
    await cluster.recorder.aclose()

    (event,) = cluster.events.values()
    del event["metadata"]
    assert event == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "regarding": {
            "apiVersion": "tasks.d7y.io/v1alpha1",
            "kind": "TaskSearch",
            "namespace": "team",
            "name": "fresh",
            "uid": "11",
        },
        "type": "Normal",
        "reason": "Finished",
        "action": "Run",
        "note": "NotFound: cached on none of 5 peers",
        "eventTime": "2026-11-26T12:00:00.000000+00:00",
        "reportingController": "dragonfly-task-operator",
        "reportingInstance": "pod-1",
    }


@pytest.mark.parametrize("note", ["x" * 2000, "é" * 1000, "€" * 400, "a" + "€" * 400])
async def test_note_is_cut_at_the_bytes_that_the_api_server_takes(cluster: Cluster, note: str) -> None:
    cluster.recorder.started(REF, note, NOON)
    await cluster.recorder.aclose()

    (event,) = cluster.events.values()
    assert 1020 < len(event["note"].encode()) <= 1024
    assert event["note"].endswith("…")


async def test_search_that_finds_the_same_again_counts_its_event(cluster: Cluster) -> None:
    for number in range(4):
        later = NOON + timedelta(seconds=30 * number)
        cluster.recorder.looked(REF, KEY, found(f"cached on {number + 1} of 5 peers"), later)

    assert await cluster.told() == [("Found", 4)]
    (event,) = cluster.events.values()
    assert event["series"]["lastObservedTime"] == "2026-11-26T12:01:30.000000+00:00"
    assert cluster.requests == 4


async def test_change_of_verdict_is_one_event_and_going_back_is_none(cluster: Cluster) -> None:
    for verdict in (NOT_FOUND, NOT_FOUND, found(), NOT_FOUND, found()):
        cluster.recorder.looked(REF, KEY, verdict, NOON)

    assert await cluster.told() == [("Finished", 3), ("Found", 2)]


async def test_event_that_the_api_server_has_forgotten_is_written_anew(cluster: Cluster) -> None:
    cluster.recorder.looked(REF, KEY, found(), NOON)
    await cluster.recorder.aclose()
    cluster.events.clear()

    cluster.recorder.looked(REF, KEY, found(), NOON)

    assert await cluster.told() == [("Found", 1)]


async def test_other_work_of_the_same_object_is_told_by_events_of_its_own(cluster: Cluster) -> None:
    for key in (KEY, "0f0e0d0c0b0a0908"):
        cluster.recorder.looked(REF, key, found(), NOON)

    assert await cluster.told() == [("Found", 1), ("Found", 1)]


async def test_objects_are_not_counted_on_each_other(cluster: Cluster) -> None:
    for uid in ("11", "12"):
        cluster.recorder.looked(Ref(TASK_SEARCH, "team", "fresh", uid), KEY, found(), NOON)

    assert await cluster.told() == [("Found", 1), ("Found", 1)]


async def test_memory_of_events_has_a_bound(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragonfly_task_operator.kube.events.MAX_OBJECTS", 2)
    refs = [Ref(TASK_SEARCH, "team", f"search-{number}", str(number)) for number in range(3)]
    for ref in (*refs, refs[2], refs[0]):  # that of the first has been forgotten
        cluster.recorder.looked(ref, KEY, found(), NOON)
        await cluster.recorder.aclose()

    assert await cluster.told() == [("Found", 1), ("Found", 1), ("Found", 2), ("Found", 1)]
