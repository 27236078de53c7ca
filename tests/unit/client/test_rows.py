"""Rows of peers, from TaskReports and from statuses, of this version and of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dragonfly_task_operator.client.rows import PeerFailure, from_pages, from_status

GOLDEN = Path(__file__).parents[2] / "data" / "golden"
ONE, TWO = "1" * 64, "2" * 64
FINISHED = [{"type": "Finished", "status": "True"}]


def run(**status: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "team"}, "status": {"runKey": "k", "conditions": FINISHED, **status}}


def page(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"report": {"runKey": "k", "complete": True, "tasks": [ONE, TWO], "peers": list(rows), **more}}


def peer(name: str, **told: Any) -> dict[str, Any]:
    return {
        "hostID": f"id-{name}",
        "hostname": name,
        "ip": "10.0.0.1",
        "hostType": "normal",
        "schedulerClusterID": 1,
    } | told


def test_pages_are_joined_in_one_list_with_ids_for_indexes() -> None:
    failed = {
        "task": 0,
        "also": [1],
        "reason": "Internal",
        "description": "disk",
        "attempts": 7,
        "lastAttemptTime": "t",
    }
    found = from_pages(
        run(reports=["a", "b"]),
        [
            page(peer("n2", holds=[0], complete=0.5)),
            page(peer("n1", deleted=[1], failed=[failed], clientVersion="1.5")),
        ],
    )

    first, second = found.rows
    assert (first.hostname, first.deleted, first.client_version) == ("n1", (TWO,), "1.5")
    assert first.failed == (PeerFailure((ONE, TWO), "Internal", "disk", 7, "t"),)
    assert (second.hostname, second.holds, second.share) == ("n2", (ONE,), 0.5)
    assert (found.tasks, found.left_out, found.pages) == ((ONE, TWO), (), 2)


@pytest.mark.parametrize(
    "second",
    [None, page(peer("n2"), complete=False), page(peer("n2"), runKey="other"), {"report": "nonsense"}, {}],
    ids=["gone", "being written", "of another run", "no report", "empty"],
)
def test_page_that_is_not_there_is_told(second: dict[str, Any] | None) -> None:
    found = from_pages(run(reports=["a", "b"]), [page(peer("n1", holds=[0])), second])

    assert [row.hostname for row in found.rows] == ["n1"]
    assert found.left_out == ("1 of 2 TaskReports are gone, or are being written: try again",)


def test_peers_without_a_row_are_told() -> None:
    found = from_pages(run(reports=["a"], omitted={"peers": 12}), [page()])

    assert found.left_out == ("12 more peers have something to tell, for whom the TaskReports had no room",)


def test_row_of_another_version_is_read_as_far_as_it_can_be() -> None:
    strange = {"hostname": "n1", "holds": [0, 9, "x", None], "complete": True, "failed": "?", "schedulerClusterID": "y"}

    (row,) = from_pages(run(reports=["a"]), [page(strange)]).rows

    assert (row.hostname, row.holds, row.share, row.failed, row.scheduler_cluster_id) == ("n1", (ONE,), None, (), None)


def test_status_with_all_of_it_makes_the_rows_where_there_is_no_page() -> None:
    status = yaml.safe_load((GOLDEN / "search-found" / "status.yaml").read_text())
    task = status["tasks"][0]["taskID"]

    found = from_status({"status": status})

    assert [(row.hostname, row.holds, row.share) for row in found.rows] == [
        ("n1", (task,), None),
        ("seed0", (task,), None),
    ]
    assert (found.left_out, found.pages) == ((), 0)


def test_failures_of_a_status_stand_beside_what_a_peer_has() -> None:
    status = yaml.safe_load((GOLDEN / "deletion-peers-failed" / "status.yaml").read_text())

    found = from_status({"status": status})

    failures = {(row.hostname, failed.reason) for row in found.rows for failed in row.failed}
    assert failures == {(each["hostname"], each["reason"]) for each in status["failures"]}
    assert (found.left_out, found.unnamed) == ((), status["peers"]["deleted"])


def test_share_of_an_image_is_that_of_its_blobs_and_not_of_manifests() -> None:
    status = yaml.safe_load((GOLDEN / "image-found" / "status.yaml").read_text())

    (row,) = from_status({"status": status}).rows

    assert (status["images"][0]["peersWithAll"], row.share) == (1, 1.0)
    for task in status["tasks"][1:]:
        task.pop("cachedBy", None)
    assert from_status({"status": status}).rows[0].share == 0.5
    assert from_status({"status": status | {"omitted": {"tasks": 3}}}).rows[0].share is None


@pytest.mark.parametrize("status", [None, "x", {}, {"tasks": {}, "failures": 1, "images": "?"}, {"tasks": [None]}])
def test_status_that_says_nothing_makes_no_rows(status: object) -> None:
    assert from_status({"status": status}).rows == ()
