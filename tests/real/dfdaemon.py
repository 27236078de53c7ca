"""One real dfdaemon, its disk, and dfget beside it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc

from hack.controlplane.daemon import Daemon
from hack.controlplane.errors import ControlPlaneError
from tests import calls
from tests.real.binaries import Binaries

UPLOAD_PORT = 4000
PROXY_PORT = 4001
_PORTS = (UPLOAD_PORT, PROXY_PORT)
_LIST_LOCAL_TASKS = "/dfdaemon.v2.DfdaemonDownload/ListLocalTasks"
_READY_SECONDS = 60.0
_CALL_SECONDS = 15.0
_PORT_SECONDS = 75.0
_AGAIN_SECONDS = 2.0
_DFGET_SECONDS = 60.0


class Dfdaemon:
    """A peer with an address of its own, so that every dfdaemon has its usual ports.

    It keeps its storage over a restart, which is not dfdaemon's default.
    """

    def __init__(
        self,
        *,
        name: str,
        ip: str,
        binaries: Binaries,
        directory: Path,
        scheduler: str,
        http_proxy: str,
        no_proxy: str,
        settings: Mapping[str, Any],
    ) -> None:
        self.name = name
        self.ip = ip
        self.target = f"{ip}:{UPLOAD_PORT}"
        self.proxy = f"http://{ip}:{PROXY_PORT}"
        self._binaries = binaries
        self._directory = directory
        self._scheduler = scheduler
        self._environment = [f"http_proxy={http_proxy}", f"no_proxy={no_proxy}"]
        self._begun: list[subprocess.Popen[bytes]] = []
        directory.mkdir()
        own = self._configuration()
        self._write("dfdaemon.yaml", own | {name: own.get(name, {}) | more for name, more in settings.items()})
        self._write("dynconfig.yaml", {"scheduler": {"addrs": [scheduler]}})
        self._daemon = Daemon(name, log=directory / "dfdaemon.log", ready=self._is_ready, patience=_READY_SECONDS)

    @property
    def socket(self) -> Path:
        """Where dfget, and nobody but this machine, can ask it."""
        return self._directory / "dfdaemon.sock"

    @property
    def pid(self) -> int | None:
        """Its process id, or None while it does not run."""
        return self._daemon.pid

    def is_listed(self) -> bool:
        """Whether its scheduler answers and lists it."""
        try:
            return self.name in {host.hostname for host in calls.list_hosts(self._scheduler)}
        except grpc.RpcError:
            return False

    # Its life

    def start(self) -> None:
        """Start it; returns when it serves and its scheduler lists it.

        Its storage port stays taken for a minute after a kill, if others were connected to it
        (docs/dragonfly-behaviour.md): it is started over until the port is free.
        """
        own = self._directory
        files = [f"--config={own}/dfdaemon.yaml", f"--dynconfig={own}/dynconfig.yaml", f"--log-dir={own}/logs"]
        command = ["/usr/bin/env", *self._environment, str(self._binaries.dfdaemon), *files, "--console"]
        give_up = time.monotonic() + _PORT_SECONDS
        while True:
            try:
                return self._daemon.start(command)
            except ControlPlaneError as error:
                if "Address already in use" not in str(error) or time.monotonic() > give_up:
                    raise
                time.sleep(_AGAIN_SECONDS)

    def stop(self) -> None:
        """Stop it in good order: it tells its schedulers."""
        self._daemon.stop()

    def kill(self) -> None:
        """Kill it: nobody is told."""
        self._daemon.stop(kill=True)

    # What it downloads

    def downloads(self, url: str, *options: str, output: Path | None = None) -> str:
        """Download with dfget to the end; returns the id of the one task that it has more than before."""
        before = self.tasks()
        done = self._run_dfget(url, *options, output=output)
        assert done.returncode == 0, f"dfget {url} {options}: {done.stdout}{done.stderr}"
        (task_id,) = self.tasks() - before
        return task_id

    def fails_to_download(self, url: str, *options: str) -> None:
        """Try with dfget what must not succeed."""
        done = self._run_dfget(url, *options, output=None)
        assert done.returncode != 0, f"dfget {url} {options} succeeded: {done.stdout}{done.stderr}"

    def begins_to_download(self, url: str, *options: str) -> subprocess.Popen[bytes]:
        """Start dfget and do not wait for it."""
        dfget = subprocess.Popen(
            self._dfget(url, *options, output=None), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._begun.append(dfget)
        return dfget

    def ends_downloads(self) -> None:
        """Kill what is left of the dfgets that began."""
        for dfget in self._begun:
            dfget.kill()
            dfget.wait()
        self._begun.clear()

    def _run_dfget(self, url: str, *options: str, output: Path | None) -> subprocess.CompletedProcess[str]:
        command = self._dfget(url, *options, output=output)
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DFGET_SECONDS)

    def _dfget(self, url: str, *options: str, output: Path | None) -> list[str]:
        # A name of its own for each: dfget refuses to overwrite a file.
        output = output or self._directory / f"output-{os.urandom(8).hex()}"
        return [
            *(str(self._binaries.dfget), f"--endpoint={self.socket}", "--no-progress"),
            *(f"--output={output}", *options, url),
        ]

    def relays(self, url: str, headers: Mapping[str, str] | None = None) -> bytes:
        """Download through its HTTP proxy, as container engines do; gives the content.

        The URL goes over the wire as it is written. By its rules the proxy makes tasks of image blobs only;
        "X-Dragonfly-Use-P2P: true" makes one of anything.
        """
        connection = http.client.HTTPConnection(self.ip, PROXY_PORT, timeout=_DFGET_SECONDS)
        with contextlib.closing(connection):
            connection.putrequest("GET", url, skip_host=True)
            for name, value in {"Host": urlsplit(url).netloc, **(headers or {})}.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            content = answer.read()
        assert answer.status == 200, f"GET {url} through the proxy of {self.name}: {answer.status} {content[:200]!r}"
        return content

    # What is on its disk

    def tasks(self) -> set[str]:
        """Ids of the tasks whose content is on its disk."""
        return {path.name for path in (self._directory / "storage" / "content" / "tasks").glob("*/*")}

    def remembers(self, task_id: str) -> bool:
        """Whether its metadata has the task, asked where only this machine can: the list of all its tasks."""
        # A dfdaemon refuses the authority that gRPC makes of a socket's path.
        with grpc.insecure_channel(f"unix:{self.socket}", [("grpc.default_authority", "localhost")]) as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_LIST_LOCAL_TASKS)
            return task_id.encode() in call(b"", timeout=_CALL_SECONDS)

    def content(self, task_id: str) -> Path:
        """Where the content of a task is, if it is there."""
        return self._directory / "storage" / "content" / "tasks" / task_id[:3] / task_id

    def _configuration(self) -> dict[str, Any]:
        own = self._directory
        return {
            "host": {"hostname": self.name, "ip": self.ip},
            "server": {"pluginDir": f"{own}/plugins", "cacheDir": f"{own}/cache"},
            "download": {"server": {"socketPath": str(self.socket)}},
            "upload": {"server": {"ip": self.ip, "port": UPLOAD_PORT}},
            "storage": {"dir": f"{own}/storage", "keep": True, "server": {"ip": self.ip}},
            "proxy": {"server": {"ip": self.ip, "port": PROXY_PORT}, "rules": [{"regex": "blobs/sha256.*"}]},
            "health": {"server": {"ip": self.ip}},
            "metrics": {"server": {"ip": self.ip}},
            "stats": {"server": {"ip": self.ip}},
        }

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        (self._directory / name).write_text(json.dumps(content, indent=1))  # JSON is YAML too

    def _is_ready(self) -> bool:
        addresses = [(socket.AF_UNIX, str(self.socket)), *((socket.AF_INET, (self.ip, port)) for port in _PORTS)]
        return all(_accepts(*each) for each in addresses) and self.is_listed()


def _accepts(family: socket.AddressFamily, address: Any) -> bool:
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0
