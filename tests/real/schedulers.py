"""The one scheduler of a real Dragonfly: Dragonfly's own where it is given, otherwise the simulator's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import grpc

from hack.controlplane.daemon import Daemon
from tests import calls
from tests.simulator.control import Simulation, simulation

_PORT = 8002
_READY_SECONDS = 60.0


class Scheduler(Protocol):
    """A scheduler at `target` that forgets everything when it goes down, as Dragonfly's does."""

    target: str

    def answers(self) -> bool:
        """Whether it serves."""

    def goes_down(self) -> None:
        """Stop, as a process that is killed."""

    def comes_back(self) -> None:
        """Serve at the same address, knowing nobody."""


@contextmanager
def running(program: Path | None, *, ip: str, directory: Path) -> Iterator[Scheduler]:
    """Run a scheduler while the context lasts. It is Dragonfly's own where its `program` is given."""
    if program is None:
        with simulation(schedulers=1, peers=0) as simulator:
            yield _SimulatedScheduler(simulator)
        return
    scheduler = _RealScheduler(program, ip=ip, directory=directory)
    scheduler.comes_back()
    try:
        yield scheduler
    finally:
        scheduler.goes_down()


class _Answering:
    target: str

    def answers(self) -> bool:
        try:
            calls.list_hosts(self.target)
        except grpc.RpcError:
            return False
        return True


class _SimulatedScheduler(_Answering):
    def __init__(self, simulator: Simulation) -> None:
        (self.target,) = simulator.scheduler_addresses
        self._control = simulator.control

    def goes_down(self) -> None:
        self._control.goes_down("schedulers")

    def comes_back(self) -> None:
        self._control.restarts()


class _RealScheduler(_Answering):
    def __init__(self, program: Path, *, ip: str, directory: Path) -> None:
        directory.mkdir()
        self.target = f"{ip}:{_PORT}"
        address = {"listenIP": ip, "advertiseIP": ip, "port": _PORT, "advertisePort": _PORT, "host": "scheduler"}
        folders = {"logDir": f"{directory}/logs", "pluginDir": f"{directory}/plugins"}
        configuration = directory / "scheduler.yaml"
        configuration.write_text(json.dumps({"server": address | folders, "job": {"enable": False}}, indent=1))
        # The dynconfig file is written by the scheduler itself, with its defaults.
        files = [f"--config={configuration}", f"--dynconfig={directory}/dynconfig.yaml"]
        self._command: list[str | Path] = [program, *files, "--console"]
        self._daemon = Daemon("scheduler", log=directory / "log", ready=self.answers, patience=_READY_SECONDS)

    def goes_down(self) -> None:
        self._daemon.stop(kill=True)

    def comes_back(self) -> None:
        self._daemon.stop(kill=True)
        self._daemon.start(self._command)
