"""Files: downloaded with dfget, found, deleted, gone from disk, downloaded anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.e2e.runs import Runs
from tests.real import Binaries, RealDragonfly

pytestmark = pytest.mark.real


def schedules() -> bool:
    """Whether Dragonfly's own scheduler is there."""
    try:
        return Binaries.given().scheduler is not None
    except LookupError:
        return False


CONTENT = bytes(range(256)) * 100
MEBIBYTE = 1024 * 1024


def test_search_finds_the_peers_that_downloaded_a_file(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url = dragonfly.origin.puts(path, CONTENT)
    for name in ("n0", "n2"):
        dragonfly.peers[name].downloads(url)

    outcome = runs.search(url=url)

    assert (outcome.reason, outcome.caching) == ("Found", {"n0", "n2"})


def test_search_tells_what_the_peers_have(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url = dragonfly.origin.puts(path, CONTENT)
    task = dragonfly.peers["n0"].downloads(url)

    outcome = runs.search(url=url)

    ((cached,),) = [each["cachedBy"] for each in outcome.status["tasks"]]
    assert (outcome.found, cached["contentLength"], cached["finished"]) == ({task}, len(CONTENT), True)


def test_deletion_clears_content_and_metadata_of_every_peer(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url = dragonfly.origin.puts(path, CONTENT)
    (task,) = {peer.downloads(url) for peer in dragonfly.peers.values()}
    before = dragonfly.holders(task), dragonfly.rememberers(task)

    outcome = runs.delete({"url": url})

    assert before == ({"n0", "n1", "n2"}, {"n0", "n1", "n2"})
    assert (outcome.reason, outcome.status["peers"]["deleted"]) == ("Deleted", 3)
    assert (dragonfly.holders(task), dragonfly.rememberers(task)) == (set(), set())


def test_deleted_file_is_downloaded_from_the_origin_as_it_is_now(
    dragonfly: RealDragonfly, runs: Runs, path: str, tmp_path: Path
) -> None:
    url = dragonfly.origin.puts(path, b"old")
    for peer in dragonfly.peers.values():
        peer.downloads(url)
    dragonfly.origin.puts(path, b"new")
    runs.delete({"url": url})

    dragonfly.peers["n1"].downloads(url, output=tmp_path / "again")

    assert (tmp_path / "again").read_bytes() == b"new"


def test_file_that_somebody_downloaded_is_theirs_and_stays(
    dragonfly: RealDragonfly, runs: Runs, path: str, tmp_path: Path
) -> None:
    url = dragonfly.origin.puts(path, CONTENT)
    dragonfly.peers["n0"].downloads(url, output=tmp_path / "theirs")

    runs.delete({"url": url})

    assert (tmp_path / "theirs").read_bytes() == CONTENT


def test_dry_run_deletes_nothing(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url = dragonfly.origin.puts(path, CONTENT)
    task = dragonfly.peers["n0"].downloads(url)

    outcome = runs.delete({"url": url}, dryRun=True)

    assert (outcome.reason, dragonfly.holders(task)) == ("DryRun", {"n0"})


def test_file_of_many_pieces_is_found_and_deleted(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url = dragonfly.origin.puts(path, bytes(10 * MEBIBYTE))
    (task,) = {peer.downloads(url) for peer in dragonfly.peers.values()}

    outcome = runs.delete({"url": url})

    assert (outcome.reason, dragonfly.holders(task)) == ("Deleted", set())


@pytest.mark.skipif(not schedules(), reason="the folder that DRAGONFLY_BIN_DIR names has no program scheduler")
def test_search_tells_what_the_scheduler_knows(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url = dragonfly.origin.puts(path, bytes(10 * MEBIBYTE))
    dragonfly.peers["n0"].downloads(url, "--tag=known")

    (task,) = runs.search(url=url, tag="known").status["tasks"]

    known = (task["schedulerState"], task["contentLength"], task["pieceCount"], task["tag"])
    assert known == ("Succeeded", 10 * MEBIBYTE, 3, "known")


@pytest.mark.skipif(not schedules(), reason="the folder that DRAGONFLY_BIN_DIR names has no program scheduler")
def test_file_that_went_from_peer_to_peer_is_deleted_from_all(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url = dragonfly.origin.puts(path, bytes(10 * MEBIBYTE))
    dragonfly.peers["n0"].downloads(url)
    asked_of_the_origin = dragonfly.origin.gets[path]
    task = dragonfly.peers["n1"].downloads(url)

    outcome = runs.delete({"url": url})

    assert dragonfly.origin.gets[path] == asked_of_the_origin + 1  # for its length
    assert (outcome.status["peers"]["deleted"], dragonfly.holders(task)) == (2, set())


class Identity(NamedTuple):
    """What dfget is told, the fields of a target that say the same, and some that say almost the same."""

    options: list[str]
    right: dict[str, Any]
    near_miss: dict[str, Any]


IDENTITIES = {
    "tag": Identity(["--tag=prod"], {"tag": "prod"}, {"tag": "test"}),
    "no tag": Identity([], {}, {"tag": "prod"}),
    "application": Identity(["--application=a"], {"application": "a"}, {"application": "b"}),
    "piece length": Identity(["--piece-length=8MiB"], {"pieceLength": "8Mi"}, {"pieceLength": "4Mi"}),
    "no piece length": Identity([], {}, {"pieceLength": "4Mi"}),
    "all of them": Identity(
        ["--tag=t", "--application=a", "--piece-length=4MiB"],
        {"tag": "t", "application": "a", "pieceLength": "4Mi"},
        {"tag": "t", "application": "a"},
    ),
}


@pytest.mark.parametrize("identity", IDENTITIES.values(), ids=list(IDENTITIES))
def test_what_makes_a_task_another_is_told_apart(
    dragonfly: RealDragonfly, runs: Runs, path: str, identity: Identity
) -> None:
    url = dragonfly.origin.puts(path, CONTENT)
    task = dragonfly.peers["n1"].downloads(url, *identity.options)

    assert runs.search(url=url, **identity.near_miss).reason == "NotFound"
    assert runs.search(url=url, **identity.right).found == {task}


def test_filtered_query_params_are_no_part_of_a_task(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url = dragonfly.origin.puts(path, CONTENT)
    task = dragonfly.peers["n1"].downloads(f"{url}?v=1&token=x", "--filtered-query-param=token")

    assert runs.search(url=f"{url}?v=1&token=y").reason == "NotFound"
    assert runs.search(url=f"{url}?v=2&token=x", filteredQueryParams=["token"]).reason == "NotFound"
    assert runs.search(url=f"{url}?token=other&v=1", filteredQueryParams=["token"]).found == {task}


def test_signature_is_filtered_without_being_asked_for(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url = dragonfly.origin.puts(path, CONTENT)
    task = dragonfly.peers["n1"].downloads(f"{url}?X-Amz-Signature=one&part=3")

    assert runs.search(url=f"{url}?X-Amz-Signature=one&part=3", filteredQueryParams=[]).reason == "NotFound"
    assert runs.search(url=f"{url}?part=3&X-Amz-Signature=two").found == {task}


def test_content_for_calculating_the_task_id_is_all_there_is_to_it(
    dragonfly: RealDragonfly, runs: Runs, path: str
) -> None:
    url = dragonfly.origin.puts(path, CONTENT)
    task = dragonfly.peers["n1"].downloads(url, f"--content-for-calculating-task-id={path}", "--tag=ignored")

    assert runs.search(url=url, tag="ignored").reason == "NotFound"
    assert runs.search(contentForCalculatingTaskID=path).found == {task}


def test_task_id_alone_will_do(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    task = dragonfly.peers["n1"].downloads(dragonfly.origin.puts(path, CONTENT))

    assert runs.search(taskID=task).caching == {"n1"}
