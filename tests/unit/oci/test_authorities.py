"""Bundles of certificates as people paste them."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dragonfly_task_operator.errors import SecretNotFound
from dragonfly_task_operator.oci.authorities import trusting
from tests.registry.image import multi_platform
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

CA = trustme.CA()
PEM = CA.cert_pem.bytes()
OTHER = trustme.CA().cert_pem.bytes()
KEY = CA.private_key_pem.bytes()
DER = x509.load_pem_x509_certificate(PEM).public_bytes(Encoding.DER)
BROKEN = b"-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"
NO_BASE64 = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"

TAKEN: dict[str, bytes] = {
    "as it is": PEM,
    "comment in UTF-8": "# Wurzel für Bücher, 根证书\n".encode() + PEM,
    "comment in another encoding": b"# Gr\xfc\xdfe\n" + PEM,
    "byte order mark": b"\xef\xbb\xbf" + PEM,
    "line ends of Windows": PEM.replace(b"\n", b"\r\n"),
    "line ends of old": PEM.replace(b"\n", b"\r"),
    "spaces behind each line": PEM.replace(b"\n", b" \t\n"),
    "indented, as in YAML": b"".join(b"    " + line for line in PEM.splitlines(keepends=True)),
    "no line end": PEM.rstrip(b"\n"),
    "indented text around": b"subject=CN = x\nissuer=CN = x\n" + PEM + b"\n\n# end\n",
    "several": OTHER + PEM,
    "several without a line between": OTHER.rstrip(b"\n") + PEM,
    "the same twice": PEM + PEM,
    "a key before": KEY + PEM,
    "a key behind": PEM + KEY,
    "a broken one before": BROKEN + NO_BASE64 + PEM,
    "one that is cut off before": PEM[:200] + b"\n" + PEM,
    "one that is cut off behind": PEM + PEM[:200],
    "one line of base64": b"\n".join((PEM.split(b"\n")[0], b"".join(PEM.split(b"\n")[1:-2]), PEM.split(b"\n")[-2])),
    "DER": DER,
}  # fmt: skip


@pytest.mark.parametrize("how", TAKEN)
def test_certificate_is_taken(how: str) -> None:
    context = trusting({"ca.crt": TAKEN[how]}, namespace="team", name="ca")

    assert DER in context.get_ca_certs(binary_form=True)


@pytest.mark.parametrize("how", TAKEN)
async def test_registry_is_trusted_by_it(servers: AsyncExitStack, how: str) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert("127.0.0.1").configure_cert(server)
    registry = await servers.enter_async_context(ScriptedRegistry(tls=server))
    registry.holds(multi_platform())
    read = Reader(allow=(registry.host,), secrets={"ca": {"ca.crt": TAKEN[how]}})

    assert (await read(registry.url(), caSecretRef={"name": "ca"})).parts


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"\xff\xfe", KEY, BROKEN, NO_BASE64, PEM[:200], DER[:100], b"\x30", PEM.decode().encode("utf-16")],
    ids=["empty", "x", "no text", "a key", "broken", "no base64", "half PEM", "half DER", "one octet", "utf-16"],
)
def test_secret_without_a_certificate_is_said_to_be_so(content: bytes) -> None:
    with pytest.raises(
        SecretNotFound, match=r"the Secret team/ca holds no certificate in PEM as ca\.crt; make it with"
    ):
        trusting({"ca.crt": content}, namespace="team", name="ca")


def test_certificate_under_another_key_is_pointed_at() -> None:
    with pytest.raises(SecretNotFound, match=r"holds no certificate in PEM as ca\.crt \(but a tls\.crt"):
        trusting({"tls.crt": PEM, "tls.key": KEY}, namespace="team", name="ca")


def test_what_begins_and_never_ends_takes_no_time() -> None:
    with pytest.raises(SecretNotFound):
        trusting({"ca.crt": b"-----BEGIN CERTIFICATE-----\n" * 30_000}, namespace="team", name="ca")


def leaf(authority: trustme.CA) -> bytes:
    return LEAF.cert_chain_pems[0].bytes()


def intermediate(authority: trustme.CA) -> bytes:
    return BETWEEN.cert_pem.bytes()


BETWEEN = CA.create_child_ca()
LEAF = BETWEEN.issue_cert("127.0.0.1")


@pytest.mark.parametrize("given", [leaf, intermediate])
async def test_certificate_that_is_no_root_is_trusted_as_clients_in_go_trust_it(
    servers: AsyncExitStack, given: Callable[[trustme.CA], bytes]
) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    LEAF.configure_cert(server)
    registry = await servers.enter_async_context(ScriptedRegistry(tls=server))
    registry.holds(multi_platform())
    read = Reader(allow=(registry.host,), secrets={"ca": {"ca.crt": given(CA)}})

    assert (await read(registry.url(), caSecretRef={"name": "ca"})).parts
