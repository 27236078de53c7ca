"""One etcd and one kube-apiserver on loopback ports, for as long as a `with` block runs.

There is no controller manager: owned objects are not garbage collected, namespaces do not finish deleting,
and no ServiceAccount appears by itself. TokenRequest works and RBAC is real, so a test can run the operator
with exactly the rights it will have. All of it is synchronous; asynchronous tests call it in a thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hack.controlplane.assets import Assets, resolve
from hack.controlplane.client import answers_ok, request_json
from hack.controlplane.commands import apiserver_command, etcd_command
from hack.controlplane.credentials import kubeconfig_text, make_signing_key, write_private
from hack.controlplane.daemon import Daemon, PortTakenError
from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.ports import free_port

_PORT_ATTEMPTS = 5


class ControlPlane:
    """A control plane that runs from `start` to `stop`; as a context manager, inside the block.

    `directory` keeps everything (data, keys, logs, kubeconfigs) and outlasts the run; a later run goes on
    from it, at another address. Without it a temporary one is made, and removed at the end. `apiserver_flags`
    come after the flags set here, so they win. `patience` bounds, in seconds, each wait for a server to be
    ready.

    The servers die with this process, however it dies. ControlPlaneError with the end of its log is raised
    when one does not come up.
    """

    def __init__(
        self,
        *,
        assets: Assets | None = None,
        directory: Path | None = None,
        apiserver_flags: Sequence[str] = (),
        patience: float = 90.0,
    ) -> None:
        self.assets = assets or resolve()
        self._given_directory = directory
        self._apiserver_flags = tuple(apiserver_flags)
        self._patience = patience
        self._token = ""
        self._etcd_port = self._apiserver_port = 0
        self._names = itertools.count(1)
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start both servers; returns when the API server is ready and has made its namespaces."""
        with contextlib.ExitStack() as undo:
            self.directory = undo.enter_context(self._own_directory())
            self._token = self._write_secrets()
            self._etcd = self._daemon("etcd", ready=self._etcd_is_ready)
            undo.callback(self._etcd.stop, kill=self._given_directory is None)
            self._apiserver = self._daemon("kube-apiserver", ready=self._apiserver_is_ready)
            undo.callback(self._apiserver.stop, kill=self._given_directory is None)
            self._start_on_free_port(self._start_etcd)
            self._start_on_free_port(self._start_new_apiserver)
            self._write_kubeconfig(self.admin_kubeconfig, token=self._token, namespace="default")
            self._undo = undo.pop_all()

    def stop(self) -> None:
        """Stop both servers and remove a temporary directory; does nothing the second time."""
        self._undo.close()

    @property
    def url(self) -> str:
        """Where the API server listens; restarts do not change it."""
        return f"https://127.0.0.1:{self._apiserver_port}"

    @property
    def etcd_url(self) -> str:
        """Where etcd listens, for whoever wants to know how it fares; its /metrics are there, too."""
        return f"http://127.0.0.1:{self._etcd_port}"

    @property
    def ca(self) -> Path:
        """The certificates, in PEM, to verify the API server with."""
        return self.directory / "certificates" / "apiserver.crt"

    @property
    def admin_kubeconfig(self) -> Path:
        """A kubeconfig of a user in the group system:masters, whom nothing is denied."""
        return self.directory / "admin.kubeconfig"

    @property
    def pids(self) -> dict[str, int | None]:
        """The process ids of etcd and kube-apiserver, for measurements; None for one that does not run."""
        return {"etcd": self._etcd.pid, "kube-apiserver": self._apiserver.pid}

    def kubeconfig(self, token: str, *, namespace: str = "default") -> Path:
        """Write a new kubeconfig that verifies the server and presents a bearer token; returns its path."""
        path = self.directory / f"user-{next(self._names)}.kubeconfig"
        return self._write_kubeconfig(path, token=token, namespace=namespace)

    def service_account_kubeconfig(self, namespace: str, name: str, *, seconds: int = 86_400) -> Path:
        """Write a kubeconfig of a ServiceAccount that exists, with a token for `seconds`, 600 at least."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        wanted = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        return self.kubeconfig(self.request("POST", path, wanted)["status"]["token"], namespace=namespace)

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Ask the API server as admin, in JSON: for setting the stage, not for what is under test."""
        return request_json(method, f"{self.url}{path}", body, ca=self.ca, token=self._token)

    def stop_apiserver(self, *, kill: bool = False) -> None:
        """Stop the API server, gracefully or by kill -9; etcd and the data stay."""
        self._apiserver.stop(kill=kill)

    def start_apiserver(self) -> None:
        """Start the API server again, where it was; returns when it is ready. Does nothing if it runs."""
        self._apiserver.start(
            apiserver_command(
                self.assets.kube_apiserver,
                port=self._apiserver_port,
                etcd_port=self._etcd_port,
                certificates=self.ca.parent,
                tokens=self.directory / "tokens.csv",
                signing_key=self.directory / "service-account.key",
                more=self._apiserver_flags,
            )
        )

    def restart_apiserver(self, *, kill: bool = False) -> None:
        """Stop the API server and start it again, where it was; returns when it is ready."""
        self.stop_apiserver(kill=kill)
        self.start_apiserver()

    def pause_apiserver(self) -> None:
        """Freeze the API server: connections are accepted and stay open, nothing answers."""
        self._apiserver.pause()

    def resume_apiserver(self) -> None:
        """Let the frozen API server go on."""
        self._apiserver.resume()

    def pause_etcd(self) -> None:
        """Freeze etcd: watches stay open in silence, what needs the store hangs."""
        self._etcd.pause()

    def resume_etcd(self) -> None:
        """Let the frozen etcd go on."""
        self._etcd.resume()

    def back_up(self) -> Path:
        """Copy the store as it is now; returns where to. It is frozen meanwhile."""
        backup = self.directory / f"backup-{next(self._names)}"
        self.pause_etcd()
        try:
            shutil.copytree(self._store, backup)
        finally:
            self.resume_etcd()
        return backup

    def restore(self, backup: Path) -> None:
        """Put a copy of the store back and start both servers, where they were: resourceVersions go back with it."""
        self.stop_apiserver(kill=True)
        self._etcd.stop(kill=True)
        shutil.rmtree(self._store)
        shutil.copytree(backup, self._store)
        self._run_etcd()
        self.start_apiserver()

    @property
    def _store(self) -> Path:
        return self.directory / "etcd"

    @contextlib.contextmanager
    def _own_directory(self) -> Iterator[Path]:
        directory = self._given_directory
        if directory is None:
            # Servers that are being killed may still write: what cannot be removed is left to the system.
            temporary = Path(tempfile.mkdtemp(prefix="controlplane-"))
            try:
                yield temporary
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            return
        directory = directory.absolute()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (directory / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ControlPlaneError(
                    f"another control plane runs in {directory}; stop it, or choose another directory"
                ) from error
            yield directory

    def _write_secrets(self) -> str:
        """Make the keys and tokens that the directory lacks; returns the admin's token."""
        key, tokens = self.directory / "service-account.key", self.directory / "tokens.csv"
        if not key.exists():
            write_private(key, make_signing_key())
        if not tokens.exists():
            write_private(tokens, f'{secrets.token_urlsafe(32)},admin,admin,"system:masters"\n')
        return tokens.read_text(encoding="utf-8").partition(",")[0]

    def _write_kubeconfig(self, path: Path, *, token: str, namespace: str) -> Path:
        text = kubeconfig_text(
            url=self.url, certificate_authority=self.ca.read_bytes(), token=token, namespace=namespace
        )
        return write_private(path, text)

    def _daemon(self, name: str, *, ready: Callable[[], bool]) -> Daemon:
        return Daemon(name, log=self.directory / f"{name}.log", ready=ready, patience=self._patience)

    def _start_on_free_port(self, start: Callable[[], None]) -> None:
        """Try again when another process took the port after it was chosen."""
        for _ in range(_PORT_ATTEMPTS - 1):
            with contextlib.suppress(PortTakenError):
                return start()
        return start()

    def _start_etcd(self) -> None:
        self._etcd_port = free_port()
        self._run_etcd()

    def _run_etcd(self) -> None:
        self._etcd.start(etcd_command(self.assets.etcd, data=self._store, port=self._etcd_port))

    def _start_new_apiserver(self) -> None:
        self._apiserver_port = free_port()
        self.start_apiserver()

    def _etcd_is_ready(self) -> bool:
        return answers_ok(f"{self.etcd_url}/health")

    def _apiserver_is_ready(self) -> bool:
        """Ready, and past its start hooks that make the namespaces, which /readyz does not wait for."""
        return all(
            answers_ok(f"{self.url}{path}", ca=self.ca, token=self._token)
            for path in ("/readyz", "/api/v1/namespaces/default")
        )
