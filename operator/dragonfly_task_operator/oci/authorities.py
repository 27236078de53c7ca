"""Certificates of authorities out of a Secret: every certificate of a bundle is taken, whatever else is around it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping

import pem

from dragonfly_task_operator.errors import SecretNotFound

CA = "ca.crt"
_BEGIN = b"-----BEGIN "
_DER_SEQUENCE = b"\x30"


def trusting(data: Mapping[str, bytes] | None, *, namespace: str, name: str) -> ssl.SSLContext:
    """Trust the system's authorities, and those of a Secret.

    A certificate that is given is trusted as it is, be it the root, one in between or the registry's own: as with
    clients written in Go, which is what people have tried it with.

    Args:
        data: the Secret's content; None: there is none.
        namespace: of the Secret, for errors.
        name: of the Secret.

    Raises:
        SecretNotFound: it holds no certificate. Never with anything out of it.
    """
    context = ssl.create_default_context()
    if data is None:
        return context
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    taken = [certificate for certificate in _certificates(data.get(CA, b"")) if _take(context, certificate)]
    if not taken:
        instead = (
            " (but a tls.crt, which is what a server shows: put it, or its authority's, there)"
            if "tls.crt" in data
            else ""
        )
        raise SecretNotFound(
            f"the Secret {namespace}/{name} holds no certificate in PEM as {CA}{instead}; make it with"
            f" kubectl create secret generic {name} -n {namespace} --from-file={CA}"
        )
    return context


def _certificates(content: bytes) -> Iterator[bytes]:
    """Give each certificate in DER: of a bundle in PEM, or the only one."""
    if content.startswith(_DER_SEQUENCE):
        yield content
    # White space around lines is what YAML and copying leave there, and says nothing in PEM.
    text = b"\n".join(line.strip() for line in content.splitlines())
    # One block at a time: what begins and never ends is looked through once, and not once for each beginning.
    for block in text.split(_BEGIN)[1:]:
        for found in pem.parse(_BEGIN + block):
            if isinstance(found, pem.Certificate):
                try:
                    yield found.decoded_payload
                except ValueError:
                    continue


def _take(context: ssl.SSLContext, certificate: bytes) -> bool:
    try:
        context.load_verify_locations(cadata=certificate)
    except (ssl.SSLError, ValueError):
        return False
    return True
