"""Where the faults happen: a control plane, a simulated Dragonfly, and one operator that may be killed.

Objects are applied many at once and each has tasks of its own, so that what is true of a task is the business of one
object, and many cases share the time that they wait.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.processes import end
from hack.controlplane.server import ControlPlane
from hack.installation import start_operator, stop_operator
from hack.kubectl import Kubectl
from tests.faults import invariants
from tests.objects import PLURALS, Objects, is_finished, manifest
from tests.simulator.control import Control, Simulation

_NAMES = count(1)
_POLL_SECONDS = 0.1


class Stage:
    """One simulator and one operator, and all that is asked of them."""

    def __init__(
        self,
        control_plane: ControlPlane,
        kubectl: Kubectl,
        simulation: Simulation,
        *,
        log: Path,
        options: Sequence[str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.control_plane = control_plane
        self.objects = Objects(control_plane)
        self.world: Control = simulation.control
        self._kubectl = kubectl
        self.log = log
        self._environment = environment
        self._arguments = [*(f"--scheduler={each}" for each in simulation.scheduler_addresses), *options]
        self._deletable: set[str] = set()
        self._operator: subprocess.Popen[bytes] | None = None
        self._kills: list[datetime] = []

    # The operator

    def start_operator(self, *, files: tuple[int, int] | None = None) -> None:
        """Start it, under a soft and a hard limit of open files if they are given."""
        assert self._operator is None
        self._operator = start_operator(
            self.control_plane, self._arguments, log=self.log, environment=self._environment, files=files
        )

    def kill_operator(self) -> None:
        """As the kernel does when memory is short: kill -9."""
        assert self._operator is not None
        self._kills.append(datetime.now(UTC))
        end(self._operator, kill=True)
        self._operator = None

    def seconds_without_operator(self, since: datetime) -> float:
        """How long those took to come that followed one that was killed; on a busy machine, half a minute."""
        lines = [line for line in self.log.read_text().splitlines() if " operator.started " in line]
        starts = [datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").astimezone() for line in lines]
        gaps = [(next((at for at in starts if at > kill), kill) - kill) for kill in self._kills if kill >= since]
        return sum(gap.total_seconds() for gap in gaps)

    def stop_operator(self) -> None:
        if self._operator is not None:
            stop_operator(self._operator)
            self._operator = None

    # What users ask for

    def new(self, kind: str, *, what: str = "case", **spec: Any) -> dict[str, Any]:
        """Make a manifest with a name and a task of its own; nothing is applied yet."""
        number = next(_NAMES)
        task = f"fa{number:062x}"
        if kind == "TaskDeletion" and not spec.get("dryRun"):
            self._deletable.add(task)
        return manifest(kind, f"{what}-{number}", {"taskID": task}, **spec)

    def may_delete(self, task: str) -> None:
        self._deletable.add(task)

    def create(self, bodies: Iterable[dict[str, Any]]) -> None:
        """All in one call, and without kubectl's annotation."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(bodies)}
        self._kubectl.must("create", "-f", "-", stdin=json.dumps(listed))

    def patch(self, kind: str, name: str, **spec: Any) -> None:
        self._kubectl.must("patch", kind, name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def delete(self, kind: str, name: str) -> None:
        self._kubectl.must("delete", kind, name, "--wait=false")

    @contextmanager
    def writes(self, body: dict[str, Any]) -> Iterator[Iterator[dict[str, Any]]]:
        """Create an object and watch it: gives the status of each write, none left out, up to the last of a run."""
        path = self.objects.path(body["kind"])
        created = self.control_plane.request("POST", path, body)["metadata"]
        query = f"watch=1&resourceVersion={created['resourceVersion']}&fieldSelector=metadata.name={created['name']}"
        command = [
            str(self._kubectl.binary),
            f"--kubeconfig={self._kubectl.kubeconfig}",
            "get",
            "--raw",
            f"{path}?{query}",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as watch:
            assert watch.stdout is not None
            try:
                yield _until_finished(json.loads(line)["object"]["status"] for line in watch.stdout)
            finally:
                watch.kill()

    # What becomes of it

    def bodies(self) -> dict[str, dict[str, Any]]:
        """Every object that there is, by name."""
        return {body["metadata"]["name"]: body for kind in PLURALS for body in self.objects.all(kind)}

    def finish(self, bodies: Iterable[dict[str, Any]], *, seconds: float) -> None:
        """Wait until these are finished as they are specified now; `violations` tells of those that are not in time."""
        names = {body["metadata"]["name"] for body in bodies}
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            there = self.bodies()
            names = {name for name in names if name in there and not _is_done(there[name])}
            if not names:
                return
            time.sleep(_POLL_SECONDS)

    def violations(self, bodies: Iterable[dict[str, Any]], *, slack: float = invariants.SLACK_SECONDS) -> list[str]:
        """What is wrong with these."""
        found = []
        for applied in bodies:
            body = self.objects.get(applied["kind"], applied["metadata"]["name"])
            holders = set().union(*(self.world.holders(target["taskID"]) for target in body["spec"]["targets"]))
            found += invariants.of_object(body, holders=holders, slack=slack)
            found += self._refusal(body)
        return found

    def wrong_deletions(self) -> list[str]:
        """What peers were asked to delete although nobody had asked for it."""
        return invariants.of_deletions(self.world.delete_requests(), deletable=self._deletable)

    def _refusal(self, body: dict[str, Any]) -> list[str]:
        """Whether the API server, asked strictly, would refuse the status that it holds."""
        name = body["metadata"]["name"]
        path = f"{self.objects.path(body['kind'], name)}/status?dryRun=All&fieldValidation=Strict"
        try:
            self.control_plane.request("PUT", path, body)
        except ControlPlaneError as refusal:
            return [f"{name} has a status that its CRD does not allow: {refusal}"]
        return []


def _is_done(body: dict[str, Any]) -> bool:
    status = body["status"]
    return is_finished(status) and bool(status["observedGeneration"] == body["metadata"]["generation"])


def _until_finished(statuses: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for status in statuses:
        yield status
        if is_finished(status):
            return


def task_of(body: dict[str, Any]) -> str:
    return str(body["spec"]["targets"][0]["taskID"])
