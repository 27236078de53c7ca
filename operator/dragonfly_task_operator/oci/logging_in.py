"""Logging in at a registry for one repository: who is told which credentials, and why somebody was not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ValidationError
from yarl import URL

from dragonfly_task_operator.errors import ImageUnresolvable, RegistryDenied
from dragonfly_task_operator.oci.addresses import origin
from dragonfly_task_operator.oci.challenges import Basic, Bearer, choose
from dragonfly_task_operator.oci.credentials import (
    DOCKER_HUB,
    Credentials,
    IdentityToken,
    Keyring,
    Login,
    RegistryToken,
    is_token,
)
from dragonfly_task_operator.oci.locations import as_written, authority, canonical_host, is_same_server
from dragonfly_task_operator.oci.refusals import Attempts, refused
from dragonfly_task_operator.oci.statuses import require_ok
from dragonfly_task_operator.oci.transport import Answer, Transport

REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_REFUSALS_OF_IDENTITY = REFUSALS | {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
"""A refresh token that is no good any more is answered with 400 (RFC 6749, 5.2); some token servers take none."""
_CLIENT = "dragonfly-task-operator"


class Entrance:
    """The way into one repository of a registry. Keeps what has let it in."""

    def __init__(self, registry: URL, name: str, transport: Transport, keyring: Keyring) -> None:
        self._registry = registry
        self._name = name
        self._transport = transport
        self._keyring = keyring
        self._authorization: str | None = None
        self._entered_by = Attempts()

    async def get(self, url: URL, accept: str) -> Answer:
        """Get a URL of the registry, logging in where it asks for it.

        Raises:
            RegistryDenied: it refuses, or what it redirects or sends to log in to may not be contacted.
            ImageUnresolvable: no answer came, or none that can be used.
        """
        attempts = replace(self._entered_by)
        answer = await self._transport.get(url, accept=accept, authorization=self._authorization)
        # Where the registry redirects to is no place to log in at: nothing of the Secret is for it.
        if answer.status == HTTPStatus.UNAUTHORIZED and is_same_server(answer.url, self._registry):
            attempts = Attempts(choose(answer.headers.getall("WWW-Authenticate", [])))
            answer = await self._log_in(answer, attempts, url, accept)
        if answer.status in REFUSALS:
            raise refused(answer, attempts, registry=self._registry, name=self._name, keyring=self._keyring)
        return answer

    @property
    def is_known(self) -> bool:
        """Whether a login of the Secret has let it in."""
        return self._entered_by.shown is not None

    async def _log_in(self, refusal: Answer, attempts: Attempts, url: URL, accept: str) -> Answer:
        """Try one way to log in after another, until the registry answers otherwise than with a refusal."""
        logins = self._logins()
        match attempts.challenge:
            case Bearer():
                return await self._with_tokens(attempts.challenge, refusal, attempts, url, accept)
            case Basic():
                for login in logins:
                    if isinstance(login, Credentials):
                        attempts.shown = login
                        refusal = await self._try(url, accept, login.basic, attempts)
                        if refusal.status not in REFUSALS:
                            break
        return refusal

    async def _with_tokens(
        self, challenge: Bearer, refusal: Answer, attempts: Attempts, url: URL, accept: str
    ) -> Answer:
        for login in self._logins():
            if isinstance(login, RegistryToken):
                attempts.shown = login
                refusal = await self._try(url, accept, f"Bearer {login.token}", attempts)
                if refusal.status not in REFUSALS:
                    return refusal
        attempts.realm = realm = self._realm(challenge)
        logins: list[Credentials | IdentityToken] = [
            login for login in self._for_realm(realm) if not isinstance(login, RegistryToken)
        ]
        for candidate in logins or (None,):
            attempts.shown = attempts.shown if candidate is None else candidate
            answer = await self._ask_for_token(realm, challenge, candidate)
            refusals = _REFUSALS_OF_IDENTITY if isinstance(candidate, IdentityToken) else REFUSALS
            attempts.refused_by_realm = answer.status if answer.status in refusals else None
            if attempts.refused_by_realm is None:
                token = self._read_token(answer, is_known=candidate is not None)
                refusal = await self._try(url, accept, f"Bearer {token}", attempts)
                if refusal.status not in REFUSALS:
                    break
        return refusal

    async def _try(self, url: URL, accept: str, authorization: str, attempts: Attempts) -> Answer:
        answer = await self._transport.get(url, accept=accept, authorization=authorization)
        if answer.status not in REFUSALS:
            self._authorization, self._entered_by = authorization, replace(attempts)
        return answer

    def _logins(self) -> tuple[Login, ...]:
        return self._keyring.lookup(f"{authority(self._registry)}/{self._name}", scheme=self._registry.scheme)

    def _realm(self, challenge: Bearer) -> URL:
        """Give the URL that tokens are to be had from."""
        here = origin(self._registry)
        if not challenge.realm.lower().startswith(("https://", "http://")):
            raise RegistryDenied(
                f"{here} asks for a token and does not say where to get one; correct the URL of the token server in its"
                " settings"
            )
        try:
            realm = as_written(challenge.realm)
        except ValueError:
            raise ImageUnresolvable(
                f"{here} asks for a token from what is no URL, or from a host that can't be; correct the URL of the"
                " token server in its settings"
            ) from None
        if self._registry.scheme == "https" != realm.scheme:
            raise RegistryDenied(
                f"{here} asks to log in without TLS at {origin(realm)}, which is not done: mend it: a registry behind a"
                " proxy that ends TLS must be told its own URL"
            )
        return realm

    def _query(self, challenge: Bearer) -> dict[str, str]:
        scope = challenge.scope or f"repository:{self._name}:pull"
        return {"service": challenge.service, "scope": scope} if challenge.service else {"scope": scope}

    def _for_realm(self, realm: URL) -> Sequence[Login]:
        """Give the logins that a token server is told.

        The registry's own, where it is on the same host or above it, as gitlab.com is above registry.gitlab.com, or
        both are Docker Hub's. Any other host that a registry names is told only what the Secret holds for that host.
        """
        if _belong_together(canonical_host(self._registry), canonical_host(realm)):
            return self._logins()
        return self._keyring.lookup(f"{authority(realm)}/", scheme=realm.scheme)

    async def _ask_for_token(self, realm: URL, challenge: Bearer, login: Credentials | IdentityToken | None) -> Answer:
        query = self._query(challenge)
        try:
            if isinstance(login, IdentityToken):
                form = {**query, "grant_type": "refresh_token", "client_id": _CLIENT, "refresh_token": login.token}
                return await self._transport.post(realm, form)
            basic = login.basic if isinstance(login, Credentials) else None
            return await self._transport.get(_with(realm, query), accept="application/json", authorization=basic)
        except RegistryDenied as error:
            raise RegistryDenied(
                f"{origin(self._registry)} asks for a token from where the operator may not go: {error}"
            ) from None

    def _read_token(self, answer: Answer, *, is_known: bool) -> str:
        who = f"the token server {origin(answer.url)}"
        require_ok(answer, who, is_known=is_known, source=self._keyring.source)
        try:
            found = _Token.model_validate_json(answer.body)
        except ValidationError:
            found = _Token()
        token = next((token for token in (found.token, found.access_token) if is_token(token)), None)
        if token is None:
            raise ImageUnresolvable(f"{who} sent no token; check the registry")
        return token


def _word(value: object) -> str:
    """Read a field that may as well be absent, or null, or of another type: then it is none."""
    return value if isinstance(value, str) else ""


class _Token(BaseModel):
    token: Annotated[str, BeforeValidator(_word)] = ""
    access_token: Annotated[str, BeforeValidator(_word)] = ""


def _with(realm: URL, query: dict[str, str]) -> URL:
    """Add parameters to a URL whose bytes are left as they are, but for parameters of the same name."""
    kept = [pair for pair in realm.raw_query_string.split("&") if pair and pair.partition("=")[0] not in query]
    added = urlencode(query, errors="surrogateescape")
    return as_written(f"{realm.scheme}://{realm.raw_authority}{realm.raw_path}?{'&'.join([*kept, added])}")


def _belong_together(registry: str, realm: str) -> bool:
    if registry == realm or (registry in DOCKER_HUB and realm == "auth.docker.io"):
        return True
    try:
        ip_address(registry.strip("[]"))
    except ValueError:
        # Not a host beside it: all of co.uk is beside each other, and so are customers of one provider.
        domain = registry.partition(".")[2]
        return "." in domain and realm == domain
    return False
