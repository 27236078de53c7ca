"""Operators in processes of their own, several at once: started, watched, frozen and killed."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.controlplane.ports import free_port
from hack.controlplane.processes import end
from hack.controlplane.server import ControlPlane
from hack.installation import NAMESPACE, ROOT, start_operator, stop_operator
from hack.kubectl import Kubectl
from tests.objects import manifest, wait_for

LEASE = "dragonfly-task-operator-leader"


@dataclass(frozen=True, slots=True)
class Replica:
    """One operator process, its probes and metrics, and its log."""

    process: subprocess.Popen[bytes]
    health: str
    metrics_url: str
    log: Path

    def probe(self, path: str) -> tuple[int, str]:
        """Ask as a kubelet does: (HTTP status, text); (0, why) when nothing answers."""
        try:
            with urllib.request.urlopen(f"{self.health}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode().strip()
        except OSError as error:
            return 0, str(error)

    def metrics(self) -> dict[str, float]:
        """Scrape: value by name with labels; none when nothing answers."""
        try:
            with urllib.request.urlopen(self.metrics_url, timeout=2) as answer:
                text = answer.read().decode()
        except OSError:
            return {}
        samples = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}

    @property
    def leads(self) -> bool:
        """Whether it says that it may act, and watches."""
        return self.metrics().get("dragonfly_task_operator_leader") == 1 and self.probe("/readyz")[0] == 200

    def comes_up(self) -> None:
        """Wait until it is ready: as the one that acts, or as the one that stands by."""
        wait_for(lambda: self.probe("/readyz")[0] == 200, what="readiness", seconds=60)

    def freezes(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def wakes(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def dies(self) -> None:
        end(self.process, kill=True)

    def stops(self) -> tuple[int, float]:
        """Stop it as a kubelet does: (exit code, seconds)."""
        began = time.monotonic()
        return stop_operator(self.process), time.monotonic() - began


Start = Callable[..., Replica]


@contextmanager
def replicas(control_plane: ControlPlane, arguments: Sequence[str], directory: Path) -> Iterator[Start]:
    """Give a function that starts one more operator with these arguments, and its own; end all in the end."""
    started: list[Replica] = []

    def start(*more: str) -> Replica:
        health, metrics = free_port(), free_port()
        log = directory / f"operator-{len(started)}.log"
        addresses = [f"--health-bind-address=127.0.0.1:{health}", f"--metrics-bind-address=127.0.0.1:{metrics}"]
        process = start_operator(control_plane, [*arguments, *addresses, *more], log=log)
        replica = Replica(process, f"http://127.0.0.1:{health}", f"http://127.0.0.1:{metrics}/metrics", log)
        started.append(replica)
        return replica

    try:
        yield start
    finally:
        for replica in started:
            replica.dies()


def grant_lease(kubectl: Kubectl) -> None:
    """Give the operator what the overlay for two replicas gives it beyond `deploy/`."""
    built = kubectl.must("kustomize", ROOT / "deploy" / "overlays" / "ha")
    parts = [part for part in built.split("\n---\n") if "kind: Role\n" in part or "kind: RoleBinding\nm" in part]
    assert len(parts) == 2, built
    kubectl.must("apply", "-f", "-", stdin="\n---\n".join(parts))


def no_lease(kubectl: Kubectl) -> None:
    """Forget who led in an earlier test."""
    kubectl.must("delete", "lease", LEASE, "-n", NAMESPACE, "--ignore-not-found")


def deletion(name: str, task: str, **spec: Any) -> dict[str, Any]:
    return manifest("TaskDeletion", name, {"taskID": task}, **spec)


def deleted(kubectl: Kubectl, name: str) -> int:
    """How many peers the status of a deletion says were cleared."""
    status = json.loads(kubectl.must("get", "tdel", name, "-o", "json"))["status"]
    return int((status.get("peers") or {}).get("deleted") or 0)
