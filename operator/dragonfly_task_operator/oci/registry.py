"""One repository of a registry: logging in, trying again, and content whose digest is what it should be."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from ipaddress import ip_address
from urllib.request import parse_http_list, parse_keqv_list

from pydantic import BaseModel, ValidationError
from yarl import URL

from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.errors import ImageUnresolvable, RegistryDenied
from dragonfly_task_operator.oci.addresses import origin
from dragonfly_task_operator.oci.credentials import DOCKER_HUB, Credentials, Keyring
from dragonfly_task_operator.oci.documents import Document, has_digest, read_digest, read_document
from dragonfly_task_operator.oci.media_types import ACCEPT
from dragonfly_task_operator.oci.retrying import persistently
from dragonfly_task_operator.oci.transport import Answer, Transport
from dragonfly_task_operator.oci.urls import ManifestURL

_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class Missing(ImageUnresolvable):
    """The registry says that it has no such manifest or blob."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A manifest or index. `size`: bytes."""

    digest: str
    size: int
    document: Document


class _Token(BaseModel):
    token: str = ""
    access_token: str = ""


class Repository:
    """What can be asked of the repository that a manifest's URL names."""

    def __init__(self, at: ManifestURL, transport: Transport, keyring: Keyring, troubled: Troubled) -> None:
        self._at = at
        self._url = at.url
        self._transport = transport
        self._keyring = keyring
        self._troubled = troubled
        self._authorization: str | None = None

    async def manifest(self, reference: str) -> Fetched:
        """Fetch a manifest or index by tag or digest. Raises RegistryDenied, ImageUnresolvable: Missing, Unreadable."""
        answer = await self._get(self._at.manifest(reference), ACCEPT)
        # What is no digest says nothing: registries and what stands before them write many things there.
        promised = reference if ":" in reference else read_digest(answer.headers.get("Docker-Content-Digest", ""))
        digest = promised or f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        document = read_document(
            answer.body, content_type=answer.headers.get("Content-Type", ""), what=self._what(reference)
        )
        self._verify(answer.body, digest, reference)
        return Fetched(digest, len(answer.body), document)

    async def blob(self, digest: str) -> bytes:
        """Fetch a small blob. Raises RegistryDenied, ImageUnresolvable."""
        answer = await self._get(self._at.blob(digest), "*/*")
        self._verify(answer.body, digest, digest)
        return answer.body

    def _what(self, reference: str) -> str:
        return f"what {origin(self._url)} serves as {self._at.name} {reference}"

    def _verify(self, body: bytes, digest: str, reference: str) -> None:
        if not has_digest(body, digest):
            raise ImageUnresolvable(
                f"{self._what(reference)} has another digest than it should have: the registry, or something on the way"
                " to it, changes content; check the registry"
            )

    async def _get(self, url: str, accept: str) -> Answer:
        return await persistently(lambda: self._get_once(URL(url), accept), troubled=self._troubled)

    async def _get_once(self, url: URL, accept: str) -> Answer:
        answer = await self._transport.get(url, accept=accept, authorization=self._authorization)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            answer = await self._log_in(answer, url, accept)
        if answer.status in _REFUSALS:
            raise RegistryDenied(self._denied(answer.status))
        if answer.status == HTTPStatus.NOT_FOUND:
            raise Missing(
                f"{origin(self._url)} has no {url.path}; check the name and the tag or digest in imageManifestURL"
            )
        _require_ok(answer, self._url)
        return answer

    async def _log_in(self, refusal: Answer, url: URL, accept: str) -> Answer:
        """Try one way to log in after another, until the registry answers otherwise than with a refusal."""
        challenges = dict(_challenges(refusal))
        found = self._keyring.lookup(f"{self._url.host_port_subcomponent}/{self._at.name}")
        if "bearer" in challenges:
            realm = self._realm(challenges["bearer"])
            for credentials in self._for_realm(realm, found) or (None,):
                token = await self._token(realm, credentials)
                if token is not None:
                    refusal = await self._try(url, accept, f"Bearer {token}")
                    if refusal.status not in _REFUSALS:
                        break
        elif "basic" in challenges:
            for credentials in found:
                refusal = await self._try(url, accept, credentials.basic)
                if refusal.status not in _REFUSALS:
                    break
        return refusal

    async def _try(self, url: URL, accept: str, authorization: str) -> Answer:
        answer = await self._transport.get(url, accept=accept, authorization=authorization)
        if answer.status not in _REFUSALS:
            self._authorization = authorization
        return answer

    def _realm(self, challenge: dict[str, str]) -> URL:
        """Give the URL that tokens are to be had from."""
        try:
            realm = URL(challenge.get("realm", ""))
        except ValueError:
            realm = URL()
        if not realm.absolute:
            raise RegistryDenied(f"{origin(self._url)} asks for a token and does not say where to get one")
        if self._url.scheme == "https" != realm.scheme:
            raise RegistryDenied(
                f"{origin(self._url)} asks to log in without TLS at {origin(realm)}, which is not done: mend it"
            )
        query = {"service": challenge.get("service"), "scope": challenge.get("scope")}
        query["scope"] = query["scope"] or f"repository:{self._at.name}:pull"
        return realm.update_query({name: value for name, value in query.items() if value})

    def _for_realm(self, realm: URL, found: Sequence[Credentials]) -> Sequence[Credentials]:
        """Give the credentials that a token server is told.

        The registry's own, where it is on the same host or above it, as gitlab.com is above registry.gitlab.com, or
        both are Docker Hub's. Any other host that a registry names is told only what the Secret holds for that host.
        """
        if _belong_together(self._url.host or "", realm.host or ""):
            return found
        return self._keyring.lookup(f"{realm.host_port_subcomponent}/")

    async def _token(self, realm: URL, credentials: Credentials | None) -> str | None:
        """Get a token; None when the token server refuses the credentials."""
        answer = await self._transport.get(
            realm, accept="application/json", authorization=None if credentials is None else credentials.basic
        )
        if answer.status in _REFUSALS:
            return None
        _require_ok(answer, realm)
        try:
            found = _Token.model_validate_json(answer.body)
        except ValidationError:
            found = _Token()
        token = found.token or found.access_token
        if not token.isascii() or not token.isprintable() or not token:
            raise ImageUnresolvable(f"the token server {origin(realm)} sent no token; check the registry")
        return token

    def _denied(self, status: int) -> str:
        registry = f"{origin(self._url)} refuses to serve {self._at.name} ({_words(status)})"
        if self._keyring.lookup(f"{self._url.host_port_subcomponent}/{self._at.name}"):
            return f"{registry} with the credentials of pullSecretRef; check that they are right and may pull"
        if self._keyring.entries:
            return f"{registry}, and the Secret of pullSecretRef holds no credentials for it; add some"
        return f"{registry} without credentials; name a Secret that holds some in pullSecretRef"


def _require_ok(answer: Answer, url: URL) -> None:
    status = answer.status
    if status == HTTPStatus.OK:
        return
    message = f"{origin(url)} answered {_words(status)}; check the registry"
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ImageUnresolvable(message, retry_after=_seconds(answer.headers.get("Retry-After", "")))
    raise ImageUnresolvable(message)


def _words(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _seconds(retry_after: str) -> float:
    """Read Retry-After: seconds, or a time. 0 where it says neither."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        return max((parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds(), 0)
    except (ValueError, TypeError):  # no time, or one without a zone
        return 0


def _challenges(refusal: Answer) -> list[tuple[str, dict[str, str]]]:
    """Read WWW-Authenticate: schemes in lower case, each with its parameters."""
    challenges = []
    for header in refusal.headers.getall("WWW-Authenticate", []):
        scheme, _, parameters = header.partition(" ")
        pairs = [pair for pair in parse_http_list(parameters) if "=" in pair]
        challenges.append((scheme.lower(), parse_keqv_list(pairs)))
    return challenges


def _belong_together(registry: str, realm: str) -> bool:
    if registry == realm or (registry in DOCKER_HUB and realm == "auth.docker.io"):
        return True
    try:
        ip_address(registry)
    except ValueError:
        # Not a host beside it: all of co.uk is beside each other, and so are customers of one provider.
        domain = registry.partition(".")[2]
        return "." in domain and realm == domain
    return False
