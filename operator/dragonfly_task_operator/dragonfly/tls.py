"""TLS to schedulers and peers: credentials from files that rotate, and why a handshake failed.

gRPC says of most TLS mistakes only that the socket closed: of a plaintext request to a TLS server, or of a client
certificate that is refused. So a connection that never worked is looked into with one handshake of Python's own.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import grpc

from dragonfly_task_operator import own_trouble
from dragonfly_task_operator.errors import OwnKind, SettingsError
from dragonfly_task_operator.observability.logs import fields
from dragonfly_task_operator.settings import ClusterSettings, TLSFiles

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 1.0
"""How often files are looked at, at most: only when connections are used."""

_Stamp: TypeAlias = tuple[tuple[int, int, int], ...]

_SPEAKS_TLS = "it speaks TLS and the operator plaintext: set clusters[].tls"
_PLAINTEXT = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"})
"""What OpenSSL says of bytes that are no TLS."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """One generation of the files, for gRPC and for Python's ssl."""

    channel: grpc.ChannelCredentials
    context: ssl.SSLContext


class RotatingCredentials:
    """Credentials that follow their files, as cert-manager and the kubelet change them.

    Files that can't be used any more are logged once, and the last good ones stay in use.

    Args:
        files: where they are.
        look_again: seconds.

    Raises:
        SettingsError: the files can't be used at all.
    """

    def __init__(self, files: TLSFiles, *, look_again: float = LOOK_AGAIN_SECONDS) -> None:
        self.files = files
        self._look_again = look_again
        self._looked = time.monotonic()
        self._stamp = _stamp(files)
        self._current = _load(files)

    def current(self) -> Credentials:
        """Give the credentials; the same object until the files change."""
        now = time.monotonic()
        if now - self._looked >= self._look_again:
            self._looked = now
            try:
                self._follow()
            except SettingsError as error:
                log.warning("tls.rotation_refused", extra=fields(error=f"{error}; the last good files stay in use"))
        return self._current

    def _follow(self) -> None:
        stamp = _stamp(self.files)
        if stamp == self._stamp:
            return
        try:
            self._current = _load(self.files)
        except SettingsError as error:
            own = own_trouble.of_error(error)
            if own is None or own.kind not in {OwnKind.FILES, OwnKind.MEMORY}:
                self._stamp = stamp  # otherwise the files may well be good: they are looked at again
            raise
        self._stamp = stamp
        log.info("tls.rotated", extra=fields(ca=self.files.ca, cert=self.files.cert))


def by_cluster(
    clusters: Sequence[ClusterSettings], side: Literal["schedulers", "peers"]
) -> Mapping[str, RotatingCredentials]:
    """Read the files of one side of every cluster that has TLS there, by the cluster's name. Raises SettingsError."""
    files = {cluster.name: getattr(cluster.tls, side) for cluster in clusters if cluster.tls}
    return {name: RotatingCredentials(each) for name, each in files.items() if each}


def _paths(files: TLSFiles) -> list[str]:
    return [str(path) for path in (files.ca, files.cert, files.key) if path]


def _stamp(files: TLSFiles) -> _Stamp:
    """Tell one generation of files from another: a swapped symlink shows in the inode that it leads to."""
    found = [path.stat() for path in (files.ca, files.cert, files.key) if path and path.exists()]
    return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in found)


def _load(files: TLSFiles) -> Credentials:
    """Read the files. They are small and local, so the event loop waits for them."""
    before = _stamp(files)
    try:
        ca, cert, key = (path.read_bytes() if path else None for path in (files.ca, files.cert, files.key))
    except OSError as error:
        raise SettingsError(f"the TLS file {error.filename} can't be read: {error.strerror}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    try:
        context.load_verify_locations(files.ca)
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(f"the TLS file {files.ca} holds no CA certificate in PEM") from error
    if files.cert:
        try:
            # An encrypted key would have OpenSSL ask the terminal for its password.
            context.load_cert_chain(files.cert, files.key, password=b"")
        except (ssl.SSLError, OSError) as error:
            raise SettingsError(
                f"the TLS files {files.cert} and {files.key} are no certificate and its key in PEM: {_words(error)}"
            ) from error
    if _stamp(files) != before:
        raise SettingsError(f"the TLS files {', '.join(_paths(files))} changed while they were read")
    return Credentials(grpc.ssl_channel_credentials(ca, key, cert), context)


async def trouble(ip: str, port: int, *, tls: RotatingCredentials | None, name: str, timeout: float) -> str | None:
    """Tell what is wrong with TLS at an address, by a handshake.

    Args:
        ip: where it listens.
        port: likewise.
        tls: what it is spoken to with; None for plaintext.
        name: what its certificate must be issued for.
        timeout: seconds.

    Returns:
        a sentence about "it" that says what to do, or None: if it can't be reached, the trouble is not TLS.

    Raises:
        OwnTrouble: it could not be looked into.
    """
    context = tls.current().context if tls else _undemanding()
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(ip, port, ssl=context, server_hostname=name)
            try:
                # With TLS 1.3 a server judges the client's certificate only after the client's handshake is over. One
                # that accepts it speaks first, in HTTP/2, or waits.
                silent = tls is not None and not await reader.read(1)
            finally:
                writer.transport.abort()
    except ssl.SSLError as error:
        if tls is not None:
            return _failure(error, tls, name)
        return _SPEAKS_TLS if "ALERT" in (error.reason or "") else None
    except (OSError, EOFError) as error:  # TimeoutError is an OSError
        own_trouble.raise_if_own(error, ip=ip)
        return None
    if tls is None:
        return _SPEAKS_TLS
    return _refused(tls, "it closed the connection after the handshake") if silent else None


def _undemanding() -> ssl.SSLContext:
    """Make a context that only finds out whether TLS is spoken; nothing is sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _failure(error: ssl.SSLError, tls: RotatingCredentials, name: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _distrust(error, tls, name)
    if error.reason in _PLAINTEXT:
        return "it speaks plaintext and the operator TLS: have it serve TLS, or remove clusters[].tls"
    if "ALERT" in (error.reason or ""):
        return _refused(tls, _words(error))
    return f"the TLS handshake with it failed: {_words(error)}"


def _distrust(error: ssl.SSLCertVerificationError, tls: RotatingCredentials, name: str) -> str:
    match error.verify_code:  # X509_V_ERR_*: the ssl module has no names for them
        case 9:
            return "its certificate is not valid yet: check the clocks"
        case 10:
            return "its certificate has expired: renew it"
        case 62 | 64:
            return f"its certificate is not issued for {name}: correct the certificate, or set serverName"
    return f"its certificate is not signed by the CA in {tls.files.ca} ({error.verify_message}): correct one or other"


def _refused(tls: RotatingCredentials, words: str) -> str:
    if tls.files.cert is None:
        return f"it wants a client certificate ({words}): set cert and key of clusters[].tls"
    return f"it does not accept the operator's certificate in {tls.files.cert} ({words}): correct cert, or its CA"


def _words(error: OSError) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    return reason.replace("_", " ").lower() if reason else str(error.strerror or error)
