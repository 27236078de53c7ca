"""Certificates of registries."""

from __future__ import annotations

import ssl
from contextlib import AsyncExitStack

import pytest
import trustme

from dragonfly_task_operator.errors import ImageUnresolvable, RegistryDenied, SecretNotFound
from tests.registry.image import multi_platform
from tests.registry.login import BASIC_AUTH
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

PULL = {"pullSecretRef": {"name": "regcred"}}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def secured(servers: AsyncExitStack, authority: trustme.CA) -> ScriptedRegistry:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    running = await servers.enter_async_context(ScriptedRegistry(tls=context))
    running.holds(multi_platform())
    return running


async def test_certificate_of_an_unknown_authority_is_refused(secured: ScriptedRegistry) -> None:
    with pytest.raises(ImageUnresolvable, match=r"is not trusted \(.*\); name a Secret with its CA .* in caSecretRef"):
        await Reader(allow=(secured.host,))(secured.url())
    assert secured.asked == []


async def test_certificate_of_the_user_s_authority_is_taken(secured: ScriptedRegistry, authority: trustme.CA) -> None:
    read = Reader(allow=(secured.host,), secrets={"ca": {"ca.crt": authority.cert_pem.bytes()}})

    assert (await read(secured.url(), caSecretRef={"name": "ca"})).parts


async def test_certificate_for_another_host_is_refused(servers: AsyncExitStack, authority: trustme.CA) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("other.example.com").configure_cert(context)
    registry = await servers.enter_async_context(ScriptedRegistry(tls=context))
    read = Reader(allow=(registry.host,), secrets={"ca": {"ca.crt": authority.cert_pem.bytes()}})

    with pytest.raises(ImageUnresolvable, match="is not trusted"):
        await read(registry.url(), caSecretRef={"name": "ca"})


@pytest.mark.parametrize("ca", [{}, {"ca.crt": b""}, {"ca.crt": b"no PEM"}, {"ca.crt": b"\xff"}])
async def test_secret_that_holds_no_certificate_is_said_to_be_so(
    secured: ScriptedRegistry, ca: dict[str, bytes]
) -> None:
    with pytest.raises(SecretNotFound, match=r"Secret team/ca holds no certificate in PEM as ca\.crt"):
        await Reader(allow=(secured.host,), secrets={"ca": ca})(secured.url(), caSecretRef={"name": "ca"})


async def test_any_certificate_is_taken_where_the_user_says_so(secured: ScriptedRegistry) -> None:
    assert (await Reader(allow=(secured.host,))(secured.url(), insecureSkipTLSVerify=True)).parts


async def test_certificates_of_other_hosts_are_verified_all_the_same(
    secured: ScriptedRegistry, servers: AsyncExitStack, authority: trustme.CA
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.2").configure_cert(context)
    elsewhere = await servers.enter_async_context(ScriptedRegistry(tls=context, address="127.0.0.2"))
    secured.redirects(elsewhere.url())

    with pytest.raises(ImageUnresolvable, match=r"the certificate of https://127\.0\.0\.2:\d+ is not trusted"):
        await Reader(allow=(secured.host, elsewhere.host))(secured.url(), insecureSkipTLSVerify=True)


async def test_registry_with_tls_must_not_ask_to_log_in_without(
    secured: ScriptedRegistry, other: ScriptedRegistry
) -> None:
    secured.asks_for_a_token(f"{other.origin}/token")
    read = Reader(allow=(secured.host, f"http://{other.host}"), secrets={"regcred": BASIC_AUTH})

    with pytest.raises(RegistryDenied, match="asks to log in without TLS"):
        await read(secured.url(), insecureSkipTLSVerify=True, **PULL)
    assert other.asked == []
