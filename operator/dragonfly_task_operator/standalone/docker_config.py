"""Logins for registries out of the file that `docker login` writes: what Secrets are to the operator."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

from dragonfly_task_operator.api.manifests import Manifest
from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.errors import SecretNotFound, SettingsError
from dragonfly_task_operator.oci import sources
from dragonfly_task_operator.oci.authorities import trusting
from dragonfly_task_operator.oci.credentials import Keyring
from dragonfly_task_operator.oci.pull_secrets import read_docker_config


class ByDockerConfig:
    """`oci.access.Access` by a Docker config, whatever Secrets a target names. The system's authorities are trusted.

    Args:
        path: of the file.
        keyring: what it holds; None where there is no such file.
    """

    def __init__(self, path: Path, keyring: Keyring | None) -> None:
        self._path, self._keyring = path, keyring

    async def to(
        self, target: Target, *, host: str, namespace: str, troubled: Troubled
    ) -> tuple[Keyring, ssl.SSLContext]:
        """Give what the file holds. Raises SecretNotFound where a login is asked for, and there is no file."""
        del host, namespace, troubled
        if self._keyring is None and target.pull_secret_ref is not None:
            raise SecretNotFound(
                f"the target names the Secret {target.pull_secret_ref.name}, in whose place a Docker config is read,"
                f" and there is no {self._path}; log in with docker login, or name a file with --docker-config"
            )
        return self._keyring or Keyring(source=sources.docker_config(self._path)), trusting(None, namespace="", name="")


def read(given: Path | None, manifests: Sequence[Manifest], environment: Mapping[str, str]) -> ByDockerConfig:
    """Read the Docker config that was named, or else the user's, if there is one and an image needs it.

    Raises:
        SettingsError: it can't be read, or is none.
    """
    path = given or Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    if given is None and not any(target.image_reference for manifest in manifests for target in manifest.spec.targets):
        return ByDockerConfig(path, None)
    source = sources.docker_config(path)
    try:
        return ByDockerConfig(path, read_docker_config(path.read_bytes(), source.name, source=source))
    except FileNotFoundError as error:
        if given is None:
            return ByDockerConfig(path, None)
        raise SettingsError(f"the Docker config {path} can't be read: {error.strerror}") from None
    except OSError as error:
        raise SettingsError(f"the Docker config {path} can't be read: {error.strerror}") from None
    except SecretNotFound as error:
        raise SettingsError(str(error)) from None
