"""Certificates for servers on loopback, made once by `generate.sh`: they are public, so they guard nothing.

They name the first 64 peers, 8 seeds and 8 schedulers of a world, so tests with TLS keep to that many.
"""

from __future__ import annotations

from pathlib import Path

import grpc

_HERE = Path(__file__).parent

CA = _HERE / "ca.crt"
CLIENT_CERT = _HERE / "client.crt"
CLIENT_KEY = _HERE / "client.key"


def server_credentials() -> grpc.ServerCredentials:
    """Give what a scheduler or dfdaemon with mutual TLS serves with: it lets in only clients that `CA` signed."""
    pair = ((_HERE / "server.key").read_bytes(), (_HERE / "server.crt").read_bytes())
    return grpc.ssl_server_credentials([pair], root_certificates=CA.read_bytes(), require_client_auth=True)


def stranger_credentials() -> grpc.ServerCredentials:
    """Give a certificate with the right names that `CA` did not sign."""
    return grpc.ssl_server_credentials([((_HERE / "stranger.key").read_bytes(), (_HERE / "stranger.crt").read_bytes())])


def client_credentials() -> grpc.ChannelCredentials:
    """Give what a client needs to be let in."""
    return grpc.ssl_channel_credentials(CA.read_bytes(), CLIENT_KEY.read_bytes(), CLIENT_CERT.read_bytes())
