"""Who the operator is to the API server, and by what it knows the server: as they were read at one moment.

Where they are read from is the affair of `kubeconfig` and `pod`; when they are read again is that of `keyring`.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from dragonfly_task_operator.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Trust:
    """How TLS is spoken: certificates and keys in PEM.

    Attributes:
        ca: who signs for the server; None: the system's authorities.
        is_checked: whether the server's certificate is looked at.
        server_name: what the server's certificate is issued for; None: the host of its URL.
    """

    ca: str | None = None
    is_checked: bool = True
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)
    server_name: str | None = None

    def context(self) -> ssl.SSLContext:
        """Make the context for connections. Raises SettingsError.

        Any certificate that is given as a CA is trusted as it is, whatever extensions it lacks: as by kubectl.
        """
        # What is not ASCII is comment; the ssl module takes none.
        ca = self.ca and self.ca.encode("ascii", "replace").decode("ascii")
        try:
            context = ssl.create_default_context(cadata=ca)
        except (ssl.SSLError, ValueError) as error:
            raise SettingsError(f"the certificate-authority can't be used: {error}") from None
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not self.is_checked:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if self.certificate is not None and self.key is not None:
            self._load_pair(context, self.certificate, self.key)
        return context

    @staticmethod
    def _load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
        # The ssl module takes these from files only, which may have been replaced since they were read.
        with TemporaryDirectory() as folder:
            path = Path(folder, "pair.pem")
            path.touch(mode=0o600)
            path.write_text(f"{certificate}\n{key}\n", encoding="utf-8")
            try:
                # An encrypted key would have OpenSSL ask the terminal for its password, for ever.
                context.load_cert_chain(path, password=b"")
            except (ssl.SSLError, OSError) as error:
                why = "the key is encrypted, which is not supported" if "ENCRYPTED" in key else error
                raise SettingsError(f"the client certificate and its key can't be used: {why}") from None


@dataclass(frozen=True, slots=True)
class Credentials:
    """All that a request needs.

    Attributes:
        server: the API server's URL, without a slash at the end.
        headers: those that say who asks: `Authorization`, and on whose behalf: `Impersonate-*`.
        proxy: the URL of the HTTP proxy on the way there.
        good_for: seconds after which they are to be read again, without having been refused.
    """

    server: str
    trust: Trust = field(default_factory=Trust)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    proxy: str | None = field(default=None, repr=False)
    good_for: float | None = field(default=None, compare=False)


class Source(Protocol):
    """Where credentials come from. Its `str()` is what people call it."""

    async def read(self) -> Credentials:
        """Read them as they are now. Raises SettingsError with a line that names the source."""
        ...
