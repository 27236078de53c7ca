"""Every reason that a status can have, brought about on the real operator, and the objects as they then are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hack.controlplane.server import ControlPlane
from hack.installation import install, running_operator
from hack.kubectl import Kubectl
from tests.gitops import clumsy
from tests.integration import newer_version
from tests.objects import Objects, is_finished, manifest, succeeded
from tests.registry.scripted import ScriptedRegistry
from tests.registry.threaded import Servers
from tests.simulator.control import Control, Simulation, simulation

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to be made of a situation.

    Attributes:
        health: Argo CD's word.
        can: the actions that make sense.
        reason: of the condition Succeeded.
    """

    health: str
    can: frozenset[str]
    reason: str


def _expected(health: str, *names: str, can: str) -> dict[str, Expected]:
    actions = frozenset(can.split())
    return {name: Expected(health, actions, "".join(word.title() for word in name.split("-"))) for name in names}


_OF_BOTH = {
    **_expected("Progressing", "pending", "running", "operator-too-old", can="suspend"),
    **_expected("Suspended", "suspended", can="resume"),
    **_expected(
        "Degraded",
        "no-scheduler-reachable",
        "no-peers-known",
        "image-unresolvable",
        "registry-denied",
        "secret-not-found",
        "deadline-exceeded",
        "invalid-spec",
        "internal-error",
        can="rerun",
    ),
}

SITUATIONS: Mapping[str, Mapping[str, Expected]] = {
    "TaskSearch": {
        **_expected("Healthy", "found", "not-found", "partial-results", can="rerun"),
        **_OF_BOTH,
        "refreshed": Expected("Healthy", frozenset({"rerun", "suspend"}), "NotFound"),
        "edited": Expected("Progressing", frozenset({"suspend"}), "NotFound"),
    },
    "TaskDeletion": {
        **_expected("Healthy", "deleted", "nothing-to-delete", "dry-run", can="rerun"),
        **_expected("Degraded", "peers-failed", can="rerun"),
        **_OF_BOTH,
        "edited": Expected("Progressing", frozenset({"suspend"}), "Deleted"),
    },
}
"""By kind and name: every reason; `refreshed`, which is to run again; and `edited`, whose run has ended, but nobody has
looked at the new spec yet."""

KINDS = tuple(SITUATIONS)

SECONDS = 90.0
"""For anything, on machines that have more to do."""

BRIEFLY = 5
"""Seconds in which a run that can't end comes to know why, on such machines, too."""


@dataclass
class Stage:
    """A control plane, Dragonfly, a registry, and what has been seen: objects by kind and situation."""

    control_plane: ControlPlane
    kubectl: Kubectl
    objects: Objects
    world: Control
    registry: ScriptedRegistry
    arguments: list[str]
    seen: dict[tuple[str, str], Body] = field(default_factory=dict)

    def apply(self, kind: str, situation: str, target: Mapping[str, Any], **spec: Any) -> None:
        self.objects.create(manifest(kind, situation, dict(target), **spec))

    def apply_both(self, situation: str, target: Mapping[str, Any], **spec: Any) -> None:
        for kind in KINDS:
            self.apply(kind, situation, target, **spec)

    def see(self, kind: str, situation: str) -> None:
        """Wait until the object has the reason that the situation is named for, and keep it."""
        wanted = SITUATIONS[kind][situation].reason

        def is_there(status: dict[str, Any]) -> bool:
            # A run that goes has first to come as far as it can.
            return succeeded(status)[1] == wanted and (wanted != "Running" or status.get("progress") == "5/6")

        self.objects.until(kind, situation, lambda status: is_finished(status) or is_there(status), seconds=SECONDS)
        body = self.objects.get(kind, situation)
        assert succeeded(body["status"])[1] == wanted, body["status"]
        self.keep(body, situation)

    def keep(self, body: Body, situation: str) -> None:
        """Keep an object as `kubectl get -o yaml` shows it."""
        metadata = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
        kind = str(body["kind"])
        self.seen[kind, situation] = {"apiVersion": body["apiVersion"], "kind": kind, **body, "metadata": metadata}

    def see_both(self, *situations: str) -> None:
        for situation in situations:
            for kind in KINDS:
                self.see(kind, situation)


@contextmanager
def stage() -> Iterator[Stage]:
    """Set it up, with no operator."""
    with (
        ControlPlane() as control_plane,
        simulation(schedulers=2, peers=5, seeds=1) as simulator,
        Servers() as servers,
    ):
        kubectl = Kubectl.as_admin(control_plane)
        install(kubectl)
        registry = servers.enter(ScriptedRegistry())
        yield Stage(
            control_plane, kubectl, Objects(control_plane), simulator.control, registry, _arguments(simulator, registry)
        )


def _arguments(simulator: Simulation, registry: ScriptedRegistry) -> list[str]:
    schedulers = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    return [*schedulers, f"--registry-allowlist=http://{registry.host}", "--rpc-timeout=20s"]


def play(on: Stage) -> dict[tuple[str, str], Body]:
    """Bring everything about, and give what was seen."""
    on.apply_both("pending", {"taskID": "a0" * 32})
    on.see_both("pending")
    on.kubectl.must("delete", "tasksearches,taskdeletions", "--all")
    with running_operator(on.control_plane, on.arguments, program=("-m", "tests.gitops.clumsy")):
        _waiting(on)
        _endings(on)
        on.see_both("deadline-exceeded")
        on.kubectl.must("delete", "tsearch/running", "tdel/running")
        on.world.is_put_right()
        _ill_peers(on)
        on.world.goes_down("schedulers")
        on.apply_both("no-scheduler-reachable", {"taskID": "a1" * 32}, activeDeadlineSeconds=BRIEFLY)
        on.see_both("no-scheduler-reachable")
        on.world.is_put_right()
    _edited(on)
    _too_old(on)
    return on.seen


def _waiting(on: Stage) -> None:
    """Runs that wait for a peer, and runs that do so for too long."""
    hangs, downloads = "c0" * 32, "c1" * 32
    on.world.fails("hangs", "stat", on="n2", task_id=hangs)
    on.world.caches(downloads, on="n2", state="downloading")
    for situation, spec in (("running", {}), ("deadline-exceeded", {"activeDeadlineSeconds": BRIEFLY})):
        on.apply("TaskSearch", situation, {"taskID": hangs}, **spec)
        on.apply("TaskDeletion", situation, {"taskID": downloads}, **spec)
    on.see_both("running")


def _endings(on: Stage) -> None:
    """Runs that end by themselves."""
    cached = {"url": "https://models.example.com/llama-70b/model.safetensors", "tag": "prod"}
    absent = {"contentForCalculatingTaskID": "nightly-dataset-2026-11"}
    task = "b0" * 32
    for peer in ("n1", "n3"):
        on.world.caches(task, on=peer, content_length=64 << 20, piece_length=4 << 20)
    on.apply("TaskSearch", "found", {"taskID": task})
    on.apply("TaskDeletion", "dry-run", {"taskID": task}, dryRun=True)
    on.apply("TaskSearch", "not-found", cached)
    on.apply("TaskSearch", "refreshed", absent, refreshIntervalSeconds=600)
    on.apply("TaskDeletion", "nothing-to-delete", absent)
    on.apply_both("suspended", absent, suspend=True)
    on.apply_both("no-peers-known", absent, schedulerClusterIDs=[7], activeDeadlineSeconds=BRIEFLY)
    on.apply_both("image-unresolvable", {"imageManifestURL": on.registry.url("2.0")})
    on.apply_both("registry-denied", {"image": "registry.example.com/team/app:1.0"})
    on.apply_both("secret-not-found", {"imageManifestURL": on.registry.url(), "pullSecretRef": {"name": "regcred"}})
    on.apply_both("invalid-spec", {"imageManifestURL": "https://registry..example.com/v2/app/manifests/1"})
    on.apply_both("internal-error", {"contentForCalculatingTaskID": clumsy.CONTENT})
    on.see("TaskSearch", "found")
    on.see("TaskDeletion", "dry-run")
    on.apply("TaskDeletion", "deleted", {"taskID": task})
    on.see("TaskDeletion", "deleted")
    on.see("TaskSearch", "not-found")
    on.see("TaskSearch", "refreshed")
    on.see("TaskDeletion", "nothing-to-delete")
    on.see_both("suspended", "no-peers-known", "image-unresolvable", "registry-denied", "secret-not-found",
                "invalid-spec", "internal-error")  # fmt: skip


def _ill_peers(on: Stage) -> None:
    task = "d0" * 32
    on.world.caches(task, on="n1,n4")
    on.world.goes_down("n2")
    on.world.fails("fails", "delete", on="n4", code="INTERNAL", details="remove piece 3: Input/output error")
    on.apply("TaskSearch", "partial-results", {"taskID": task})
    on.see("TaskSearch", "partial-results")
    on.apply("TaskDeletion", "peers-failed", {"taskID": task}, backoffLimit=0)
    on.see("TaskDeletion", "peers-failed")
    on.world.is_put_right()


def _edited(on: Stage) -> None:
    """Finished objects whose spec changes while no operator looks."""
    for kind, name in (("TaskSearch", "not-found"), ("TaskDeletion", "deleted")):
        on.kubectl.must("patch", kind, name, "--type=merge", "-p", '{"spec":{"runID":"2026-11-24"}}')
        on.keep(on.objects.get(kind, name), "edited")


def _too_old(on: Stage) -> None:
    """Objects of newer CRDs."""
    newer_version.serve(on.kubectl, seconds=SECONDS)
    on.apply_both("operator-too-old", {"taskID": "e0" * 32})
    with running_operator(on.control_plane, on.arguments):
        on.see_both("operator-too-old")
