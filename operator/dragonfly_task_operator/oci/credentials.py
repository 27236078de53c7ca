"""Credentials for registries, and for which image they are, as kubelets match them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol, TypeAlias

from dragonfly_task_operator.oci.sources import PULL_SECRET, Source

DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
"""Names of the one registry."""

_DEFAULT_PORTS = {"https": "443", "http": "80"}


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
    """A name and a password; neither is ever shown. Bytes that are no UTF-8 are in them as Python escapes them."""

    username: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The header that logs in with them."""
        written = f"{self.username}:{self.password}".encode(errors="surrogateescape")
        return f"Basic {base64.b64encode(written).decode()}"

    @property
    def has_stray_space(self) -> bool:
        """Whether white space is around the name or the password, as `echo` leaves a line break behind."""
        return any(word != word.strip() for word in (self.username, self.password))


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """What `docker login` has been given instead of a password: token servers take it as an OAuth 2 refresh token."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RegistryToken:
    """A token that is shown to the registry as it is."""

    token: str = field(repr=False)


Login: TypeAlias = Credentials | IdentityToken | RegistryToken


@dataclass(frozen=True, slots=True)
class Unusable:
    """An entry of a Secret that no login can be made of.

    Attributes:
        pattern: what it is for.
        why: for a person; nothing that it holds.
    """

    pattern: str
    why: str


@dataclass(frozen=True, slots=True)
class Keyring:
    """Logins, each with the images that it is for: HOST[:PORT][/PATH], where parts of the host may be globs.

    Attributes:
        entries: those that can be used.
        unusable: those that can't, to be told of where one of them would have been needed.
        is_given: whether there is a Secret at all.
        source: where they are from, for messages.
    """

    entries: tuple[tuple[str, Login], ...] = ()
    unusable: tuple[Unusable, ...] = ()
    is_given: bool = False
    source: Source = PULL_SECRET

    def lookup(self, image: str, *, scheme: str = "https") -> tuple[Login, ...]:
        """Give the logins for an image, HOST[:PORT]/NAME, those for the longest path first.

        The rules are the kubelet's (kubernetes.io/docs/concepts/containers/images): equal ports, as many parts in the
        host, each matching, and a path that the image's path begins with. The default port of the scheme is none.
        """
        found = [(pattern, each) for pattern, each in self.entries if _matches(pattern, image, scheme)]
        return tuple(each for _, each in sorted(found, key=lambda entry: entry[0], reverse=True))

    def why_not(self, image: str, *, scheme: str = "https") -> str | None:
        """Tell why an entry that is for an image can't be used; None where there is no such entry."""
        return next((each.why for each in self.unusable if _matches(each.pattern, image, scheme)), None)


def is_token(text: str) -> bool:
    """Tell whether a text can be shown as a token in a header."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def as_pattern(key: str) -> str:
    """Write a key of a Docker config without scheme, and without the API's version that old keys end in."""
    bare = key.strip().partition("://")[2] if "://" in key else key.strip()
    host, _, path = bare.partition("?")[0].partition("#")[0].partition("/")
    host = host.rpartition("@")[2].lower()
    name, port = _split(host)
    host = f"{name.rstrip('.')}:{port}" if port else name.rstrip(".")
    for version in ("v1", "v2"):
        path = "" if path == version and host in DOCKER_HUB else path.removeprefix(f"{version}/")
    path = path.strip("/")
    return f"{host}/{path}" if path else host


def _matches(pattern: str, image: str, scheme: str) -> bool:
    host, _, path = image.partition("/")
    wanted_host, _, wanted_path = pattern.partition("/")
    if not path.startswith(wanted_path):
        return False
    (wanted_name, wanted_port), (name, port) = (_split(each) for each in (wanted_host, host))
    default = _DEFAULT_PORTS.get(scheme, "")
    if (wanted_port or default) != (port or default):
        return False
    if wanted_name == name or (wanted_name in DOCKER_HUB and name in DOCKER_HUB):
        return True
    parts, wanted_parts = name.split("."), wanted_name.split(".")
    return len(parts) == len(wanted_parts) and all(
        fnmatchcase(part, glob) for part, glob in zip(parts, wanted_parts, strict=True)
    )


def _split(host: str) -> tuple[str, str]:
    name, colon, port = host.rpartition(":")
    return (name, port) if colon and port.isdigit() else (host, "")
