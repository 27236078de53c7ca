"""The real parts of a measurement: an API server, a simulated Dragonfly, and the operator as it runs in a pod."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import Measurement
from benchmarks.watch import Sighting, watch
from benchmarks.writing import Access, create
from hack.controlplane.server import ControlPlane
from hack.installation import install, running_operator
from hack.kubectl import Kubectl
from tests.simulator.control import Simulation, simulation

API = "/apis/tasks.d7y.io/v1alpha1/namespaces/default"
PLURALS = {"TaskSearch": "tasksearches", "TaskDeletion": "taskdeletions"}
PEERS_OF_ONE_SIMULATOR = 2500
"""A server and its connection cost descriptors: more peers are shared out to several simulators."""

PATIENCE = 120.0
"""Seconds that anything may take to happen."""

_POLL = 0.05


class BenchError(Exception):
    """What was to be measured did not happen, so there is no figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """One object, from apply to Finished.

    Attributes:
        seconds: from sending the object to seeing its condition Finished, by a watch on it.
        first_status: seconds until the watch showed the first status.
        writes: how often the object changed after it was made. Nobody else writes it, so these are status writes.
        cpu_seconds: of the operator, meanwhile.
    """

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
    simulations: Sequence[Simulation]
    operator: subprocess.Popen[bytes]
    operator_started: float
    """`time.monotonic`."""

    @property
    def targets(self) -> list[str]:
        """HOST:PORT of every peer."""
        return [target for each in self.simulations for target in each.control.describe()["peers"].values()]

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
            seconds=written[-1].at - started,
            first_status=written[0].at - started,
            writes=len(written),
            cpu_seconds=self.operator_cpu_seconds() - cpu,
        )

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

    def cache(self, task_id: str, peers: int) -> None:
        """Have the first so many peers cache a task."""
        for each in self.simulations:
            here = min(peers, PEERS_OF_ONE_SIMULATOR)
            each.control.caches(task_id, on=str(here))
            peers -= here

    def requests(self) -> int:
        """How many requests peers got since `forget_requests`."""
        return sum(sum(each.control.calls()["peers"].values()) for each in self.simulations)

    def forget_requests(self) -> None:
        """Count from zero."""
        for each in self.simulations:
            each.control.forget_calls()

    def most(self, count: str) -> int:
        """Give the most of a count by peer, as in `connections`, since `forget_requests`."""
        return max(int(value) for each in self.simulations for value in each.control.calls()[count].values())

    def cool_down(self) -> None:
        """Wait until the operator has closed its connections to peers, so that the next run finds none."""
        wait_for(
            "no open connection to any peer",
            lambda: not any(each.control.calls()["open_connections"] for each in self.simulations),
        )

    def operator_memory(self, what: str, *, at_most: float) -> Measurement:
        """Give the most memory that the operator has had resident since it started, in MiB."""
        status = Path(f"/proc/{self.operator.pid}/status").read_text(encoding="ascii")
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return Measurement(what=what, value=int(peak.split()[1]) / 1024, unit=" MiB", at_most=at_most)

    def operator_cpu_seconds(self) -> float:
        """The CPU time that the operator has used, in seconds."""
        # proc(5): after the name in brackets, utime and stime are the 12th and 13th field, in ticks of 10 ms.
        fields = Path(f"/proc/{self.operator.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


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
    control_plane: ControlPlane, *, peers: int, latency_ms: int = 0, schedulers: int = 3, settings: Sequence[str] = ()
) -> Iterator[Stage]:
    """Set a simulated cluster and an operator up, the latter warmed by one search of a task that nobody has.

    `settings` are flags of the operator besides its schedulers.
    """
    with ExitStack() as stack:
        simulations = []
        for first in range(0, peers, PEERS_OF_ONE_SIMULATOR):
            options = [f"--first-peer={first}", f"--latency={latency_ms}ms"]
            count = min(PEERS_OF_ONE_SIMULATOR, peers - first)
            simulations.append(
                stack.enter_context(simulation(schedulers=0 if first else schedulers, peers=count, options=options))
            )
        for other in simulations[1:]:
            simulations[0].control.list_hosts_of(other.control)
        arguments = [*settings, *(f"--scheduler={each}" for each in simulations[0].scheduler_addresses)]
        log = control_plane.directory / "operator.log"
        started = time.monotonic()
        operator = stack.enter_context(running_operator(control_plane, arguments, log=log))
        ready = Stage(control_plane, simulations, operator, started)
        ready.run("TaskSearch", reason="NotFound", targets=[{"taskID": "0" * 64}])
        yield ready
