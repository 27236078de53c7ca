"""The store is restored from a backup, and the CRD of one kind goes and comes, while the operator runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from dragonfly_task_operator.api.crds import to_yaml
from dragonfly_task_operator.api.kinds import TASK_SEARCH
from hack.controlplane.server import ControlPlane
from hack.installation import install
from hack.kubectl import Kubectl
from tests.integration.replicas import Replica, deletion, replicas
from tests.objects import Holds, Objects, is_finished, is_running, manifest, succeeded, wait_for
from tests.simulator.control import Control, Simulation

pytestmark = pytest.mark.controlplane

CRD = "tasksearches.tasks.d7y.io"


@pytest.fixture(scope="module")
def own() -> Iterator[ControlPlane]:
    """A control plane whose store may be put back."""
    with ControlPlane() as running:
        install(Kubectl.as_admin(running))
        yield running


@pytest.fixture(scope="module")
def kubectl_here(own: ControlPlane) -> Kubectl:
    return Kubectl.as_admin(own)


@pytest.fixture(scope="module")
def here(own: ControlPlane) -> Objects:
    return Objects(own)


@pytest.fixture(scope="module")
def operator(own: ControlPlane, simulator: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    with replicas(own, arguments, tmp_path_factory.mktemp("operator")) as start:
        yield start()


def reason_is(reason: str) -> Holds:
    def holds(status: dict[str, Any]) -> bool:
        return succeeded(status)[1] == reason

    return holds


def by_task(asked: list[tuple[str, str]]) -> dict[str, list[str]]:
    peers: dict[str, list[str]] = {}
    for peer, task in asked:
        peers.setdefault(task, []).append(peer)
    return peers


def is_ready(operator: Replica) -> float:
    return wait_for(lambda: operator.probe("/readyz") == (200, "ok"), "readiness", seconds=120)


def test_runs_end_and_edits_and_new_objects_are_seen_after_a_restore(
    own: ControlPlane, kubectl_here: Kubectl, here: Objects, operator: Replica, world: Control
) -> None:
    is_ready(operator)
    going, finished, edited, late, lost = (f"e{number}" * 32 for number in range(1, 6))
    world.caches(lost, on="n1", state="downloading")
    world.caches(going, on="n1", state="downloading")
    world.caches(going, on="n2")
    for task in (finished, edited):
        world.caches(task, on="all")
    kubectl_here.apply(deletion("going", going))
    kubectl_here.apply(deletion("finished", finished))
    kubectl_here.apply(deletion("end-lost", lost))
    kubectl_here.apply(deletion("edited", edited, dryRun=True))
    for name in ("finished", "edited"):
        here.until("TaskDeletion", name, is_finished)
    for name in ("going", "end-lost"):
        here.until("TaskDeletion", name, is_running)
    # What is done after the backup, and lost: enough of it for the versions to go back by some hundred.
    kubectl_here.apply(deletion("suspended", late, suspend=True))
    backup = own.back_up()
    for number in range(100):
        kubectl_here.must("annotate", "tdel", "suspended", "finished", f"number={number}", "--overwrite")
    kubectl_here.apply(deletion("wholly-lost", late))
    world.caches(lost, on="n1")
    for name in ("wholly-lost", "end-lost"):
        here.until("TaskDeletion", name, is_finished, seconds=45)  # pauses between rounds grow to half a minute
    world.caches(lost, on="n3")  # somebody downloads it after the deletion: that is no business of the deletion's

    own.restore(backup)
    wait_for(lambda: "history.went_back" in operator.log.read_text(), "it to be noticed", seconds=60)

    kubectl_here.apply(deletion("edited", edited, dryRun=False))
    kubectl_here.apply(manifest("TaskSearch", "new", {"taskID": going}))
    assert succeeded(here.until("TaskDeletion", "edited", reason_is("Deleted"), seconds=30)) == ("True", "Deleted")
    here.until("TaskSearch", "new", is_finished, seconds=30)
    world.caches(going, on="n1")
    status = here.until("TaskDeletion", "going", is_finished, seconds=45)
    assert (succeeded(status)[1], status["peers"]["deleted"]) == ("Deleted", 2)
    assert here.until("TaskDeletion", "end-lost", is_finished, seconds=45)["peers"]["deleted"] == 1
    assert world.holders(lost) == {"n3"}
    asked = world.delete_requests()
    assert {task: len(asked_of) for task, asked_of in by_task(asked).items() if task != late} == {
        going: 2,
        finished: 11,
        edited: 11,
        lost: 1,
    }
    assert operator.process.poll() is None


def test_kind_whose_crd_goes_and_comes_is_watched_again(
    kubectl_here: Kubectl, here: Objects, operator: Replica
) -> None:
    is_ready(operator)
    kubectl_here.must("delete", "crd", CRD)
    seconds = wait_for(lambda: "tasksearches: not watched" in operator.probe("/readyz")[1], "the truth", seconds=30)
    kubectl_here.apply(deletion("of-the-other-kind", "f5" * 32))
    here.until("TaskDeletion", "of-the-other-kind", is_finished, seconds=30)

    kubectl_here.apply(yaml.safe_load(to_yaml(TASK_SEARCH)))
    kubectl_here.must("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=30s")
    back = is_ready(operator)

    kubectl_here.apply(manifest("TaskSearch", "after-the-crd", {"taskID": "f6" * 32}))
    here.until("TaskSearch", "after-the-crd", is_finished, seconds=30)
    assert (seconds < 15, back < 20) == (True, True)


def test_kind_whose_crd_is_gone_for_good_ends_the_process(kubectl_here: Kubectl, operator: Replica) -> None:
    is_ready(operator)
    kubectl_here.must("delete", "crd", CRD)

    seconds = wait_for(lambda: operator.process.poll() is not None, "its end", seconds=120)

    lines = [line for line in operator.log.read_text().splitlines() if line.startswith("error: ")]
    assert (operator.process.returncode, len(lines), seconds < 90) == (1, 1, True)
    assert "tasksearches could not be watched for 60 s" in lines[0]
