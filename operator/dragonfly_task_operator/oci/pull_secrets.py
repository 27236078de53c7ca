"""Pull Secrets: what kubelets take of a Docker config is taken, and an entry that can't be used spoils no other."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from dragonfly_task_operator.errors import SecretNotFound
from dragonfly_task_operator.oci.credentials import (
    Credentials,
    IdentityToken,
    Keyring,
    Login,
    RegistryToken,
    Unusable,
    as_pattern,
    is_token,
)
from dragonfly_task_operator.oci.sources import PULL_SECRET, Source

DOCKER_CONFIG = ".dockerconfigjson"
OLD_DOCKER_CONFIG = ".dockercfg"

_IN_A_STORE = (
    "it is empty: what it stands for is in a credential store (credsStore) of the machine that the file is from"
)
_IN_A_HELPER = "it is with a credential helper (credHelpers) of the machine that the file is from"
_EMPTY = "it holds neither a name and a password nor a token"
_NO_BASE64 = "its auth is not NAME:PASSWORD in base64"
_MALFORMED = "it is no entry as docker login writes it"


def read_pull_secret(data: Mapping[str, bytes], *, name: str, host: str) -> Keyring:
    """Read a Secret of type kubernetes.io/dockerconfigjson, kubernetes.io/dockercfg or kubernetes.io/basic-auth.

    Args:
        data: its content.
        name: its namespace and name, for errors.
        host: HOST[:PORT] of the registry that a basic-auth Secret, which names none, is for.

    Raises:
        SecretNotFound: it is none of these. Never with anything out of it.
    """
    if DOCKER_CONFIG in data:
        return read_docker_config(data[DOCKER_CONFIG], f"{DOCKER_CONFIG} of the Secret {name}")
    if OLD_DOCKER_CONFIG in data:
        return _old_docker_config(data[OLD_DOCKER_CONFIG], f"{OLD_DOCKER_CONFIG} of the Secret {name}")
    if "username" in data and "password" in data:
        try:
            login = Credentials(data["username"].decode(), data["password"].decode())
        except UnicodeDecodeError:
            raise SecretNotFound(
                f"the Secret {name} holds a username or a password that is no UTF-8; make it anew"
            ) from None
        if not login.username and not login.password:
            return Keyring(unusable=(Unusable(as_pattern(host), _EMPTY),), is_given=True)
        return Keyring(((as_pattern(host), login),), is_given=True)
    raise SecretNotFound(
        f"the Secret {name} holds no credentials for a registry: it has neither {DOCKER_CONFIG} nor username and"
        " password; make it with kubectl create secret docker-registry"
    )


def read_docker_config(content: bytes, what: str, *, source: Source = PULL_SECRET) -> Keyring:
    """Read a file as `docker login` writes it.

    Args:
        content: all of it.
        what: to speak of it in an error.
        source: what it is, for messages.

    Raises:
        SecretNotFound: it is none. Never with anything out of it.
    """
    try:
        config = _DockerConfig.model_validate_json(content.strip() or b"{}")
    except ValidationError:
        raise _malformed(what, source) from None
    helpers = config.cred_helpers if isinstance(config.cred_helpers, dict) else {}
    because_empty = _IN_A_STORE if config.creds_store or helpers else _EMPTY
    keyring = _keyring(config.auths or {}, what, source, because_empty=because_empty)
    elsewhere = tuple(Unusable(as_pattern(key), _IN_A_HELPER) for key in helpers)
    return replace(keyring, unusable=keyring.unusable + elsewhere)


def _old_docker_config(content: bytes, what: str) -> Keyring:
    """Read what docker wrote before 1.7: the entries without anything around them."""
    try:
        entries = _OLD.validate_json(content.strip() or b"{}")
    except ValidationError:
        raise _malformed(what, PULL_SECRET) from None
    return _keyring(entries, what, PULL_SECRET, because_empty=_EMPTY)


def _malformed(what: str, source: Source, why: str = "") -> SecretNotFound:
    # Neither the error nor what it was about is told: both hold the Secret.
    return SecretNotFound(f"{what} is malformed{why}; {source.make}")


def _folded(content: object) -> object:
    """Write the names of fields in lower case: kubelets, written in Go, take any case of them."""
    return {name.lower(): value for name, value in content.items()} if isinstance(content, dict) else content


class _DockerConfig(BaseModel):
    auths: dict[str, Any] | None = None
    creds_store: Any = Field(default=None, alias="credsstore")
    cred_helpers: Any = Field(default=None, alias="credhelpers")

    _in_any_case = model_validator(mode="before")(_folded)


_OLD = TypeAdapter(dict[str, Any])


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True)

    _in_any_case = model_validator(mode="before")(_folded)

    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identity_token: str | None = Field(default=None, alias="identitytoken")
    registry_token: str | None = Field(default=None, alias="registrytoken")


def _keyring(entries: Mapping[str, Any], what: str, source: Source, *, because_empty: str) -> Keyring:
    """Take what can be used. Raises SecretNotFound where all that is there was to be used, and can't be."""
    usable: list[tuple[str, Login]] = []
    unusable: list[Unusable] = []
    for key, content in entries.items():
        pattern = as_pattern(key)
        try:
            logins = tuple(_logins(_Entry.model_validate(content or {})))
        except ValidationError:
            unusable.append(Unusable(pattern, _MALFORMED))
        except ValueError:
            unusable.append(Unusable(pattern, _NO_BASE64))
        else:
            usable += [(pattern, login) for login in logins]
            unusable += [] if logins else [Unusable(pattern, because_empty)]
    if unusable and not usable and all(each.why in {_NO_BASE64, _MALFORMED} for each in unusable):
        raise _malformed(what, source, f": in no entry of it can be read who logs in, as {unusable[0].why}")
    return Keyring(tuple(usable), tuple(unusable), is_given=True, source=source)


def _logins(entry: _Entry) -> Iterator[Login]:
    """Give what an entry can be used as, tokens first: beside one, the password is old, or none.

    Raises:
        ValueError: its `auth` is nothing, and no token is beside it.
    """
    tokens: list[Login] = []
    if is_token(entry.registry_token or ""):
        tokens.append(RegistryToken(entry.registry_token or ""))
    if entry.identity_token:
        tokens.append(IdentityToken(entry.identity_token))
    yield from tokens
    username, password = entry.username or "", entry.password or ""
    if entry.auth and entry.auth.strip():
        try:
            username, password = _decode(entry.auth)
        except ValueError:
            if not tokens:
                raise
    if password or (username and not tokens):
        yield Credentials(username, password)


def _decode(auth: str) -> tuple[str, str]:
    """Read a name and a password, as whatever writes base64 writes it: padded or not, broken into lines, for URLs."""
    written = "".join(auth.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        decoded = base64.b64decode(written + "=" * (-len(written) % 4), validate=True)
    except (binascii.Error, UnicodeError):
        raise ValueError("no base64") from None
    # Bytes of any encoding are sent as they are, as clients in Go do it.
    username, colon, password = decoded.decode(errors="surrogateescape").partition(":")
    if not colon:
        raise ValueError("no name and password")
    return username, password.strip("\0")  # as docker does it
