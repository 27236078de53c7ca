"""The image as a pod runs it: as its own user, without rights, on a root that can't be written."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from dragonfly_task_operator import __version__
from hack.controlplane.ports import free_port
from hack.controlplane.processes import end, spawn
from hack.controlplane.server import ControlPlane
from hack.demo import world
from hack.image.building import Built
from hack.image.errors import ImageError
from hack.image.rooms import Room
from hack.installation import NAMESPACE, SERVICE_ACCOUNT, install
from hack.kubectl import Kubectl

_PATIENCE = 60.0
_STOP_SECONDS = 10.0
_CONFIG = "/etc-of-the-pod"


def try_out(image: Built, *, python: Path, say: Callable[[str], None]) -> None:
    """Run its commands, and the operator on a real API server and a simulated Dragonfly. Raises ImageError."""
    room = Room(python, shown={"/opt": image.path("opt")})
    for arguments, expected in (
        (["--version"], __version__),
        (["crds"], "kind: CustomResourceDefinition"),
        (["task-id", "--content", "x"], "content"),
        (["run", "--help"], "--leader-elect"),
    ):
        said = _said(image, room, arguments)
        if expected not in said:
            raise ImageError(f"{' '.join(arguments)} does not say {expected!r}: {said[-2000:]}")
        say(f"$ dragonfly-task-operator {' '.join(arguments)}: ok")
    _require_no_rights(image, room)
    with world.dragonfly() as dragonfly:
        _operate(image, room, dragonfly.scheduler_addresses, say)


def _command(image: Built, room: Room, arguments: Sequence[str]) -> list[str]:
    stage = image.stage
    return room.command([*stage.entrypoint, *arguments], environment=stage.environment, user=stage.user)


def _said(image: Built, room: Room, arguments: Sequence[str]) -> str:
    command = _command(image, room, arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    if done.returncode:
        raise ImageError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def _require_no_rights(image: Built, room: Room) -> None:
    """See that the room is what it is said to be: else everything that has run in it proves nothing."""
    writable = "for each in / /tmp /opt/operator /usr; do touch $each/x && echo $each; done"
    script = f"id -u; grep CapEff /proc/self/status; {writable}"
    command = room.command(["sh", "-c", script], environment=image.stage.environment, user=image.stage.user)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    if done.stdout.split() != ["65532", "CapEff:", "0000000000000000"]:
        raise ImageError(f"it runs with more than a pod would have: {done.stdout}{done.stderr}")


def _operate(image: Built, room: Room, schedulers: Sequence[str], say: Callable[[str], None]) -> None:
    """Run the operator, let it search, and stop it."""
    with ExitStack() as stack:
        control_plane = stack.enter_context(ControlPlane())
        kubectl = Kubectl.as_admin(control_plane)
        install(kubectl)
        kubeconfig = image.folder.parent / "kubeconfig"
        shutil.copy(control_plane.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT), kubeconfig)
        kubeconfig.chmod(0o644)
        room.shown[_CONFIG] = kubeconfig
        health, log = free_port(), image.folder.parent / "log"
        arguments = [
            *(image.stage.command or ["run"]),
            f"--kubeconfig={_CONFIG}",
            f"--health-bind-address=127.0.0.1:{health}",
            *(f"--scheduler={address}" for address in schedulers),
        ]
        process = spawn(
            _command(image, room, arguments), log=log, environment={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        )
        stack.callback(end, process, kill=True)
        _wait_until_ready(health, log)
        say("the operator is ready")
        kubectl.must("apply", "-f", world.example("find-model"))
        done = kubectl("wait", "tsearch/find-model", "--for=condition=Finished", f"--timeout={_PATIENCE:.0f}s")
        status = json.loads(kubectl.must("get", "tsearch", "find-model", "-o", "json"))["status"]
        if done.returncode or status["peers"]["caching"] != len(world.MODEL_ON):
            raise ImageError(f"a search did not end as it has to: {status}\n{log.read_text()}")
        say(f"TaskSearch find-model: {status['reason']}, on {status['peers']['caching']} peers")
        began = time.monotonic()
        end(process, patience=_STOP_SECONDS)
        if process.returncode != 0:
            raise ImageError(f"told to stop, it ended with {process.returncode}:\n{log.read_text()}")
        say(f"told to stop, it ended with 0 after {time.monotonic() - began:.1f} s")


def _wait_until_ready(port: int, log: Path) -> None:
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > give_up:
                raise ImageError(f"the operator is not ready ({error}):\n{log.read_text()}") from None
            time.sleep(0.2)
