"""Credentials for registries, out of Secrets, and for which image they are, as kubelets match them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

from pydantic import BaseModel, ValidationError

from dragonfly_task_operator.errors import SecretNotFound

DOCKER_CONFIG = ".dockerconfigjson"
CA = "ca.crt"
DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


class Secrets(Protocol):
    """Where Secrets are read."""

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Read the data of a Secret.

        Raises:
            SecretNotFound: there is none, or it may not be read.
            ImageUnresolvable: the API server can't be asked just now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password; neither is ever shown."""

    username: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The header that logs in with them."""
        return f"Basic {base64.b64encode(f'{self.username}:{self.password}'.encode()).decode()}"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Credentials, each with the images that it is for: HOST[:PORT][/PATH], where parts of the host may be globs."""

    entries: tuple[tuple[str, Credentials], ...] = ()

    def lookup(self, image: str) -> tuple[Credentials, ...]:
        """Give the credentials for an image, HOST[:PORT]/NAME, those for the longest path first.

        The rules are the kubelet's (kubernetes.io/docs/concepts/containers/images): equal ports, as many parts in the
        host, each matching, and a path that the image's path begins with.
        """
        found = [(pattern, each) for pattern, each in self.entries if _matches(pattern, image)]
        return tuple(each for _, each in sorted(found, key=lambda entry: entry[0], reverse=True))


def read_pull_secret(data: Mapping[str, bytes], *, name: str, host: str) -> Keyring:
    """Read a Secret of type kubernetes.io/dockerconfigjson or kubernetes.io/basic-auth.

    Args:
        data: its content.
        name: its namespace and name, for errors.
        host: HOST[:PORT] of the registry that a basic-auth Secret, which names none, is for.

    Raises:
        SecretNotFound: it is neither. Never with anything out of it.
    """
    if DOCKER_CONFIG in data:
        return _read_docker_config(data[DOCKER_CONFIG], name)
    if "username" in data and "password" in data:
        try:
            return Keyring(((host, Credentials(data["username"].decode(), data["password"].decode())),))
        except UnicodeDecodeError:
            raise SecretNotFound(f"the Secret {name} holds a username or a password that is no UTF-8") from None
    raise SecretNotFound(
        f"the Secret {name} holds no credentials for a registry: it has neither {DOCKER_CONFIG} nor username and"
        " password; make it with kubectl create secret docker-registry"
    )


class _Entry(BaseModel):
    auth: str = ""
    username: str = ""
    password: str = ""


class _DockerConfig(BaseModel):
    auths: dict[str, _Entry]


def _read_docker_config(content: bytes, name: str) -> Keyring:
    try:
        auths = _DockerConfig.model_validate_json(content).auths
        entries = tuple((_pattern(key), _credentials(entry)) for key, entry in auths.items())
    except (ValidationError, ValueError):
        # Neither the error nor what it was about is told: both hold the Secret.
        raise SecretNotFound(
            f"{DOCKER_CONFIG} of the Secret {name} is malformed; make it with kubectl create secret docker-registry"
        ) from None
    return Keyring(entries)


def _credentials(entry: _Entry) -> Credentials:
    if not entry.auth:
        return Credentials(entry.username, entry.password)
    try:
        username, _, password = base64.b64decode(entry.auth).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("auth is no base64") from None
    return Credentials(username, password)


def _pattern(key: str) -> str:
    """Write a key of a Docker config without scheme, and without the API's version that old keys end in."""
    host, _, path = key.partition("://")[2].partition("/") if "://" in key else key.partition("/")
    for version in ("v1/", "v2/"):
        path = path.removeprefix(version)
    path = path.strip("/")
    return f"{host.lower()}/{path}" if path else host.lower()


def _matches(pattern: str, image: str) -> bool:
    host, _, path = image.partition("/")
    wanted_host, _, wanted_path = pattern.partition("/")
    if not path.startswith(wanted_path):
        return False
    if wanted_host == host or (wanted_host in DOCKER_HUB and host in DOCKER_HUB):
        return True
    wanted_name, wanted_port = _split(wanted_host)
    name, port = _split(host)
    parts, wanted_parts = name.split("."), wanted_name.split(".")
    return (
        port == wanted_port
        and len(parts) == len(wanted_parts)
        and all(fnmatchcase(part, glob) for part, glob in zip(parts, wanted_parts, strict=True))
    )


def _split(host: str) -> tuple[str, str]:
    name, colon, port = host.rpartition(":")
    return (name, port) if colon and port.isdigit() else (host, "")
