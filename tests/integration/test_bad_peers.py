"""Peers that refuse, hang, lie, or are busy with the task: what a user is told of each."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from hack.kubectl import Kubectl
from tests.objects import Objects, is_finished, manifest, succeeded
from tests.simulator.control import Control

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

_NUMBERS = count(1)


@pytest.fixture
def task() -> str:
    """A task that no other test knows."""
    return f"bad0{next(_NUMBERS):060x}"


@pytest.fixture
def name(task: str) -> str:
    return f"bad-peer-{task[-4:]}"


def run(kubectl: Kubectl, objects: Objects, kind: str, name: str, task: str, **spec: Any) -> dict[str, Any]:
    kubectl.apply(manifest(kind, name, {"taskID": task}, **spec))
    return objects.until(kind, name, is_finished)


@pytest.mark.parametrize(
    ("link", "reason"),
    [("refused", "Unreachable"), ("resetting", "Unreachable"), ("mute", "Timeout"), ("noise", "Unreachable")],
)
def test_deletion_fails_on_a_peer_that_cannot_be_spoken_to(  # noqa: PLR0917 - fixtures
    kubectl: Kubectl, objects: Objects, world: Control, name: str, task: str, link: str, reason: str
) -> None:
    world.becomes(link, on="n2")

    status = run(kubectl, objects, "TaskDeletion", name, task, backoffLimit=0)

    assert succeeded(status) == ("False", "PeersFailed")
    assert [(each["hostname"], each["reason"]) for each in status["failures"]] == [("n2", reason)]
    assert (status["peers"]["unreachable"], status["peers"]["failed"]) == (1, 0)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "hangs"}, "Timeout"),
        ({"kind": "resets"}, "Unreachable"),
        ({"kind": "garbles"}, "Internal"),
        ({"kind": "fails", "code": "PERMISSION_DENIED"}, "PermissionDenied"),
        ({"kind": "fails", "code": "UNIMPLEMENTED"}, "Unimplemented"),
        ({"kind": "fails", "code": "RESOURCE_EXHAUSTED"}, "Overloaded"),
    ],
)
def test_search_is_partial_when_a_peer_does_not_answer_the_question(  # noqa: PLR0917 - fixtures
    kubectl: Kubectl, objects: Objects, world: Control, name: str, task: str, fault: dict[str, Any], reason: str
) -> None:
    world.caches(task, on="n1")
    world.fails(call="stat", on="n2", **fault)

    status = run(kubectl, objects, "TaskSearch", name, task)

    assert succeeded(status) == ("True", "PartialResults")
    assert [(each["hostname"], each["reason"]) for each in status["failures"]] == [("n2", reason)]
    assert [each["hostname"] for each in status["tasks"][0]["cachedBy"]] == ["n1"]


@pytest.mark.parametrize(
    "fault",
    [{"kind": "fails", "code": "INTERNAL"}, {"kind": "hangs"}, {"kind": "resets"}, {"kind": "garbles"}],
    ids=lambda fault: fault["kind"],
)
def test_peer_that_deletes_and_answers_badly_counts_as_deleted(  # noqa: PLR0917 - fixtures
    kubectl: Kubectl, objects: Objects, world: Control, name: str, task: str, fault: dict[str, Any]
) -> None:
    world.caches(task, on="n2")
    world.fails(call="delete", on="n2", after=True, **fault)

    status = run(kubectl, objects, "TaskDeletion", name, task)

    assert succeeded(status) == ("True", "Deleted")
    assert (status["peers"]["deleted"], status["peers"]["failed"], "failures" in status) == (1, 0, False)


def test_peer_that_answers_ok_and_still_has_it_is_still_cached(
    kubectl: Kubectl, objects: Objects, world: Control, name: str, task: str
) -> None:
    world.caches(task, on="n2")
    world.fails("keeps", "delete", on="n2")

    status = run(kubectl, objects, "TaskDeletion", name, task, backoffLimit=0)

    assert succeeded(status) == ("False", "PeersFailed")
    assert [(each["hostname"], each["reason"]) for each in status["failures"]] == [("n2", "StillCached")]
    assert (status["peers"]["failed"], status["peers"]["caching"]) == (1, 1)


def test_peer_that_always_has_it_again_is_still_cached(
    kubectl: Kubectl, objects: Objects, world: Control, name: str, task: str
) -> None:
    world.caches(task, on="n2")
    world.fails("recaches", "delete", on="n2")

    status = run(kubectl, objects, "TaskDeletion", name, task, backoffLimit=1)

    assert [each["reason"] for each in status["failures"]] == ["StillCached"]


def test_deletion_waits_until_a_download_has_finished(
    kubectl: Kubectl, objects: Objects, world: Control, name: str, task: str
) -> None:
    world.caches(task, on="n2", state="downloading", finishes_after=1.0)

    status = run(kubectl, objects, "TaskDeletion", name, task)

    assert succeeded(status) == ("True", "Deleted")
    assert (world.holders(task), world.hung_downloads()) == (set(), [])


def test_download_that_does_not_finish_is_told_of_at_the_deadline(
    kubectl: Kubectl, objects: Objects, world: Control, name: str, task: str
) -> None:
    world.caches(task, on="n2", state="downloading")
    world.caches(task, on="n3")

    status = run(kubectl, objects, "TaskDeletion", name, task, activeDeadlineSeconds=4)

    assert succeeded(status) == ("False", "DeadlineExceeded")
    assert [(each["hostname"], each["reason"]) for each in status["failures"]] == [("n2", "Downloading")]
    assert (world.states(task), status["peers"]["deleted"]) == ({"n2": "downloading"}, 1)


def test_download_is_deleted_at_once_where_the_user_insists(
    kubectl: Kubectl, objects: Objects, world: Control, name: str, task: str
) -> None:
    world.caches(task, on="n2", state="downloading")

    status = run(kubectl, objects, "TaskDeletion", name, task, unfinishedDownloads="Delete")

    assert succeeded(status) == ("True", "Deleted")
    assert world.holders(task) == set()


def test_length_that_no_status_can_hold_is_left_out(
    kubectl: Kubectl, objects: Objects, world: Control, name: str, task: str
) -> None:
    world.caches(task, on="n2", content_length=(1 << 64) - 1)

    status = run(kubectl, objects, "TaskSearch", name, task)

    assert succeeded(status) == ("True", "Found")
    assert "contentLength" not in status["tasks"][0]
