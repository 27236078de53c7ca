"""A real registry on loopback, and a pusher for it. Standard library only, and synchronous."""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hack.controlplane.ports import free_port
from hack.controlplane.processes import end, spawn
from hack.registry import find
from tests.registry.image import Image
from tests.registry.login import PASSWORD, USER

_HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuusZOrpeeR44HFdy9XZYJJfG3Cer.8VNe\n"
_READY_SECONDS = 20.0


@dataclass(frozen=True)
class RealRegistry:
    """`ca`: the file with the authority of its certificate, if it has one. `locked`: it wants a name and a password."""

    host: str
    ca: Path | None
    locked: bool

    @property
    def origin(self) -> str:
        return f"{'https' if self.ca else 'http'}://{self.host}"

    def url(self, name: str, reference: str) -> str:
        return f"{self.origin}/v2/{name}/manifests/{reference}"

    def push(self, image: Image, name: str, tag: str) -> None:
        """Push as any client does: blobs, manifests by digest, and the root by its tag."""
        repository = f"{self.origin}/v2/{name}"
        for blob in image.blobs:
            location = self._ask("POST", f"{repository}/blobs/uploads/").headers["Location"]
            separator = "&" if "?" in location else "?"
            self._ask("PUT", f"{location}{separator}digest={blob.digest}", blob.body, "application/octet-stream")
        for manifest in image.manifests:
            self._ask("PUT", f"{repository}/manifests/{manifest.digest}", manifest.body, manifest.media_type)
        self._ask("PUT", f"{repository}/manifests/{tag}", image.root.body, image.root.media_type)

    def _ask(self, method: str, url: str, body: bytes = b"", media_type: str | None = None) -> Any:
        request = urllib.request.Request(url, data=body if method != "GET" else None, method=method)
        if media_type is not None:
            request.add_header("Content-Type", media_type)
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self.ca is not None:
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(self.ca))))
        if self.locked:
            passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
            passwords.add_password(None, self.origin, USER, PASSWORD, is_authenticated=True)
            handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
        with urllib.request.build_opener(*handlers).open(request, timeout=10) as answer:
            answer.read()
            return answer

    def wait(self) -> None:
        """Wait until it serves. Raises TimeoutError."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                self._ask("GET", f"{self.origin}/v2/")
            except urllib.error.HTTPError:
                raise
            except OSError as error:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the registry at {self.origin} does not serve: {error}") from error
                time.sleep(0.05)
            else:
                return


@contextmanager
def real_registry(
    folder: Path,
    *,
    ip: str = "127.0.0.1",
    locked: bool = False,
    certificate: Path | None = None,
    ca: Path | None = None,
) -> Iterator[RealRegistry]:
    """Run Docker's registry while the context lasts.

    Args:
        folder: where it may keep things.
        ip: where it listens, at a free port.
        locked: whether it wants `USER` and `PASSWORD`.
        certificate: a file with its key and certificates; None for plain http.
        ca: a file with the authority that signed them.

    Raises:
        ControlPlaneError: there is no such program. TimeoutError: it does not serve.
    """
    folder.mkdir(parents=True, exist_ok=True)
    host = f"{ip}:{free_port()}"
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "content")}},
        "http": {"addr": host},
    }
    if certificate is not None:
        config["http"]["tls"] = {"certificate": str(certificate), "key": str(certificate)}
    if locked:
        (folder / "htpasswd").write_text(_HTPASSWD)
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    # JSON is YAML.
    (folder / "config.yml").write_text(json.dumps(config))
    process = spawn([find(), "serve", folder / "config.yml"], log=folder / "registry.log", environment=os.environ | {})
    try:
        registry = RealRegistry(host, ca, locked)
        registry.wait()
        yield registry
    finally:
        end(process)
