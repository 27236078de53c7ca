"""The commands `python -m hack.controlplane build`, `env`, `tools` and `run`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from hack.controlplane.assets import resolve
from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.processes import say, tail
from hack.controlplane.programs import tool
from hack.controlplane.server import ControlPlane

_POLL_SECONDS = 0.5


def main() -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hack.controlplane", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build what is missing and print the folder of the servers' programs")
    commands.add_parser("env", help="the same, printed as variables for a shell")
    commands.add_parser("tools", help="build helm and promtool, which tests use, and print them in the same way")
    run = commands.add_parser("run", help="run a control plane until SIGINT or SIGTERM")
    run.add_argument("--dir", type=Path, help="keep its data here and go on from them; else nothing is kept")
    arguments = parser.parse_args()
    try:
        if arguments.command == "run":
            _run(arguments.dir)
        elif arguments.command == "tools":
            print(f"HELM={tool('helm')}\nPROMTOOL={tool('promtool')}")
        else:
            assets = resolve()
            if arguments.command == "build":
                print(assets.folder)
            else:
                print(f"KUBEBUILDER_ASSETS={assets.folder}\nKUBECTL={assets.kubectl}")
    except ControlPlaneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _run(directory: Path | None) -> None:
    """Run until a signal asks to stop, or a server ends by itself, which is an error."""
    # Set by hand, for a shell that starts this in the background has SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    started = time.monotonic()
    with ControlPlane(directory=directory) as controlplane:
        try:
            say(f"ready in {time.monotonic() - started:.1f} s at {controlplane.url}; stop it with Ctrl-C")
            print(f"KUBECONFIG={controlplane.admin_kubeconfig}", flush=True)
            while all(controlplane.pids.values()):
                time.sleep(_POLL_SECONDS)
            name = next(name for name, pid in controlplane.pids.items() if pid is None)
            raise ControlPlaneError(
                f"{name} ended by itself; see the end of its log below, and run this again",
                log=tail(controlplane.directory / f"{name}.log"),
            )
        except KeyboardInterrupt:
            say("stopping")
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
