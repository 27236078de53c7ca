"""The credentials that Kubernetes gives to a pod."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dragonfly_task_operator.errors import SettingsError
from dragonfly_task_operator.kube.credentials import Credentials, Trust

FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")

FRESH_SECONDS = 60.0
"""Kubelets replace the token in the file when a fifth of its life, mostly an hour, is left."""


class ServiceAccount:
    """`credentials.Source` of a pod: the files that the kubelet mounts, read again every FRESH_SECONDS."""

    def __init__(self, *, folder: Path = FOLDER, environment: Mapping[str, str] = os.environ) -> None:
        self._folder, self._environment = folder, environment

    def __str__(self) -> str:
        return "the pod's service account"

    @staticmethod
    def is_there(environment: Mapping[str, str] = os.environ) -> bool:
        """Say whether this process runs in a pod."""
        return bool(environment.get("KUBERNETES_SERVICE_HOST") and environment.get("KUBERNETES_SERVICE_PORT"))

    async def read(self) -> Credentials:
        """Read token and CA. Raises SettingsError."""
        host, port = (self._environment[f"KUBERNETES_SERVICE_{name}"] for name in ("HOST", "PORT"))
        token = self._read("token")
        return Credentials(
            server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
            trust=Trust(ca=self._read("ca.crt")),
            headers=(("Authorization", f"Bearer {token}"),),
            good_for=FRESH_SECONDS,
        )

    def _read(self, name: str) -> str:
        path = self._folder / name
        try:
            content = path.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise SettingsError(f"{self} can't be used: {path} can't be read: {error}") from None
        if not content:
            raise SettingsError(f"{self} can't be used: {path} is empty")
        return content
