"""A real registry (CNCF Distribution's `registry`), and an image in it for each platform."""

from __future__ import annotations

import hashlib
import json
import secrets
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hack.controlplane.client import answers_ok
from hack.controlplane.daemon import Daemon

PORT = 5000
_READY_SECONDS = 60.0
_OCI = "application/vnd.oci.image"
_INDEX = f"{_OCI}.index.v1+json"
_MANIFEST = f"{_OCI}.manifest.v1+json"


@dataclass(frozen=True, slots=True)
class Image:
    """What was pushed. `blobs` are the digests of configs and layers, by platform."""

    url: str
    """Of the index, by tag."""
    repository: str
    """The URL that its blobs and manifests are under."""
    blobs: Mapping[str, Sequence[str]]


class Registry:
    """A registry that anybody may push to, over plain HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    @classmethod
    @contextmanager
    def running(cls, program: Path, *, ip: str, directory: Path) -> Iterator[Self]:
        """Run it while the context lasts."""
        directory.mkdir()
        configuration = directory / "config.yaml"
        storage = {"filesystem": {"rootdirectory": f"{directory}/storage"}}
        configuration.write_text(
            json.dumps({"version": "0.1", "storage": storage, "http": {"addr": f"{ip}:{PORT}"}}, indent=1)
        )
        url = f"http://{ip}:{PORT}"
        daemon = Daemon(
            "registry", log=directory / "log", ready=lambda: answers_ok(f"{url}/v2/"), patience=_READY_SECONDS
        )
        daemon.start([program, "serve", configuration])
        try:
            yield cls(url)
        finally:
            daemon.stop()

    def pushes(self, name: str, *, platforms: Sequence[str] = ("linux/amd64", "linux/arm64")) -> Image:
        """Push an image of new content, tagged `latest`: an index of one manifest for each platform."""
        repository = f"{self.url}/v2/{name}"
        manifests, blobs = [], {}
        for platform in platforms:
            system, architecture = platform.split("/")
            described = {"os": system, "architecture": architecture, "created by": secrets.token_hex()}
            config = self._push_blob(repository, json.dumps(described).encode())
            layers = [self._push_blob(repository, secrets.token_bytes(10_000)) for _ in range(2)]
            manifest = {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": config | {"mediaType": f"{_OCI}.config.v1+json"},
                "layers": [layer | {"mediaType": f"{_OCI}.layer.v1.tar"} for layer in layers],
            }
            pushed = self._push_manifest(repository, manifest)
            manifests.append(pushed | {"platform": {"os": system, "architecture": architecture}})
            blobs[platform] = [each["digest"] for each in (config, *layers)]
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
        self._push_manifest(repository, index, reference="latest")
        return Image(f"{repository}/manifests/latest", repository, blobs)

    def _push_blob(self, repository: str, content: bytes) -> dict[str, Any]:
        digest = _digest(content)
        with _send("POST", f"{repository}/blobs/uploads/", b"") as begun:
            location = begun.headers["Location"]
        separator = "&" if "?" in location else "?"
        _send("PUT", f"{location}{separator}digest={digest}", content, "application/octet-stream").close()
        return {"digest": digest, "size": len(content)}

    def _push_manifest(self, repository: str, manifest: dict[str, Any], *, reference: str = "") -> dict[str, Any]:
        content = json.dumps(manifest).encode()
        media_type, digest = manifest["mediaType"], _digest(content)
        _send("PUT", f"{repository}/manifests/{reference or digest}", content, media_type).close()
        return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _send(method: str, url: str, content: bytes, media_type: str = "application/octet-stream") -> Any:
    request = urllib.request.Request(url, data=content, method=method, headers={"Content-Type": media_type})
    return urllib.request.urlopen(request, timeout=30)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
