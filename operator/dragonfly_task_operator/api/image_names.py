"""How Docker and containerd name images: `nginx:1.27`, `localhost:5000/team/app`, `ghcr.io/org/app@sha256:…`.

The grammar and the rules for what a short name stands for are those of github.com/distribution/reference, which both
use (docs/adr/0012-image-names.md). It is held twice, here and in CEL rules of the schema, by one expression. Nothing
here knows where a registry is or how it is asked: that is `oci`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DOCKER_HUB = "docker.io"
_LEGACY_DOCKER_HUB = "index.docker.io"
_OFFICIAL = "library/"
_DEFAULT_TAG = "latest"
MAX_REPOSITORY = 255
"""Characters of a repository's name."""

_ALPHANUMERIC = "[a-z0-9]+"
_COMPONENT = f"{_ALPHANUMERIC}(?:(?:[._]|__|-+){_ALPHANUMERIC})*"
_NAMESPACE = f"{_ALPHANUMERIC}(?:(?:_|__|-+){_ALPHANUMERIC})*"  # with a dot in it, it would be a host
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_TAG = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = "sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"
_NAME = (
    f"^((?:{_HOST}/{_COMPONENT}|{_NAMESPACE}/{_COMPONENT})(?:/{_COMPONENT})*|{_COMPONENT})"
    f"(?::({_TAG}))?(?:@({_DIGEST}))?$"
)
_ID = "^[0-9a-f]{64}$"

_IS_URL = "is the name of an image, as in nginx:1.27: give the URL of a manifest as imageManifestURL"
_IS_ID = "is the name of an image, as in nginx:1.27: 64 hex digits are no name; give the id of a task as taskID"
_UPPER_CASE = "is no name of an image: the repository's name and a digest must be in lower case"
_NO_NAME = (
    "is no name of an image (invalid reference format): give one as docker pull takes it, as in nginx:1.27,"
    " registry.example.com:5000/team/app:1.8 or nginx@sha256:<64 hex digits>"
)
_TOO_LONG = f"is no name of an image: the repository's name has more than {MAX_REPOSITORY} characters"


def _cel(pattern: str) -> str:
    return pattern.replace("\\", "\\\\")


def name_rules(field: str) -> tuple[tuple[str, str], ...]:
    """Give the CEL rules that a text must pass to be the name of an image, each with its message."""
    name = _cel(_NAME)
    return (
        ("!self.contains('://')", f"{field} {_IS_URL}"),
        (f"!self.matches('{_ID}')", f"{field} {_IS_ID}"),
        (f"self.matches('{name}') || !self.lowerAscii().matches('{name}')", f"{field} {_UPPER_CASE}"),
        (f"self.lowerAscii().matches('{name}')", f"{field} {_NO_NAME}"),
    )


@dataclass(frozen=True, slots=True)
class ImageName:
    """The name of an image, with all that a short one leaves out.

    Attributes:
        host: HOST[:PORT] of the registry, as it was written; `docker.io` for Docker Hub.
        repository: as in library/nginx.
        reference: a tag or a digest. Where both were given it is the digest, as for Docker and containerd.
    """

    host: str
    repository: str
    reference: str

    @classmethod
    def parse(cls, text: str) -> ImageName:
        """Read it. Raises ValueError with what is wrong, to go behind the name of a field."""
        if "://" in text:
            raise ValueError(_IS_URL)
        if re.fullmatch(_ID.strip("^$"), text):
            raise ValueError(_IS_ID)
        pattern = re.compile(_NAME.replace("$", r"\Z"))  # Python's `$` would let a final newline pass
        match = pattern.search(text)
        if match is None:
            lower = text if not text.isascii() else text.lower()
            raise ValueError(_UPPER_CASE if pattern.search(lower) else _NO_NAME)
        name, tag, digest = match.groups()
        host, repository = _split(name)
        if len(repository) > MAX_REPOSITORY:
            raise ValueError(_TOO_LONG)
        return cls(host, repository, digest or tag or _DEFAULT_TAG)


def _split(name: str) -> tuple[str, str]:
    """Part host and repository: what comes before the first slash is a host if it could not be a namespace."""
    first, _, rest = name.partition("/")
    if not rest or not (first == "localhost" or any(sign in first for sign in ".:") or first != first.lower()):
        host, repository = DOCKER_HUB, name
    else:
        host, repository = first, rest
    if host.lower() in {DOCKER_HUB, _LEGACY_DOCKER_HUB}:
        host = DOCKER_HUB
        repository = repository if "/" in repository else _OFFICIAL + repository
    return host, repository
