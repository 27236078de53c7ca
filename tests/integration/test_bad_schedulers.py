"""Schedulers that are down or disagree: a run waits for them until its deadline, and never succeeds by it."""

from __future__ import annotations

import pytest

from hack.kubectl import Kubectl
from tests.objects import Objects, condition, is_finished, is_running, manifest, succeeded
from tests.simulator.control import Control

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

TASK = "5c" * 32


@pytest.mark.parametrize("kind", ["TaskSearch", "TaskDeletion"])
def test_no_scheduler_reachable_ends_at_the_deadline(
    kubectl: Kubectl, objects: Objects, world: Control, kind: str
) -> None:
    world.goes_down("schedulers")

    kubectl.apply(manifest(kind, "no-scheduler", {"taskID": TASK}, activeDeadlineSeconds=1))

    status = objects.until(kind, "no-scheduler", is_finished)
    assert succeeded(status) == ("False", "NoSchedulerReachable")
    assert "127.3.0.1" in condition(status, "Succeeded")["message"]


def test_run_goes_on_when_schedulers_come_back(kubectl: Kubectl, objects: Objects, world: Control) -> None:
    world.goes_down("schedulers")
    kubectl.apply(manifest("TaskSearch", "schedulers-return", {"taskID": TASK}))
    objects.until("TaskSearch", "schedulers-return", is_running)

    world.comes_back("schedulers")

    assert succeeded(objects.until("TaskSearch", "schedulers-return", is_finished)) == ("True", "NotFound")


def test_peer_that_only_one_of_the_schedulers_lists_is_asked(
    kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    world.caches(TASK, on="n4")
    world.forget_hosts("n4", on="scheduler0,scheduler2")

    kubectl.apply(manifest("TaskDeletion", "disagree", {"taskID": TASK}))

    status = objects.until("TaskDeletion", "disagree", is_finished)
    assert (succeeded(status), world.holders(TASK)) == (("True", "Deleted"), set())


def test_only_peers_of_the_named_scheduler_clusters_are_asked(
    kubectl: Kubectl, objects: Objects, world: Control
) -> None:
    kubectl.apply(manifest("TaskSearch", "other", {"taskID": TASK}, schedulerClusterIDs=[7], activeDeadlineSeconds=3))
    kubectl.apply(manifest("TaskSearch", "same", {"taskID": TASK}, schedulerClusterIDs=[1, 7]))

    other, same = (objects.until("TaskSearch", name, is_finished) for name in ("other", "same"))
    assert (succeeded(other), "[7]" in condition(other, "Succeeded")["message"]) == (("False", "NoPeersKnown"), True)
    assert (succeeded(same), same["peers"]["total"]) == (("True", "NotFound"), 11)
