"""Records of the audit log: what a security team is to learn of a run."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from dragonfly_task_operator.api.audit import AskedBy, AuditedObject
from dragonfly_task_operator.api.specs import TaskSearchSpec
from dragonfly_task_operator.engine import auditing
from dragonfly_task_operator.engine.ledger import Cleared, Failed, Ledger
from dragonfly_task_operator.engine.run import Run
from dragonfly_task_operator.errors import PeerReason
from tests.unit.world import EPOCH, OTHER_TASK, TASK, World, host, planned

pytestmark = pytest.mark.looptime

OBJECT = AuditedObject(kind="TaskDeletion", namespace="models", name="purge", uid="11", generation=2)


async def record_of(run: Run) -> dict[str, Any]:
    verdict = await run.execute()
    return await recorded(run, reason=verdict.reason, message=verdict.message)


async def recorded(run: Run, *, reason: str, message: str = "") -> dict[str, Any]:
    outcome = auditing.Outcome(reason, message, resumed=False, started=EPOCH, ended=run.means.clock.now())
    made = await auditing.record(run, outcome, source="operator", of=OBJECT, asked_by=AskedBy())
    return made.to_json()


def ids(*names: str) -> list[str]:
    return [f"10.0.0.{name[1:]}-{name}" for name in names]


async def test_record_of_a_deletion_says_who_was_asked_to_delete_what_when_and_with_what_answer() -> None:
    world = World(latency=1.0)
    for name in ("n1", "n2", "n3", "n4"):
        world.peer(name)
    for name in ("n1", "n2", "n3"):
        world.peer(name).caches()
    world.peer("n3").fails("delete", PeerReason.PERMISSION_DENIED, "not yours", retryable=False)

    record = await record_of(world.deletion(TASK, OTHER_TASK))

    assert {name: record[name] for name in ("logger", "source", "action", "reason", "tasks", "peers")} == {
        "logger": "audit",
        "source": "operator",
        "action": "Delete",
        "reason": "PeersFailed",
        "tasks": [TASK, OTHER_TASK],
        "peers": {"total": 4, "caching": 3, "deleted": 2, "alreadyAbsent": 1, "failed": 1, "unreachable": 0},
    }
    assert record["deletions"] == [
        {
            "failed": [{"reason": "PermissionDenied", "description": "not yours", "tasks": [0]}],
            "count": 1,
            "peers": ids("n3"),
        },
        {"deleted": [0], "count": 2, "peers": ids("n1", "n2")},
    ]
    assert (record["firstDeletionTime"], record["lastDeletionTime"]) == ("2026-11-24T00:00:01Z", "2026-11-24T00:00:01Z")
    assert "leftOut" not in record


async def test_task_that_peers_were_asked_to_delete_comes_first() -> None:
    world = World()
    world.peer("n1").caches(OTHER_TASK)

    record = await record_of(world.deletion(TASK, OTHER_TASK))

    assert record["tasks"] == [OTHER_TASK, TASK]
    assert record["deletions"] == [{"deleted": [0], "count": 1, "peers": ids("n1")}]


@pytest.mark.parametrize("kind", ["search", "dry run", "nothing cached", "still downloading"])
async def test_run_that_asks_nobody_to_delete_anything_says_so(kind: str) -> None:
    world = World()
    peer = world.peer("n1")
    if kind == "still downloading":
        peer.downloads()
    elif kind != "nothing cached":
        peer.caches()
    run = world.search() if kind == "search" else world.deletion(dryRun=kind == "dry run", activeDeadlineSeconds=9)

    record = await record_of(run)

    assert {"deletions", "firstDeletionTime", "lastDeletionTime"} & set(record) == set()
    assert record["action"] == {"search": "Search", "dry run": "DryRun"}.get(kind, "Delete")


async def test_deletion_that_was_answered_with_an_error_and_took_effect_is_a_deletion() -> None:
    world = World()
    world.peer("n1").caches().fails("delete", after=True)

    record = await record_of(world.deletion())

    assert record["deletions"] == [{"deleted": [0], "count": 1, "peers": ids("n1")}]


async def test_run_that_is_cut_off_names_whom_it_was_asking() -> None:
    world = World(latency=10.0)
    world.peer("n1").caches()
    run = world.deletion()
    going = asyncio.ensure_future(run.execute())
    await asyncio.sleep(15)  # the peer has said that it has a copy, and is being asked to delete it
    going.cancel()
    await asyncio.wait({going})

    record = await recorded(run, reason="Interrupted")

    assert record["deletions"] == [{"unanswered": [0], "count": 1, "peers": ids("n1")}]
    assert record["firstDeletionTime"] == "2026-11-24T00:00:10Z"


async def test_run_that_never_came_to_ask_anybody_has_a_record() -> None:
    world = World()
    record = await recorded(world.deletion(), reason="Superseded")
    assert (record["tasks"], record["reason"], "peers" in record) == ([], "Superseded", False)


def search_for(*targets: dict[str, Any]) -> Run:
    return World().run(TaskSearchSpec.model_validate({"targets": list(targets)}))


async def test_targets_are_told_without_secrets() -> None:
    signed = "https://someone:planted@models.example.com/m.bin?X-Amz-Signature=planted&version=7"
    manifest = "https://r.example.com/v2/a/manifests/1?token=planted"
    record = await recorded(
        search_for(
            {"url": signed, "tag": "prod", "filteredQueryParams": ["X-Amz-Signature"]},
            {"imageManifestURL": manifest, "keepSharedWith": [manifest]},
            {"contentForCalculatingTaskID": f"see {signed}"},
        ),
        reason="Found",
    )

    assert "planted" not in json.dumps(record)
    assert [list(target) for target in record["targets"]] == [
        ["url", "tag", "filteredQueryParams"],
        ["imageManifestURL", "keepSharedWith"],
        ["contentForCalculatingTaskID"],
    ]
    assert record["targets"][0]["tag"] == "prod"


async def test_targets_are_bounded() -> None:
    record = await recorded(
        search_for(*({"contentForCalculatingTaskID": f"{number:03}" + "€" * 1900} for number in range(100))),
        reason="Found",
    )

    told = len(record["targets"])
    assert 10 < told < 100
    assert record["leftOut"] == {"targets": 100 - told, "tasks": 0, "peers": 0}
    assert len(json.dumps(record["targets"], ensure_ascii=False).encode()) <= auditing.MAX_TARGETS_BYTES


def ledger_of(peers: int, tasks: int) -> Ledger:
    """All peers were asked to delete all tasks."""
    ledger = Ledger(tuple(planned(f"{number:064x}", target=0) for number in range(tasks)))
    hosts = [host(f"node-with-quite-a-long-name-{number}", number=number) for number in range(peers)]
    ledger.add_hosts(hosts)
    for task in ledger.tasks:
        for each in hosts:
            ledger.note_deletion(task.id, each.id, EPOCH)
            ledger.record(task.id, each.id, Cleared())
    return ledger


@pytest.mark.parametrize(("peers", "tasks"), [(20_000, 1), (50, 1200)])
async def test_record_is_bounded_and_counts_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch, peers: int, tasks: int
) -> None:
    ledger = ledger_of(peers, tasks)
    failing = ledger.host(7)
    ledger.record(
        ledger.tasks[0].id,
        failing.id,
        Failed(PeerReason.INTERNAL, "x" * 5000, retryable=False, had_copy=True, at=EPOCH),
    )
    monkeypatch.setattr(Run, "ledger", ledger)

    record = await recorded(World().deletion(), reason="PeersFailed")

    assert len(json.dumps(record, ensure_ascii=False).encode()) < 512 << 10
    told = sum(len(each["peers"]) for each in record["deletions"])
    left_out = record.get("leftOut", {"peers": 0, "tasks": 0})
    assert told + left_out["peers"] == peers
    assert len(record["tasks"]) + left_out["tasks"] == tasks
    assert record["deletions"][0]["peers"] == [failing.id]
