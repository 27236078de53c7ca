"""The URLs of a registry's API, as far as task ids are made from them: text is kept as the user wrote it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from yarl import URL

from dragonfly_task_operator.api.image_names import ImageName
from dragonfly_task_operator.api.targets import match_manifest_url
from dragonfly_task_operator.errors import InvalidTarget
from dragonfly_task_operator.observability.redaction import redact_url
from dragonfly_task_operator.oci.credentials import DOCKER_HUB
from dragonfly_task_operator.oci.documents import read_digest
from dragonfly_task_operator.oci.locations import as_written, canonical_host

_NO_REGISTRIES = frozenset({"docker.io", "www.docker.io", "hub.docker.com"})


@dataclass(frozen=True, slots=True)
class ManifestURL:
    """The URL of a manifest, in parts.

    Attributes:
        repository: the URL of the repository, as in https://registry.example.com/v2/library/nginx.
        name: of the repository, as in library/nginx.
        reference: a tag or a digest.
        query: with its question mark, or empty. Peers that pull through a mirror put `?ns=` behind each URL.
        aliases: other URLs that peers know the repository by; it is not asked there.
    """

    repository: str
    name: str
    reference: str
    query: str
    aliases: tuple[str, ...] = ()

    @classmethod
    def of(cls, image: str, *, scheme: Callable[[str], str]) -> ManifestURL:
        """Read a name, or the URL of a manifest.

        Args:
            image: which of both it is, its own scheme tells.
            scheme: the scheme of a registry that only a name tells of, by HOST[:PORT].

        Raises:
            InvalidTarget: it is neither.
        """
        if "://" in image:
            return cls.parse(image)
        try:
            name = ImageName.parse(image)
        except ValueError as error:
            raise InvalidTarget(f"{image!r} {error}") from None
        if name.host.lower() not in DOCKER_HUB:
            repository = f"{scheme(name.host)}://{name.host}/v2/{name.repository}"
            return cls(repository, name.repository, name.reference, query="")
        # Proxies know it by the host that containerd's configuration names, mostly the one that no registry is at.
        hosts = dict.fromkeys(("registry-1.docker.io", "index.docker.io", name.host.lower()))
        asked, *aliases = (f"https://{host}/v2/{name.repository}" for host in hosts if host not in _NO_REGISTRIES)
        return cls(asked, name.repository, name.reference, query="", aliases=tuple(aliases))

    @classmethod
    def parse(cls, text: str) -> ManifestURL:
        """Read it. Raises InvalidTarget."""
        match = match_manifest_url(text)
        if match is None:
            raise InvalidTarget(
                f"{redact_url(text)!r} is not the URL of an image's manifest, as in"
                " https://registry.example.com/v2/library/nginx/manifests/1.27"
            )
        repository, name, reference, query = match.groups(default="")
        if ":" in reference and read_digest(reference) != reference:
            raise InvalidTarget(
                f"{redact_url(text)!r} names a manifest by what is no digest: one is sha256: and 64 hex digits in lower"
                " case, or sha512: and 128"
            )
        return cls(repository, name, reference, query)

    @property
    def url(self) -> URL:
        """What to connect to. Raises InvalidTarget."""
        try:
            url = as_written(self.repository)
        except ValueError:
            raise InvalidTarget(
                f"{self.repository} names no host that can be connected to; correct the host of the image"
            ) from None
        if canonical_host(url) in _NO_REGISTRIES:
            raise InvalidTarget(
                f"{url.host} is how images of Docker Hub are named, and no registry answers there; write"
                " https://registry-1.docker.io/v2/… or, where peers pull through it, https://index.docker.io/v2/…"
            )
        return url

    @property
    def is_by_digest(self) -> bool:
        """Whether the reference is a digest."""
        return ":" in self.reference

    @property
    def everywhere(self) -> tuple[ManifestURL, ...]:
        """The same under each URL of the repository, the one that is asked first."""
        return (self, *(replace(self, repository=alias, aliases=()) for alias in self.aliases))

    def manifest(self, reference: str) -> str:
        """Give the URL of a manifest of the same repository."""
        return f"{self.repository}/manifests/{reference}{self.query}"

    def referrers(self, digest: str) -> str:
        """Give the URL of the list of what refers to a manifest."""
        return f"{self.repository}/referrers/{digest}{self.query}"

    def blob(self, digest: str) -> str:
        """Give the URL of a blob."""
        return f"{self.repository}/blobs/{digest}{self.query}"
