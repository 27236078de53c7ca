"""What a person is told when a registry refuses: who refused, what it was shown, why not more, and what to add."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from yarl import URL

from dragonfly_task_operator.errors import RegistryDenied
from dragonfly_task_operator.oci.addresses import origin
from dragonfly_task_operator.oci.challenges import Basic, Bearer, Other, choose
from dragonfly_task_operator.oci.credentials import DOCKER_HUB, Credentials, IdentityToken, Keyring, Login
from dragonfly_task_operator.oci.locations import authority, canonical_host, is_same_server
from dragonfly_task_operator.oci.sources import Source
from dragonfly_task_operator.oci.statuses import words
from dragonfly_task_operator.oci.transport import Answer


@dataclass(slots=True)
class Attempts:
    """What has been tried to log in, as far as a message needs it.

    Attributes:
        challenge: how the registry wants to be logged in at; None: it did not say.
        realm: the token server.
        refused_by_realm: what the token server answered in the end, where that was a refusal.
        shown: the last login that was shown to anybody.
    """

    challenge: Bearer | Basic | Other | None = None
    realm: URL | None = None
    refused_by_realm: int | None = None
    shown: Login | None = None


def refused(answer: Answer, attempts: Attempts, *, registry: URL, name: str, keyring: Keyring) -> RegistryDenied:
    """Say who refused, and what to do.

    Args:
        answer: 401 or 403.
        attempts: what was tried to log in.
        registry: what was asked.
        name: of the repository.
        keyring: what there is to log in with.
    """
    here, source = origin(registry), keyring.source
    if not is_same_server(answer.url, registry):
        there = f"{origin(answer.url)}, where {here} sends whoever asks for {name},"
        if isinstance(choose(answer.headers.getall("WWW-Authenticate", [])), Bearer):
            return RegistryDenied(
                f"{there} is a registry itself and wants a login ({words(answer.status)}), which is not done at a host"
                f" that another one names: name the image at {origin(answer.url)}, with {source.elsewhere}"
                " if it is private"
            )
        return RegistryDenied(
            f"{there} refuses to serve it"
            f" ({words(answer.status)}); nothing of a Secret is sent there: check the storage behind the registry,"
            " what is between it and the operator, and the clocks, which the life of a signed URL hangs on"
        )
    if attempts.realm is not None and attempts.refused_by_realm is not None:
        said = (
            f"{here} refuses to serve {name}: its token server {origin(attempts.realm)} gives no token"
            f" ({words(attempts.refused_by_realm)})"
        )
    else:
        said = f"{here} refuses to serve {name} ({words(answer.status)})"
    where = f"{authority(registry)}/{name}"
    if attempts.shown is not None:
        rest = (
            f" with the credentials of {source.name}; check that they are right and may pull{_slip(attempts, source)}"
        )
    elif keyring.lookup(where, scheme=registry.scheme):
        rest = f"; the credentials of {source.name} were not sent: {_why_not_sent(answer.status, attempts, source)}"
    elif (why := keyring.why_not(where, scheme=registry.scheme)) is not None:
        rest = f", and the entry for it in {source.holder} can't be used: {why}; give a name and a password"
    elif keyring.is_given:
        rest = f", and {source.holder} holds no credentials for it; add some for {authority(registry)}"
    else:
        rest = f" without credentials; {source.add}"
    return RegistryDenied(f"{said}{rest}{_official(registry, name)}")


def _why_not_sent(status: int, attempts: Attempts, source: Source) -> str:
    match attempts.challenge:
        case None if status == HTTPStatus.FORBIDDEN:
            return (
                "it refused without asking to log in; check that it lets the operator's address through, and the name"
                " of the repository"
            )
        case None:
            return (
                "it did not say how to log in (no WWW-Authenticate); check that a registry answers there, and that no"
                " proxy before it drops that header"
            )
        case Other(names):
            known = f" ({', '.join(names)})" if names else ""
            return f"it wants a way to log in that the operator has not{known}; let it take Basic or Bearer"
        case Basic():
            return f"it takes a name and a password, and {source.short} holds a token for it; add a name and a password"
        case Bearer():
            return _not_at_realm(attempts.realm, source)


def _not_at_realm(realm: URL | None, source: Source) -> str:
    if realm is None:
        return "there was nobody to send them to"
    return (
        f"its token server {origin(realm)} is on another host, which {source.alone} is not for; add an entry"
        f" for {authority(realm)} to {source.to_add_to}, if that host may have them"
    )


def _slip(attempts: Attempts, source: Source) -> str:
    """Name what most often is wrong with a login that looks right."""
    if isinstance(attempts.shown, Credentials) and attempts.shown.has_stray_space:
        return " (white space is around the name or the password, as echo without -n leaves it)"
    if isinstance(attempts.shown, IdentityToken) and attempts.refused_by_realm is not None:
        return f" (it is an identity token: those expire, and not every token server takes them; {source.renew})"
    return ""


def _official(registry: URL, name: str) -> str:
    if canonical_host(registry) in DOCKER_HUB and "/" not in name:
        return f". Docker's official images are under library: write library/{name}"
    return ""
