"""One server process: started until it is ready, paused, stopped, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.processes import end, spawn, tail

_POLL_SECONDS = 0.05


class PortTakenError(ControlPlaneError):
    """Another process listens where the server should; worth another port."""


class Daemon:
    """A server that is ready when `ready` says so, and whose output goes to `log`."""

    def __init__(self, name: str, *, log: Path, ready: Callable[[], bool], patience: float) -> None:
        self._name = name
        self._log = log
        self._ready = ready
        self._patience = patience
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id, or None while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self, command: Sequence[str | Path]) -> None:
        """Start the server and wait until it is ready; does nothing if it runs.

        Raises ControlPlaneError with the end of its log, having stopped it, if it is not ready in time.
        """
        if self.pid is not None:
            return
        self.stop(kill=True)
        # An inherited ETCD_... variable would configure etcd behind our back.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ETCD_")}
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        self._process = spawn(command, log=self._log, environment=inherited)
        try:
            self._await_ready(self._process)
        except BaseException:
            self.stop(kill=True)
            raise

    def stop(self, *, kill: bool = False) -> None:
        """Stop the server and wait for it: SIGTERM and some patience, or SIGKILL at once if `kill`."""
        if self._process is not None:
            self.resume()
            end(self._process, kill=kill)
            self._process = None

    def pause(self) -> None:
        """Freeze the server: its connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._patience
        # It must also live: what answers on a port that was taken is somebody else.
        while not (self._ready() and process.poll() is None):
            end_of_log = tail(self._log, start=self._log_start)
            code = process.poll()
            if code is not None:
                kind = PortTakenError if "address already in use" in end_of_log else ControlPlaneError
                raise kind(
                    f"{self._name} ended with exit code {code} before it was ready;"
                    " mend what the end of its log tells, below",
                    log=end_of_log,
                )
            if time.monotonic() > deadline:
                raise ControlPlaneError(
                    f"{self._name} was not ready within {self._patience:g} s; see the end of its log, below,"
                    " and allow more patience on a busy machine",
                    log=end_of_log,
                )
            time.sleep(_POLL_SECONDS)
