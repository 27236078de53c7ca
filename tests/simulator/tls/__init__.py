"""Certificates for servers on loopback, made once by `generate.sh`: they are public, so they guard nothing.

Tests that need others make them (`authority.py`).

They name the first 64 peers, 8 seeds and 8 schedulers of a world, so tests with TLS keep to that many.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc

_HERE = Path(__file__).parent

CA = _HERE / "ca.crt"
CLIENT_CERT = _HERE / "client.crt"
CLIENT_KEY = _HERE / "client.key"


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """What servers with mutual TLS show, and by which CA they judge clients."""

    ca: Path
    cert: Path
    key: Path

    @classmethod
    def in_folder(cls, folder: Path) -> ServerFiles:
        """Find them where they are called as in cert-manager's Secrets."""
        return cls(ca=folder / "ca.crt", cert=folder / "tls.crt", key=folder / "tls.key")


COMMITTED = ServerFiles(ca=CA, cert=_HERE / "server.crt", key=_HERE / "server.key")


def server_credentials(files: ServerFiles = COMMITTED) -> grpc.ServerCredentials:
    """Give what a scheduler or dfdaemon with mutual TLS serves with: it lets in only clients that the CA signed."""
    pair = (files.key.read_bytes(), files.cert.read_bytes())
    return grpc.ssl_server_credentials([pair], root_certificates=files.ca.read_bytes(), require_client_auth=True)


def stranger_credentials() -> grpc.ServerCredentials:
    """Give a certificate with the right names that `CA` did not sign."""
    return grpc.ssl_server_credentials([((_HERE / "stranger.key").read_bytes(), (_HERE / "stranger.crt").read_bytes())])


def client_credentials() -> grpc.ChannelCredentials:
    """Give what a client needs to be let in."""
    return grpc.ssl_channel_credentials(CA.read_bytes(), CLIENT_KEY.read_bytes(), CLIENT_CERT.read_bytes())
