"""The real parts of a measurement: an API server, peers and schedulers, and the operator as it runs in a pod."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.apiserver import cpu_seconds
from benchmarks.errors import BenchError
from benchmarks.fleet import Fleet, fleet
from benchmarks.results import Measurement
from benchmarks.watch import Sighting, watch
from benchmarks.writing import Access, create
from hack.controlplane.server import ControlPlane
from hack.installation import OPERATOR, install, running_operator
from hack.kubectl import Kubectl

API = "/apis/tasks.d7y.io/v1alpha1/namespaces/default"
PLURALS = {"TaskSearch": "tasksearches", "TaskDeletion": "taskdeletions"}
PATIENCE = 120.0
"""Seconds that anything may take to happen."""

UNPACED = {"DRAGONFLY_TASK_OPERATOR_PEER_REQUESTS_PER_SECOND": "10000"}
"""In the operator's environment: the pace that is kept at a peer is not what is measured."""

_POLL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """One object, from apply to Finished.

    Attributes:
        applied: when it was sent (`time.perf_counter`).
        seconds: from sending the object to seeing its condition Finished, by a watch on it.
        first_status: seconds until the watch showed the first status.
        writes: how often the object changed after it was made. Nobody else writes it, so these are status writes.
        cpu_seconds: of the operator, meanwhile.
    """

    applied: float
    seconds: float
    first_status: float
    writes: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How an object that was applied among others ended, when it was sent, and when it was seen finished."""

    name: str
    reason: str | None
    sent: float
    finished: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.finished - self.sent


@dataclass(frozen=True, slots=True)
class Stage:
    """What the rows play on."""

    control_plane: ControlPlane
    fleet: Fleet
    operator: subprocess.Popen[bytes]
    operator_started: float
    """`time.monotonic`."""

    def run(self, kind: str, *, reason: str, **spec: Any) -> Finished:
        """Apply an object and wait until it has finished. Raises BenchError when it ends otherwise than expected."""
        cpu = self.operator_cpu_seconds()
        written: list[Sighting] = []
        with self.watch(kind) as sightings:
            started = time.perf_counter()
            name = self.apply(kind, **spec)
            for seen in sightings:
                if seen.is_write and seen.name == name:
                    written.append(seen)
                    if seen.is_finished:
                        break
        if written[-1].reason != reason:
            raise BenchError(f"the run of {name} ended {written[-1].reason}, not {reason}")
        return Finished(
            applied=started,
            seconds=written[-1].at - started,
            first_status=written[0].at - started,
            writes=len(written),
            cpu_seconds=self.operator_cpu_seconds() - cpu,
        )

    def reason_at_the_end(self, kind: str, name: str) -> str | None:
        """Wait until an object that was applied has finished. Gives the reason of its condition Succeeded."""
        reasons: list[str] = []

        def has_finished() -> bool:
            body = self.control_plane.request("GET", f"{API}/{PLURALS[kind]}/{name}")
            seen = Sighting(time.perf_counter(), "MODIFIED", body)
            reasons.append(str(seen.reason))
            return seen.is_finished

        wait_for(f"the end of {name}", has_finished)
        return reasons[-1]

    def apply(self, kind: str, **spec: Any) -> str:
        """Make an object; returns its name."""
        made = self.control_plane.request("POST", f"{API}/{PLURALS[kind]}", manifest(kind, spec))
        return str(made["metadata"]["name"])

    def apply_all(self, kind: str, specs: Collection[Mapping[str, Any]]) -> dict[str, float]:
        """Make objects, several at a time; returns when each was sent (`time.perf_counter`), by name, in order."""
        bodies = [manifest(kind, spec) for spec in specs]
        return create(Access.to(self.control_plane), f"{API}/{PLURALS[kind]}", bodies)

    def run_all(self, kind: str, specs: Collection[Mapping[str, Any]]) -> list[Ended]:
        """Apply objects, several at a time, and wait until all have finished; tells of each in the order applied."""
        ended: dict[str, Sighting] = {}
        with self.watch(kind) as sightings, ThreadPoolExecutor(1) as background:
            # A watch that is not read meanwhile would be cut off by the API server.
            applying = background.submit(self.apply_all, kind, specs)
            for seen in sightings:
                if seen.is_finished:
                    ended.setdefault(seen.name, seen)
                    if len(ended) == len(specs):
                        break
            return [Ended(name, ended[name].reason, sent, ended[name].at) for name, sent in applying.result().items()]

    def watch(self, kind: str) -> AbstractContextManager[Iterator[Sighting]]:
        """Watch the objects of a kind from now on."""
        return watch(self.control_plane, f"{API}/{PLURALS[kind]}", patience=PATIENCE)

    def cool_down(self) -> None:
        """Wait until the operator has closed its connections to peers, so that the next run finds none."""
        wait_for("no open connection to any peer", lambda: self.fleet.open_connections() == 0)

    def operator_memory(self, what: str, *, at_most: float | None) -> Measurement:
        """Give the most memory that the operator has had resident since it started, in MiB."""
        status = Path(f"/proc/{self.operator.pid}/status").read_text(encoding="ascii")
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return Measurement(what=what, value=int(peak.split()[1]) / 1024, unit=" MiB", at_most=at_most)

    def operator_cpu_seconds(self) -> float:
        """The CPU time that the operator has used, in seconds."""
        return cpu_seconds(self.operator.pid)


def manifest(kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Give an object that is to be made, under a name that the API server chooses."""
    return {
        "apiVersion": "tasks.d7y.io/v1alpha1",
        "kind": kind,
        "metadata": {"generateName": "bench-"},
        "spec": spec,
    }


def wait_for(what: str, is_so: Callable[[], bool]) -> None:
    """Wait for a condition. Raises BenchError when it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            raise BenchError(f"waited {PATIENCE:g} s in vain for: {what}")
        time.sleep(_POLL)


@contextmanager
def control_plane() -> Iterator[ControlPlane]:
    """A control plane with `deploy/` applied."""
    with ControlPlane() as running:
        install(Kubectl.as_admin(running))
        yield running


@contextmanager
def stage(
    control_plane: ControlPlane,
    *,
    peers: int | Sequence[int],
    schedulers: int = 3,
    settings: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = OPERATOR,
) -> Iterator[Stage]:
    """Set peers and an operator up, the latter warmed by one search of a task that nobody has.

    `peers` is how many, or how many in each scheduler cluster; `settings` are flags of the operator besides its
    schedulers, `program` is what is run for it.
    """
    with ExitStack() as stack:
        clusters = [peers] if isinstance(peers, int) else peers
        there = stack.enter_context(fleet(clusters=clusters, schedulers=schedulers))
        arguments = [*settings, *(f"--scheduler={each}" for each in there.schedulers)]
        log = control_plane.directory / "operator.log"
        started = time.monotonic()
        operator = stack.enter_context(
            running_operator(control_plane, arguments, log=log, environment=environment, program=program)
        )
        ready = Stage(control_plane, there, operator, started)
        ready.run("TaskSearch", reason="NotFound", targets=[{"taskID": "0" * 64}])
        yield ready
