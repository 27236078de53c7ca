"""Peers and schedulers that are not well, and downloads that go on meanwhile."""

from __future__ import annotations

import pytest

from tests.e2e.runs import Runs
from tests.objects import wait_for
from tests.real import RealDragonfly

pytestmark = pytest.mark.real

CONTENT = bytes(range(256)) * 100


def cached_everywhere(dragonfly: RealDragonfly, path: str) -> tuple[str, str]:
    """URL and id of a new task on every peer."""
    url = dragonfly.origin.puts(path, CONTENT)
    (task,) = {peer.downloads(url) for peer in dragonfly.peers.values()}
    return url, task


def test_killed_peer_fails_a_deletion_which_clears_the_others(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url, task = cached_everywhere(dragonfly, path)
    dragonfly.peers["n1"].kill()

    outcome = runs.delete({"url": url}, backoffLimit=1)

    assert (outcome.reason, outcome.failures) == ("PeersFailed", {("n1", "Unreachable")})
    assert dragonfly.holders(task) == {"n1"}


def test_killed_peer_can_be_ignored(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url, _ = cached_everywhere(dragonfly, path)
    dragonfly.peers["n1"].kill()

    outcome = runs.delete({"url": url}, backoffLimit=0, unreachablePeers="Ignore")

    assert (outcome.reason, outcome.status["peers"]["unreachable"]) == ("Deleted", 1)


def test_killed_peer_makes_a_search_partial(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url, _ = cached_everywhere(dragonfly, path)
    dragonfly.peers["n1"].kill()

    outcome = runs.search(url=url)

    assert (outcome.reason, outcome.caching) == ("PartialResults", {"n0", "n2"})


def test_peer_that_comes_back_during_a_deletion_is_cleared_too(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url, task = cached_everywhere(dragonfly, path)
    dragonfly.peers["n1"].kill()
    name = runs.begin("TaskDeletion", {"url": url}, backoffLimit=100)
    wait_for(lambda: dragonfly.holders(task) == {"n1"}, "the others to be cleared")

    dragonfly.peers["n1"].start()

    assert runs.end("TaskDeletion", name).reason == "Deleted"
    assert dragonfly.holders(task) == set()


def test_deletion_waits_for_a_download_and_then_clears_it(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url = dragonfly.origin.puts(path, CONTENT)
    gate = dragonfly.origin.holds_back(path)
    dfget = dragonfly.peers["n0"].begins_to_download(url)
    assert gate.reached.acquire(timeout=30)
    name = runs.begin_deletion({"url": url})

    gate.opened.set()

    outcome = runs.end("TaskDeletion", name)
    (task,) = outcome.status["tasks"]
    assert (outcome.reason, dragonfly.holders(task["taskID"]), dfget.wait(30)) == ("Deleted", set(), 0)


def test_deletion_gives_up_a_download_that_does_not_end(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url = dragonfly.origin.puts(path, CONTENT)
    gate = dragonfly.origin.holds_back(path)
    dfget = dragonfly.peers["n0"].begins_to_download(url)
    assert gate.reached.acquire(timeout=30)

    outcome = runs.delete({"url": url}, activeDeadlineSeconds=5)

    assert (outcome.reason, outcome.failures) == ("DeadlineExceeded", {("n0", "Downloading")})
    gate.opened.set()
    assert dfget.wait(30) == 0


def test_deletion_that_does_not_wait_lets_a_download_fail(dragonfly: RealDragonfly, runs: Runs, path: str) -> None:
    url = dragonfly.origin.puts(path, CONTENT)
    gate = dragonfly.origin.holds_back(path)
    dfget = dragonfly.peers["n0"].begins_to_download(url)
    assert gate.reached.acquire(timeout=30)

    outcome = runs.delete({"url": url}, unfinishedDownloads="Delete")

    gate.opened.set()
    assert (outcome.reason, outcome.status["peers"]["deleted"]) == ("Deleted", 1)
    assert dfget.wait(30) != 0


def test_deletion_begun_without_a_scheduler_is_done_once_there_is_one(
    dragonfly: RealDragonfly, runs: Runs, path: str
) -> None:
    url, task = cached_everywhere(dragonfly, path)
    dragonfly.scheduler.goes_down()
    name = runs.begin_deletion({"url": url})

    dragonfly.recovers()

    assert runs.end("TaskDeletion", name).reason == "Deleted"
    assert dragonfly.holders(task) == set()


def test_deletion_whose_scheduler_stops_in_the_middle_is_done_once_it_is_back(
    dragonfly: RealDragonfly, runs: Runs, path: str
) -> None:
    url = dragonfly.origin.puts(path, CONTENT)
    (task,) = {dragonfly.peers[name].downloads(url) for name in ("n1", "n2")}
    gate = dragonfly.origin.holds_back(path)
    dfget = dragonfly.peers["n0"].begins_to_download(url)
    assert gate.reached.acquire(timeout=30)
    name = runs.begin_deletion({"url": url})
    wait_for(lambda: not dragonfly.holders(task) & {"n1", "n2"}, "the others to be cleared")
    dragonfly.scheduler.goes_down()
    gate.opened.set()
    assert dfget.wait(30) == 0

    dragonfly.recovers()

    assert runs.end("TaskDeletion", name).reason == "Deleted"
    assert dragonfly.holders(task) == set()
