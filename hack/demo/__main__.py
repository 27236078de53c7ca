"""The demo's steps in Kubernetes, in the order in which a user would take them. The step before them is `first.py`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.server import ControlPlane
from hack.demo import world
from hack.demo.keeping import STOP, in_background
from hack.demo.stopwatch import Stopwatch, stopwatch
from hack.demo.telling import DemoError, Teller, check, show
from hack.installation import install, running_operator
from hack.kubectl import Kubectl, KubectlError
from tests.registry.real import RealRegistry
from tests.simulator.control import Control, Simulation

FAILURES = r'{range .status.failures[*]}{.hostname}{"\t"}{.reason}{"\t"}{.description}{"\n"}{end}'


class Demo:
    """A user with kubectl, and what they see."""

    def __init__(self, kubectl: Kubectl, dragonfly: Control, watch: Stopwatch, teller: Teller) -> None:
        self._kubectl = kubectl
        self._dragonfly = dragonfly
        self._watch = watch
        self._tell = teller.tell

    def show(self, *arguments: str) -> str:
        """Run kubectl before the user's eyes."""
        print(f"$ kubectl {' '.join(arguments)}", flush=True)
        output = self._kubectl.must(*arguments)
        show(output)
        return output

    def run(self, kind: str, name: str, *, within: float = 10, registry: RealRegistry | None = None) -> dict[str, Any]:
        """Apply an example, wait until it has finished, and give its status.

        Args:
            kind: of the example.
            name: of the example.
            within: seconds that it may take on a machine that is busy with other things, too.
            registry: stands for the example's.
        """
        manifest = world.example(name).read_text()
        if registry is None:
            print(f"$ kubectl apply -f examples/{name}.yaml", flush=True)
        else:
            print(f"$ sed s,{world.REGISTRY},{registry.origin}, examples/{name}.yaml | kubectl apply -f -", flush=True)
            manifest = manifest.replace(world.REGISTRY, registry.origin)
        self._kubectl.must("apply", "-f", "-", stdin=manifest)
        self.show("wait", f"{kind}/{name}", "--for=condition=Finished", "--timeout=60s")
        seconds = self._watch.seconds(name)
        check(f"{name}: finished {seconds:.2f} s after it was applied (at most {within:.0f} s)", holds=seconds < within)
        return dict(self._kubectl.get(kind, name)["status"])

    def search(self) -> None:
        """Search by URL, by task id, and by content."""
        self._tell("Which peers cache these tasks? By URL, by task id, by content:")
        expected = {
            "find-model": world.MODEL_ON,
            "find-by-task-id": frozenset({"n10"}),
            "find-by-content": world.DATASET_ON,
        }
        for name, peers in expected.items():
            status = self.run("tsearch", name)
            found = {peer["hostname"] for task in status["tasks"] for peer in task.get("cachedBy", ())}
            check(f"{name}: found on exactly the {len(peers)} peers that cache it", holds=found == peers)
        self.show("get", "tasksearches")

    def delete(self) -> None:
        """Ask what would be deleted, then delete it."""
        self._tell("What would a deletion of the model delete? Nothing is deleted yet:")
        status = self.run("tdel", "dry-run")
        caching = (reason_of(status), status["peers"]["caching"])
        check("dry-run: eight peers", holds=caching == ("DryRun", len(world.MODEL_ON)))
        check(
            "every one of them still has it",
            holds=self._dragonfly.holders(world.task_of("dry-run")) == world.MODEL_ON,
        )
        self._tell("Delete the model from every peer:")
        status = self.run("tdel", "purge-model")
        counted = (status["peers"]["deleted"], status["peers"]["alreadyAbsent"])
        check("purge-model: Deleted", holds=reason_of(status) == "Deleted")
        having = len(world.MODEL_ON)
        check("purge-model: counts are right", holds=counted == (having, world.PEERS + world.SEEDS - having))
        check("no peer has the model any more", holds=not self._dragonfly.holders(world.task_of("purge-model")))

    def purge_image(self, registry: RealRegistry) -> None:
        """Search for an image, and delete it but for what another image uses."""
        self._tell(f"Which peers have this image? (Docker's registry at {registry.host} stands for the examples'.)")
        world.pull_image(self._dragonfly)
        status = self.run("tsearch", "image-search", registry=registry)
        self.show("get", "tsearch", "image-search", "-o=jsonpath={.status.images[0].summary}")
        having = (status["images"][0]["peersWithAll"], status["images"][0]["peersWithSome"])
        check("image-search: all of it on three peers, some of it on one", holds=having == (len(world.IMAGE_ON), 1))
        self._tell("Delete it, but keep what it shares with a good one:")
        status = self.run("tdel", "image-deletion", registry=registry)
        check("image-deletion: Deleted", holds=reason_of(status) == "Deleted")
        left = [blob for blob in world.IMAGE.blobs if self._dragonfly.holders(blob.hex)]
        check("the shared base layer alone is left", holds=left == [world.BASE])

    def delete_in_vain(self) -> None:
        """Delete where two peers fail, and show what is said of them."""
        self._tell(f"Delete the dataset, while {world.UNREACHABLE} is down and the disk of {world.BROKEN} is broken:")
        world.fall_ill(self._dragonfly)
        status = self.run("tdel", "purge-dataset", within=30)
        self.show("get", "taskdeletions")
        self.show("get", "tdel", "purge-dataset", f"-o=jsonpath={FAILURES}")
        failures = {failure["hostname"]: failure for failure in status.get("failures", ())}
        check("purge-dataset: PeersFailed", holds=reason_of(status) == "PeersFailed")
        check(
            f"exactly {world.UNREACHABLE} is Unreachable and {world.BROKEN} Internal",
            holds={name: failure["reason"] for name, failure in failures.items()}
            == {world.UNREACHABLE: "Unreachable", world.BROKEN: "Internal"},
        )
        check("the peer's own words are told", holds=world.DISK_ERROR in failures[world.BROKEN]["description"])
        check(
            "every other peer is clear",
            holds=self._dragonfly.holders(world.task_of("purge-dataset")) == {world.UNREACHABLE, world.BROKEN},
        )
        self.show("get", "events", "--field-selector=involvedObject.name=purge-dataset")


def reason_of(status: dict[str, Any]) -> str:
    """Give the reason of `Succeeded`."""
    return str(next(condition["reason"] for condition in status["conditions"] if condition["type"] == "Succeeded"))


def wait_for(log: Path, word: str, *, patience: float = 30.0) -> None:
    """Wait until a log has a word. Raises TimeoutError."""
    end = time.monotonic() + patience
    while word not in log.read_text():
        if time.monotonic() > end:
            raise TimeoutError(f"{log} does not say {word} after {patience:.0f} s:\n{log.read_text()}")
        time.sleep(0.1)


def start_registry(stack: ExitStack, folder: Path) -> RealRegistry | None:
    """Start a registry; None, and a line that says how to have one, on a machine where there is none to start."""
    try:
        return stack.enter_context(world.registry(folder))
    except ControlPlaneError as error:
        print(f"the steps with images are left out: {error}", flush=True)
        return None


def demo(hold: Callable[[], None] | None) -> int:
    """Run everything, and give the exit code. `hold` is called at the end, with everything still running."""
    teller = Teller()
    with ExitStack() as stack:
        try:
            print("starting etcd and kube-apiserver, applying deploy/, starting Dragonfly (simulated)", flush=True)
            control_plane = stack.enter_context(ControlPlane())
            kubectl = Kubectl.as_admin(control_plane)
            install(kubectl)
            simulated = stack.enter_context(world.dragonfly())
            settings = [f"--scheduler={address}" for address in simulated.scheduler_addresses]
            registry = start_registry(stack, control_plane.directory / "registry")
            if registry is not None:
                settings.append(f"--registry-allowlist={registry.origin}")
            log = control_plane.directory / "operator.log"
            stack.enter_context(running_operator(control_plane, settings, log=log))
            watch = stack.enter_context(stopwatch(kubectl, "tasksearches", "taskdeletions"))
            user = Demo(kubectl, simulated.control, watch, teller)
            teller.tell(f"{world.SCHEDULERS} schedulers, {world.PEERS} peers and {world.SEEDS} seed peers are up.")
            wait_for(control_plane.directory / "operator.log", "operator.started")
            user.search()
            user.delete()
            if registry is not None:
                user.purge_image(registry)
            user.delete_in_vain()
        except (DemoError, KubectlError, ControlPlaneError, TimeoutError) as error:
            print(f"\nThe demo failed: {error}", file=sys.stderr, flush=True)
            return 1
        print(f"\nAll of it is as it must be, after {teller.seconds:.0f} s.", flush=True)
        if hold is not None:
            tell_how_to_go_on(kubectl, simulated)
            hold()
    return 0


def tell_how_to_go_on(kubectl: Kubectl, simulated: Simulation) -> None:
    """Say how to talk to what is left running, and how to stop it."""
    print(
        f"""
It goes on running. Talk to it:
  export KUBECONFIG={kubectl.kubeconfig}
  {kubectl.binary} get dragonfly-tasks
The operator's log: {kubectl.kubeconfig.parent / "operator.log"}
Heal or harm the simulated peers (tests/simulator/control_server.py lists the verbs):
  curl -d '{{"link": "serving", "on": "{world.UNREACHABLE}"}}' {simulated.url}/becomes
Stop it:
  kill {os.getpid()}""",
        flush=True,
    )


def main() -> int:
    """Run the demo; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hack.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it running in the background")
    keep = parser.parse_args().keep
    for number in STOP:
        # An orderly end, which leaves nothing running, also for who is not at a terminal.
        signal.signal(number, _leave)
    return in_background(demo) if keep else demo(None)


def _leave(number: int, _frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
