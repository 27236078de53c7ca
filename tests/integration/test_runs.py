"""Objects applied with kubectl, run by the operator against a simulated Dragonfly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dragonfly_task_operator.dragonfly.task_ids import content_candidates, url_candidates
from hack.kubectl import Kubectl
from tests.integration.conftest import Finished
from tests.objects import manifest, succeeded
from tests.planted import SECRET, SIGNED_URL
from tests.simulator.control import Control

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

URL = "https://models.example.com/llama.safetensors"
TASK = url_candidates(URL)[0].task_id


@pytest.mark.parametrize(
    ("name", "target", "task"),
    [
        ("by-url", {"url": URL}, TASK),
        ("by-id", {"taskID": "a1" * 32}, "a1" * 32),
        ("by-content", {"contentForCalculatingTaskID": "nightly"}, content_candidates("nightly")[0].task_id),
    ],
)
def test_search_finds_the_peers_that_cache(  # noqa: PLR0917 - fixtures
    kubectl: Kubectl, world: Control, finished: Finished, name: str, target: dict[str, Any], task: str
) -> None:
    world.caches(task, on="n3")
    world.caches(task, on="n5")

    kubectl.apply(manifest("TaskSearch", name, target))

    status = finished("tsearch", name)
    assert succeeded(status) == ("True", "Found")
    assert [peer["hostname"] for peer in status["tasks"][0]["cachedBy"]] == ["n3", "n5"]
    assert status["peers"] == {"total": 11, "caching": 2, "failed": 0, "unreachable": 0}


def test_search_of_what_nobody_caches_says_so(kubectl: Kubectl, finished: Finished) -> None:
    kubectl.apply(manifest("TaskSearch", "nothing", {"url": f"{URL}.nobody"}))

    assert succeeded(finished("tsearch", "nothing")) == ("True", "NotFound")


def test_deletion_clears_every_peer(kubectl: Kubectl, world: Control, finished: Finished) -> None:
    task = "d3" * 32
    for name in ("n1", "n2", "n3"):
        world.caches(task, on=name)

    kubectl.apply(manifest("TaskDeletion", "purge", {"taskID": task}))

    status = finished("tdel", "purge")
    assert succeeded(status) == ("True", "Deleted")
    assert (status["peers"]["deleted"], status["peers"]["alreadyAbsent"]) == (3, 8)
    assert world.holders(task) == set()


def test_dry_run_deletes_nothing(kubectl: Kubectl, world: Control, finished: Finished) -> None:
    task = "d4" * 32
    world.caches(task, on="n1")

    kubectl.apply(manifest("TaskDeletion", "dry", {"taskID": task}, dryRun=True))

    assert succeeded(finished("tdel", "dry")) == ("True", "DryRun")
    assert world.holders(task) == {"n1"}


def test_peer_whose_deletion_errs_fails_the_run_with_its_own_words(
    kubectl: Kubectl, world: Control, finished: Finished
) -> None:
    task = "d5" * 32
    world.caches(task, on="n1")
    world.fails("fails", "delete", on="n1", code="INTERNAL", details="disk on fire")

    kubectl.apply(manifest("TaskDeletion", "errs", {"taskID": task}, backoffLimit=1))

    status = finished("tdel", "errs")
    assert succeeded(status) == ("False", "PeersFailed")
    (failure,) = status["failures"]
    assert (failure["hostname"], failure["reason"], failure["attempts"]) == ("n1", "Internal", 2)
    assert "disk on fire" in failure["description"]


def test_no_secret_of_a_url_is_shown_even_where_a_peer_quotes_it(
    kubectl: Kubectl, world: Control, finished: Finished
) -> None:
    task = url_candidates(SIGNED_URL)[0].task_id
    world.caches(task, on="n1,n2", url=SIGNED_URL)
    world.fails("fails", "delete", on="n1", code="INTERNAL", details=f"cannot remove {SIGNED_URL}")
    world.fails("fails", "stat", on="n3", code="INTERNAL", details=f"cannot read {SIGNED_URL}")

    kubectl.apply(manifest("TaskDeletion", "signed", {"url": SIGNED_URL}, backoffLimit=0))

    told = json.dumps(finished("tdel", "signed")) + kubectl.must("describe", "tdel", "signed").partition("Status:")[2]
    assert "X-Amz-Signature=REDACTED" in told
    assert SECRET not in told


def test_image_target_ends_with_its_reason(kubectl: Kubectl, finished: Finished) -> None:
    target = {"imageManifestURL": "https://registry.example.com/v2/library/nginx/manifests/1.27"}
    kubectl.apply(manifest("TaskSearch", "image", target))

    assert succeeded(finished("tsearch", "image")) == ("False", "ImageUnresolvable")


def test_unreachable_peer_fails_a_deletion_unless_ignored(kubectl: Kubectl, world: Control, finished: Finished) -> None:
    world.goes_down("n4")

    kubectl.apply(manifest("TaskDeletion", "down", {"taskID": "d6" * 32}, backoffLimit=0))
    kubectl.apply(manifest("TaskDeletion", "ignored", {"taskID": "d6" * 32}, backoffLimit=0, unreachablePeers="Ignore"))

    down, ignored = finished("tdel", "down"), finished("tdel", "ignored")
    assert succeeded(down) == ("False", "PeersFailed")
    assert (down["failures"][0]["reason"], down["peers"]["unreachable"]) == ("Unreachable", 1)
    assert succeeded(ignored) == ("True", "NothingToDelete")
    assert (down["tasks"][0]["result"], ignored["tasks"][0]["result"]) == ("Failed", "NotFound")


def test_finished_run_is_not_repeated_by_an_edit_of_another_field(kubectl: Kubectl, finished: Finished) -> None:
    kubectl.apply(manifest("TaskSearch", "once", {"taskID": "d7" * 32}))
    before = finished("tsearch", "once")

    kubectl.apply(manifest("TaskSearch", "once", {"taskID": "d7" * 32}, parallelism=7))
    done = kubectl("wait", "tsearch/once", "--for=jsonpath={.status.observedGeneration}=2", "--timeout=50s")

    assert done.returncode == 0, done.stderr
    after = kubectl.get("tsearch", "once")["status"]
    assert (after["completionTime"], len(after["history"])) == (before["completionTime"], 1)


def test_new_run_id_runs_again(kubectl: Kubectl, finished: Finished) -> None:
    kubectl.apply(manifest("TaskSearch", "again", {"taskID": "d8" * 32}))
    finished("tsearch", "again")

    kubectl.apply(manifest("TaskSearch", "again", {"taskID": "d8" * 32}, runID="two"))
    done = kubectl("wait", "tsearch/again", "--for=jsonpath={.status.runID}=two", "--timeout=50s")

    assert done.returncode == 0, done.stderr
    history = finished("tsearch", "again")["history"]
    assert [(run.get("runID"), run["reason"]) for run in history] == [("two", "NotFound"), (None, "NotFound")]


def test_no_finalizer_and_no_annotation_is_left_on_an_object(kubectl: Kubectl, finished: Finished) -> None:
    done = kubectl("create", "-f", "-", stdin=json.dumps(manifest("TaskSearch", "clean", {"taskID": "d9" * 32})))
    assert done.returncode == 0, done.stderr
    finished("tsearch", "clean")

    metadata = kubectl.get("tsearch", "clean")["metadata"]
    assert "finalizers" not in metadata
    assert "annotations" not in metadata


def test_deletion_ends_beside_many_conditions_of_others(kubectl: Kubectl, world: Control, finished: Finished) -> None:
    task = "d7" * 32
    world.caches(task, on="n1")
    others = [
        {"type": f"audit.example/{n}", "status": "True", "reason": "Seen", "message": "", "lastTransitionTime": at}
        for n, at in enumerate(["2026-01-01T00:00:00Z"] * 12)
    ]
    body = manifest("TaskDeletion", "audited", {"taskID": task}, suspend=True)
    kubectl.apply(body)
    patch = json.dumps({"status": {"conditions": others}})
    kubectl.must("patch", "tdel", "audited", "--subresource=status", "--type=merge", "-p", patch)

    kubectl.apply(body | {"spec": body["spec"] | {"suspend": False}})

    status = finished("tdel", "audited")
    assert (succeeded(status), world.holders(task)) == (("True", "Deleted"), set())
    assert [each for each in status["conditions"] if each["type"].startswith("audit")] == others
