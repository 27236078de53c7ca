"""The first step: `exec`, which needs no API server, nor anything but what the operator itself is made of.

So it is there while the rest has yet to be installed and built: `python -m hack.demo.first`.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import yaml

from hack.demo import world
from hack.demo.telling import DemoError, Teller, check, show
from hack.installation import ROOT
from tests.simulator.control import ControlError, Simulation

_PATIENCE = 60.0
"""Seconds for an `exec` to end, on a machine that is busy with other things, too."""


def without_kubernetes(simulated: Simulation, teller: Teller) -> None:
    """Search for the model, and delete it. Raises DemoError."""
    task = world.task_of("find-model")
    teller.tell("Which peers cache this model? Without Kubernetes, by exec:")
    found = _exec(simulated, "find-model")
    holders = {peer["hostname"] for peer in found["tasks"][0].get("cachedBy", ())}
    check(f"found on exactly the {len(world.MODEL_ON)} peers that cache it", holds=holders == world.MODEL_ON)
    teller.tell("Delete it from every peer:")
    deleted = _exec(simulated, "purge-model")
    check("exec: Deleted", holds=deleted["reason"] == "Deleted")
    check("no peer has the model any more", holds=not simulated.control.holders(task))


def _exec(simulated: Simulation, name: str) -> dict[str, Any]:
    """Run an example before the user's eyes, and give its status. Raises DemoError."""
    schedulers = [f"--scheduler={address}" for address in simulated.scheduler_addresses]
    print(f"$ dragonfly-task-operator exec -f examples/{name}.yaml {' '.join(schedulers)}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "dragonfly_task_operator", "exec", "-f", world.example(name), *schedulers],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE,
    )
    show(done.stderr)
    if done.returncode:
        raise DemoError(f"exec ended with {done.returncode}: {done.stdout}")
    status: dict[str, Any] = yaml.safe_load(done.stdout)["status"]
    return status


def main() -> int:
    """Run it; gives the exit code."""
    teller = Teller()
    print("starting Dragonfly (simulated)", flush=True)
    with world.dragonfly() as simulated:
        teller.tell(f"{world.SCHEDULERS} schedulers, {world.PEERS} peers and {world.SEEDS} seed peers are up.")
        try:
            without_kubernetes(simulated, teller)
        except (DemoError, ControlError, subprocess.TimeoutExpired) as error:
            print(f"\nThe demo failed: {error}", file=sys.stderr, flush=True)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
