"""Kubeconfig files, read as kubectl reads them; what it does is said in tests/unit/kube/test_kubeconfig.py.

Own code and not the loader of the `kubernetes` package: docs/adr/0007-talking-to-the-api-server.md says why. What is
not supported is refused in a line: an operator that leaves out what it does not know acts with other rights than those
that it was given.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlsplit

from dragonfly_task_operator.errors import SettingsError
from dragonfly_task_operator.kube import exec_plugin
from dragonfly_task_operator.kube.credentials import Credentials, Trust
from dragonfly_task_operator.kube.kubeconfig_file import Cluster, Context, File, User, is_there, parse

ProxyFor = Callable[[str], str | None]

FRESH_SECONDS = 60.0
"""After which a token file is read again, as client-go does."""

_Entry = TypeVar("_Entry", Cluster, User, Context)


_Read = tuple[Path, File]
"""A file, and its folder."""


@dataclass(frozen=True, slots=True)
class _Found(Generic[_Entry]):
    """An entry, and the folder that its paths are relative to."""

    entry: _Entry
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a person says besides, and is heeded instead of what a kubeconfig says: kubectl's flags of these names.

    Attributes:
        context: which; None: the current one.
        as_user: on whose behalf; and so on.
        is_interactive: whether an exec plugin may ask the person at this process's terminal.
    """

    context: str | None = None
    as_user: str | None = None
    as_uid: str | None = None
    as_groups: tuple[str, ...] = ()
    is_interactive: bool = False

    def of(self, user: User) -> User:
        """Give the user as this person wants to be known."""
        said = {"as_user": self.as_user, "as_uid": self.as_uid, "as_groups": self.as_groups}
        return user.model_copy(update={name: value for name, value in said.items() if value})


NOTHING_SAID = Overrides()


class Kubeconfig:
    """`credentials.Source` by one context of one file or several.

    Args:
        paths: the first that has an entry counts. With several, some need not exist.
        proxy_for: gives the HTTP proxy on the way to a URL, where the cluster has no `proxy-url`.
        overrides: what a person says besides.
    """

    def __init__(
        self, paths: Sequence[Path], *, proxy_for: ProxyFor = lambda _: None, overrides: Overrides = NOTHING_SAID
    ) -> None:
        self._paths, self._proxy_for, self._overrides = tuple(paths), proxy_for, overrides

    def __str__(self) -> str:
        return f"the kubeconfig {os.pathsep.join(map(str, self._paths))}"

    async def read(self) -> Credentials:
        """Read all anew: files, and what they name; run the plugin. Raises SettingsError."""
        with self._naming_itself():
            files = self._files()
            context = self._context(files)
            return await self._credentials(files, context)

    def namespace(self) -> str | None:
        """Tell the namespace that the context names. Raises SettingsError."""
        with self._naming_itself():
            return self._context(self._files()).namespace or None

    def contexts(self) -> list[str]:
        """List the names of all contexts. Raises SettingsError."""
        with self._naming_itself():
            return sorted({each.name for _, file in self._files() for each in file.contexts or ()})

    @contextmanager
    def _naming_itself(self) -> Iterator[None]:
        try:
            yield
        except SettingsError as error:
            raise SettingsError(f"{self} can't be used: {error}") from None

    def _files(self) -> list[_Read]:
        files = [(path.absolute().parent, parse(path)) for path in self._paths if is_there(path)]
        if not files:
            raise SettingsError("there is no such file; give --kubeconfig FILE, or run it in a pod")
        return files

    def _context(self, files: Sequence[_Read]) -> Context:
        lists = [(folder, file.contexts) for folder, file in files]
        name = self._overrides.context
        if name is not None and not any(each.name == name for _, named in lists for each in named or ()):
            raise SettingsError(f'it has no context "{name}"; kubectl config get-contexts lists those that it has')
        name = name or next((file.current_context for _, file in files if file.current_context), None)
        if name is None:
            raise SettingsError("it names no current-context")
        context: Context = _find("context", name, lists).entry
        if not context.cluster:
            raise SettingsError(f'the context "{name}" names no cluster')
        return context

    async def _credentials(self, files: Sequence[_Read], context: Context) -> Credentials:
        cluster = _find("cluster", context.cluster or "", ((folder, file.clusters) for folder, file in files))
        if context.user:
            user = _find("user", context.user, ((folder, file.users) for folder, file in files))
        else:
            user = _Found(User(), cluster.folder)
        user = replace(user, entry=self._overrides.of(user.entry))
        return await _credentials(cluster, user, self._proxy_for, is_interactive=self._overrides.is_interactive)


def _find(what: str, name: str, lists: Iterable[tuple[Path, Sequence[Any] | None]]) -> _Found[Any]:
    for folder, named in lists:
        entries = [each.entry for each in named or () if each.name == name]
        if len(entries) > 1:
            raise SettingsError(f'it has several entries for the {what} "{name}"')
        if entries:
            return _Found(entries[0], folder)
    raise SettingsError(f'it has no entry for the {what} "{name}" that its current context leads to')


async def _credentials(
    cluster: _Found[Cluster], user: _Found[User], proxy_for: ProxyFor, *, is_interactive: bool
) -> Credentials:
    _refuse_contradictions(cluster.entry, user.entry)
    trust = Trust(
        ca=_pem("certificate-authority", cluster.entry.ca_file, cluster.entry.ca_data, cluster.folder),
        is_checked=not cluster.entry.is_insecure,
        certificate=_pem("client-certificate", user.entry.cert_file, user.entry.cert_data, user.folder),
        key=_pem("client-key", user.entry.key_file, user.entry.key_data, user.folder),
        server_name=_server_name(cluster.entry.tls_server_name),
    )
    token, good_for = _token(user)
    if user.entry.exec is not None and token is None:
        told = _told_to_plugins(cluster.entry, trust)
        given = await exec_plugin.run(user.entry.exec, user.folder, told, is_interactive=is_interactive)
        token, good_for = given.token, given.good_for
        if given.certificate is not None:
            trust = replace(trust, certificate=given.certificate, key=given.key)
    server = _server(cluster.entry, trust)
    return Credentials(
        server=server,
        trust=trust,
        headers=(*_authorization(token, user.entry), *_impersonation(user.entry)),
        proxy=_proxy(cluster.entry.proxy_url) or proxy_for(server),
        good_for=good_for,
    )


def _refuse_contradictions(cluster: Cluster, user: User) -> None:
    """Refuse what kubectl refuses, and what this operator does not know."""
    refused = {
        "auth-provider is not supported; use an exec plugin": user.auth_provider is not None,
        "as-uid, as-groups and as-user-extra need `as`": not user.as_user
        and bool(user.as_uid or user.as_groups or user.as_extra),
        "it has a token and a username: only one way to log in may be given": bool(user.token or user.token_file)
        and bool(user.username),
        "insecure-skip-tls-verify and a certificate-authority exclude each other": bool(cluster.is_insecure)
        and bool(cluster.ca_file or cluster.ca_data),
        "certificate-authority and certificate-authority-data exclude each other": bool(cluster.ca_file)
        and bool(cluster.ca_data),
        "client-certificate and client-certificate-data exclude each other": bool(user.cert_file)
        and bool(user.cert_data),
        "client-key and client-key-data exclude each other": bool(user.key_file) and bool(user.key_data),
        "a client certificate needs its key, and a key its certificate": bool(user.cert_file or user.cert_data)
        != bool(user.key_file or user.key_data),
    }
    for message, is_so in refused.items():
        if is_so:
            raise SettingsError(message)


def _pem(what: str, file: str | None, data: str | None, folder: Path) -> str | None:
    if data:
        try:
            return base64.b64decode("".join(data.split()), validate=True).decode(errors="replace")
        except (binascii.Error, ValueError):
            raise SettingsError(f"{what}-data is no base64 of a PEM file") from None
    return _content(what, folder / file, errors="replace") if file else None


def _content(what: str, path: Path, *, errors: str = "strict") -> str:
    try:
        return path.read_text(encoding="utf-8", errors=errors)
    except OSError as error:
        raise SettingsError(f"the {what} {path} can't be read: {error.strerror}") from None
    except ValueError:
        raise SettingsError(f"the {what} {path} is no text") from None


def _token(user: _Found[User]) -> tuple[str | None, float | None]:
    """Give the token and how long it is good for: a token file goes before a token while it can be read."""
    token = user.entry.token or None
    if not user.entry.token_file:
        return token, None
    path = user.folder / user.entry.token_file
    try:
        read = _content("tokenFile", path).strip()
    except SettingsError:
        if token is None:
            raise
        read = ""
    if not read and token is None:
        raise SettingsError(f"the tokenFile {path} is empty")
    return read or token, FRESH_SECONDS


def _authorization(token: str | None, user: User) -> Iterable[tuple[str, str]]:
    if token is not None:
        yield _header("Authorization", f"Bearer {token}")
    elif user.username or user.password:
        pair = f"{user.username or ''}:{user.password or ''}".encode()
        yield "Authorization", f"Basic {base64.b64encode(pair).decode()}"


def _impersonation(user: User) -> Iterable[tuple[str, str]]:
    """Name whom the API server is to take the operator for: it then has that one's rights, and none of its own."""
    if user.as_user:
        yield _header("Impersonate-User", user.as_user)
    if user.as_uid:
        yield _header("Impersonate-Uid", user.as_uid)
    for group in user.as_groups or ():
        yield _header("Impersonate-Group", group)
    for key, values in (user.as_extra or {}).items():
        for value in values:
            yield _header(f"Impersonate-Extra-{quote(key, safe='').lower()}", value)


def _header(name: str, value: str) -> tuple[str, str]:
    if not value.isprintable():
        raise SettingsError(f"what goes into the header {name} has characters that no header may have")
    return name, value


def _server(cluster: Cluster, trust: Trust) -> str:
    server = (cluster.server or "").rstrip("/")
    if not server:
        raise SettingsError("its cluster has no server")
    if "://" not in server:
        needs_tls = trust.ca is not None or trust.certificate is not None or not trust.is_checked
        server = f"{'https' if needs_tls else 'http'}://{server}"
    if not _is_url_of_http(server):
        raise SettingsError(f"its server {server} is no URL of http or https")
    if "@" in urlsplit(server).netloc:
        raise SettingsError("its server names a user, which is not supported: give username and password of the user")
    return server


def _server_name(given: str | None) -> str | None:
    try:
        (given or "").encode("idna")
    except UnicodeError:
        raise SettingsError(f"its tls-server-name {given} is no name of a host") from None
    return given or None


def _is_url_of_http(text: str) -> bool:
    try:
        url = urlsplit(text)
        (url.hostname or "").encode("idna")
        return url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:  # of brackets, the port, or a name with an empty or a long part
        return False


def _proxy(given: str | None) -> str | None:
    if given and not _is_url_of_http(given):
        raise SettingsError("its proxy-url is no URL of http or https: others, as socks5, are not supported")
    return given or None


def _told_to_plugins(cluster: Cluster, trust: Trust) -> Mapping[str, Any]:
    """Give the cluster as plugins are told of it that ask for it (`provideClusterInfo`)."""
    named = "client.authentication.k8s.io/exec"
    config = next((each.extension for each in cluster.extensions or () if each.name == named), None)
    told = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.is_insecure,
        "certificate-authority-data": None if trust.ca is None else base64.b64encode(trust.ca.encode()).decode(),
        "proxy-url": cluster.proxy_url,
        "config": config,
    }
    return {key: value for key, value in told.items() if value}
