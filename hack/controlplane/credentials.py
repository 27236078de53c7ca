"""Keys, tokens and kubeconfigs of one control plane, made with the standard library alone."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# ECPrivateKey of RFC 5915, version 1, with a private key of 32 bytes and the curve prime256v1. The public key
# is optional there, and Go, like OpenSSL, computes it: hence no curve arithmetic here.
_EC_KEY_HEAD = bytes.fromhex("30310201010420")
_EC_KEY_CURVE = bytes.fromhex("a00a06082a8648ce3d030107")


def make_signing_key() -> str:
    """Make a fresh ECDSA P-256 private key in PEM, to sign and verify ServiceAccount tokens with."""
    scalar = secrets.randbelow(_P256_ORDER - 1) + 1
    der = _EC_KEY_HEAD + scalar.to_bytes(32, "big") + _EC_KEY_CURVE
    body = base64.encodebytes(der).decode("ascii")
    return f"-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n"


def kubeconfig_text(*, url: str, certificate_authority: bytes, token: str, namespace: str) -> str:
    """Compose a kubeconfig with one cluster, one user and one context; JSON, which is YAML."""
    authority = base64.b64encode(certificate_authority).decode("ascii")
    name = "controlplane"
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": url, "certificate-authority-data": authority}}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
            "current-context": name,
        },
        indent=2,
    )


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner may read, whole or not at all; returns its path."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return partial.rename(path)
