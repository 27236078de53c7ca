"""One repository of a registry: logging in, trying again, and content whose digest is what it should be."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus

from yarl import URL

from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.errors import ImageUnresolvable
from dragonfly_task_operator.oci.addresses import origin
from dragonfly_task_operator.oci.credentials import Keyring
from dragonfly_task_operator.oci.documents import Document, has_digest, read_digest, read_document
from dragonfly_task_operator.oci.locations import as_written, is_same_server
from dragonfly_task_operator.oci.logging_in import Entrance
from dragonfly_task_operator.oci.media_types import ACCEPT, INDEX
from dragonfly_task_operator.oci.retrying import persistently
from dragonfly_task_operator.oci.statuses import require_ok
from dragonfly_task_operator.oci.transport import Answer, Transport
from dragonfly_task_operator.oci.urls import ManifestURL

_NO_LISTING = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.GONE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
"""What registries that can't list referrers answer to whoever asks."""


class Missing(ImageUnresolvable):
    """The registry says that it has no such manifest or blob."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A manifest or index. `size`: bytes."""

    digest: str
    size: int
    document: Document


class Repository:
    """What can be asked of the repository that a manifest's URL names."""

    def __init__(self, at: ManifestURL, transport: Transport, keyring: Keyring, troubled: Troubled) -> None:
        self.at = at
        self._url = at.url
        self._entrance = Entrance(self._url, at.name, transport, keyring)
        self._troubled = troubled
        self._source = keyring.source

    async def manifest(self, reference: str) -> Fetched:
        """Fetch a manifest or index by tag or digest. Raises RegistryDenied, ImageUnresolvable: Missing, Unreadable."""
        answer = await self._get(self.at.manifest(reference), ACCEPT)
        # What is no digest says nothing: registries and what stands before them write many things there.
        promised = reference if ":" in reference else read_digest(answer.headers.get("Docker-Content-Digest", ""))
        digest = promised or f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        document = read_document(
            answer.body, content_type=answer.headers.get("Content-Type", ""), what=self._what(answer, reference)
        )
        self._verify(answer, digest, reference)
        return Fetched(digest, len(answer.body), document)

    async def page(self, url: str) -> Answer | None:
        """Fetch a page of a list; None where the registry has none. Raises RegistryDenied, ImageUnresolvable."""
        answer = await self._get(url, INDEX, absent=_NO_LISTING)
        return None if answer.status in _NO_LISTING else answer

    async def blob(self, digest: str) -> bytes:
        """Fetch a small blob. Raises RegistryDenied, ImageUnresolvable."""
        answer = await self._get(self.at.blob(digest), "*/*")
        self._verify(answer, digest, digest)
        return answer.body

    def _what(self, answer: Answer, reference: str) -> str:
        return f"what {self._who(answer)} serves as {self.at.name} {reference}"

    def _who(self, answer: Answer) -> str:
        """Name who has answered, and who sent there."""
        if is_same_server(answer.url, self._url):
            return origin(self._url)
        return f"{origin(answer.url)}, where {origin(self._url)} sends whoever asks for {self.at.name},"

    def _verify(self, answer: Answer, digest: str, reference: str) -> None:
        if not has_digest(answer.body, digest):
            raise ImageUnresolvable(
                f"{self._what(answer, reference)} has another digest than it should have: the registry, or something on"
                " the way to it, changes content; check the registry"
            )

    async def _get(self, url: str, accept: str, *, absent: Collection[int] = ()) -> Answer:
        """Get a URL. An answer with one of the statuses in `absent` is one; any other but 200 raises."""
        return await persistently(lambda: self._get_once(as_written(url), accept, absent), troubled=self._troubled)

    async def _get_once(self, url: URL, accept: str, absent: Collection[int]) -> Answer:
        answer = await self._entrance.get(url, accept)
        if answer.status in absent:
            return answer
        if answer.status == HTTPStatus.NOT_FOUND:
            # Of what the registry itself has and storage behind it lacks, nobody says that it is not there.
            raise self._missing(answer, url) if self._is_of_registry(answer, url) else self._lost(answer)
        require_ok(answer, self._who(answer), is_known=self._entrance.is_known, source=self._source)
        return answer

    def _is_of_registry(self, answer: Answer, url: URL) -> bool:
        """Tell whether a registry has answered: this one, or another one to which it sends who asks for manifests."""
        there, here = (each.raw_path.rpartition("/manifests/") for each in (answer.url, url))
        return is_same_server(answer.url, self._url) or ("/v2/" in there[0] and there[1:] == here[1:])

    def _lost(self, answer: Answer) -> ImageUnresolvable:
        return ImageUnresolvable(f"{self._who(answer)} has nothing there; check the storage behind the registry")

    def _missing(self, answer: Answer, url: URL) -> Missing:
        hint = f"; some registries answer so for what is private: if it is, {self._source.give}"
        could_be_known = is_same_server(answer.url, self._url) and not self._entrance.is_known
        return Missing(
            f"{self._who(answer)} has no {url.path}; check the name and the tag or digest of the image"
            f"{hint if could_be_known else ''}"
        )
