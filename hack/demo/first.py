"""The first step: `exec`, which needs neither an API server nor anything else that would have to be built."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import yaml

from hack.demo import world
from hack.demo.telling import DemoError, Teller, check, show
from hack.installation import ROOT
from tests.simulator.control import Simulation

_PATIENCE = 60.0
"""Seconds for an `exec` to end, on a machine that is busy with other things, too."""


def without_kubernetes(simulated: Simulation, teller: Teller) -> None:
    """Search for the model and delete it. In the end the peers have it again, as the steps after this one want it."""
    task = world.task_of("find-model")
    teller.tell("Which peers cache this model? Without Kubernetes, by exec:")
    found = _exec(simulated, "find-model")
    holders = {peer["hostname"] for peer in found["tasks"][0].get("cachedBy", ())}
    check(f"found on exactly the {len(world.MODEL_ON)} peers that cache it", holds=holders == world.MODEL_ON)
    teller.tell("Delete it from every peer:")
    deleted = _exec(simulated, "purge-model")
    check("exec: Deleted", holds=deleted["reason"] == "Deleted")
    check("no peer has the model any more", holds=not simulated.control.holders(task))
    simulated.control.caches(task, on=",".join(sorted(world.MODEL_ON)))
    print("  (For what follows, the same peers download it again.)", flush=True)


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
