"""Hostile registries, hostile names, and users who point the operator where it must not go."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
import trustme
from aiohttp import web
from yarl import URL

from dragonfly_task_operator.errors import ImageUnresolvable, RegistryDenied, RunError, SecretNotFound, SettingsError
from dragonfly_task_operator.oci import retrying
from dragonfly_task_operator.oci.addresses import Gate
from dragonfly_task_operator.settings import load
from tests.registry.image import multi_platform
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry
from tests.unit.test_registry_logins import BASIC, BASIC_AUTH, PASSWORD, auth, docker_config

PULL = {"pullSecretRef": {"name": "regcred"}}


@pytest.fixture
async def servers() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def registry(servers: AsyncExitStack) -> ScriptedRegistry:
    running = await servers.enter_async_context(ScriptedRegistry())
    running.holds(multi_platform())
    return running


@pytest.fixture
async def other(servers: AsyncExitStack) -> ScriptedRegistry:
    """Another server, on another host."""
    return await servers.enter_async_context(ScriptedRegistry(address="127.0.0.2"))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(seconds: float) -> None:
        pass

    monkeypatch.setattr(retrying, "sleep", sleep)


def gate(*allow: str) -> Gate:
    return Gate(load({"scheduler": ("s:8002",), "registry_allowlist": allow}).registry_allowlist)


def redirects(registry: ScriptedRegistry, location: str, status: int = 307) -> None:
    async def intercept(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": location})

    registry.intercept = intercept


def names(monkeypatch: pytest.MonkeyPatch, *answers: Sequence[str]) -> list[str]:
    """Let the resolver give these addresses, one answer after another; notes which names it is asked for."""
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        addresses = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (each, port, 0, 0))
            if ":" in each
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in addresses
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.8.8",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "169.254.1.1",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "100.100.100.200",
        "168.63.129.16",
        "224.0.0.1",
        "[ff02::1]",
        "0.0.0.0",
        "[::]",
        "255.255.255.255",
    ],
)
def test_address_is_refused(host: str) -> None:
    with pytest.raises(RegistryDenied, match="the operator may not contact"):
        gate().check(URL(f"https://{host}/v2/app/manifests/1"))


@pytest.mark.parametrize("host", ["10.0.0.7", "192.168.1.1", "93.184.215.14", "[fd12::7]", "[2606:4700::1111]"])
def test_public_and_private_addresses_are_allowed(host: str) -> None:
    gate().check(URL(f"https://{host}/v2/app/manifests/1"))


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f000001", "0177.0.0.1"])
async def test_address_in_disguise_is_refused(host: str) -> None:
    with pytest.raises(RunError):
        await Reader()(f"https://{host}/v2/app/manifests/1")


@pytest.mark.parametrize(
    ("allow", "url", "allowed"),
    [
        ("registry.example.com", "https://registry.example.com", True),
        ("registry.example.com", "https://registry.example.com:5000", True),
        ("registry.example.com", "https://REGISTRY.example.com.", True),
        ("registry.example.com:5000", "https://registry.example.com:5000", True),
        ("registry.example.com:5000", "https://registry.example.com", False),
        ("registry.example.com", "https://evil.com", False),
        ("registry.example.com", "https://registry.example.com.evil.com", False),
        ("registry.example.com", "http://registry.example.com", False),
        ("https://registry.example.com", "http://registry.example.com", False),
        ("http://registry.example.com:80", "http://registry.example.com", True),
        ("http://registry.example.com:5000", "http://registry.example.com:5001", False),
        ("*.example.com", "https://registry.example.com", True),
        ("*.example.com", "https://a.b.example.com", True),
        ("*.example.com", "https://example.com", False),
        ("*.example.com", "https://evilexample.com", False),
        ("*.example.com:443", "https://registry.example.com:5000", False),
        ("127.0.0.1", "https://127.0.0.1:5000", True),
        ("[::1]:5000", "https://[::1]:5000", True),
        ("127.0.0.1:5000", "https://127.0.0.1:5001", False),
        ("169.254.169.254", "https://169.254.169.254", False),
        ("http://169.254.169.254:80", "http://169.254.169.254", False),
    ],
)
def test_allowlist(allow: str, url: str, allowed: bool) -> None:
    if allowed:
        gate(allow).check(URL(url))
    else:
        with pytest.raises(RegistryDenied, match=r"the operator may not contact"):
            gate(allow).check(URL(url))


def test_plain_http_is_refused_without_an_allowlist() -> None:
    with pytest.raises(RegistryDenied, match=r"in plain http; .*--registry-allowlist http://registry\.example\.com:80"):
        gate().check(URL("http://registry.example.com/v2/app/manifests/1"))


@pytest.mark.parametrize(
    "entry", ["ftp://x", "https://", "registry.example.com/team", "a b", "host:0", "host:70000", "*", "*.*", "u@host"]
)
def test_bad_entry_of_the_allowlist_is_refused_at_start(entry: str) -> None:
    with pytest.raises(SettingsError, match=r"registry_allowlist.*is not HOST\[:PORT\], as in registry\.example\.com"):
        gate(entry)


async def test_secret_is_not_even_read_for_a_registry_that_may_not_be_contacted() -> None:
    read = Reader(allow=("registry.example.com",), secrets={"regcred": BASIC_AUTH})

    with pytest.raises(RegistryDenied):
        await read("https://evil.com/v2/app/manifests/1", **PULL)
    assert read.secrets_read == []


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "fe80::1"])
async def test_name_that_stands_for_a_forbidden_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    names(monkeypatch, [address])

    with pytest.raises(RegistryDenied, match=f"may not contact innocent.example.com: {address} is a"):
        await Reader()("https://innocent.example.com/v2/app/manifests/1")


async def test_name_with_one_forbidden_address_among_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["93.184.215.14", "169.254.169.254"])

    with pytest.raises(RegistryDenied, match="cloud metadata"):
        await Reader()("https://innocent.example.com/v2/app/manifests/1")


async def test_wildcard_does_not_allow_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["127.0.0.1"])

    with pytest.raises(RegistryDenied, match=r"127\.0\.0\.1 is a loopback address; start it with --registry-allowlist"):
        await Reader(allow=("*.example.com",))("https://innocent.example.com/v2/app/manifests/1")


async def test_name_is_resolved_once_for_each_connection_and_that_address_is_used(
    registry: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = names(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    url = registry.url().replace("127.0.0.1", "r.example.com")

    await Reader(allow=(f"http://r.example.com:{registry.port}",))(url, platform="linux/amd64")

    assert asked == ["r.example.com"]


async def test_name_that_stands_for_another_address_at_the_next_connection_is_refused(
    registry: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def intercept(request: web.Request) -> web.StreamResponse:
        response = registry.serve(request)
        response.force_close()
        return response

    registry.intercept = intercept
    names(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])

    with pytest.raises(RegistryDenied, match=r"169\.254\.169\.254 is a cloud metadata address"):
        await Reader(allow=(f"http://r.example.com:{registry.port}",))(
            registry.url().replace("127.0.0.1", "r.example.com")
        )


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1:1/v2/app/manifests/1",
        "http://169.254.169.254/latest/meta-data/",
        "https://evil.com/v2/app/manifests/1",
        "file:///etc/passwd",
        "https://user:password@evil.com/",
    ],
)
async def test_redirect_is_checked_as_the_url_was(registry: ScriptedRegistry, location: str) -> None:
    redirects(registry, location)

    with pytest.raises(RegistryDenied, match="not contact"):
        await Reader(allow=(f"http://{registry.host}",))(registry.url())


async def test_redirect_to_an_allowed_registry_is_followed_without_credentials(
    registry: ScriptedRegistry, other: ScriptedRegistry
) -> None:
    image = multi_platform()
    other.holds(image)

    async def intercept(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != BASIC:
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic realm=r"})
        return web.Response(status=307, headers={"Location": f"{other.origin}{request.path}"})

    registry.intercept = intercept
    read = Reader(allow=(f"http://{registry.host}", f"http://{other.host}"), secrets={"regcred": BASIC_AUTH})

    assert (await read(registry.url(), **PULL)).digest == image.root.digest
    assert {authorization for _, authorization in other.asked} == {None}


async def test_redirect_to_another_port_gets_no_credentials(registry: ScriptedRegistry) -> None:
    async with ScriptedRegistry() as neighbour:
        neighbour.holds(multi_platform())

        async def intercept(request: web.Request) -> web.Response:
            if request.headers.get("Authorization") != BASIC:
                return web.Response(status=401, headers={"WWW-Authenticate": "Basic realm=r"})
            return web.Response(status=307, headers={"Location": f"{neighbour.origin}{request.path}"})

        registry.intercept = intercept
        await Reader(allow=(f"http://{registry.host}", f"http://{neighbour.host}"), secrets={"regcred": BASIC_AUTH})(
            registry.url(), **PULL
        )
    assert {authorization for _, authorization in neighbour.asked} == {None}


async def test_redirects_without_end_are_given_up(registry: ScriptedRegistry) -> None:
    redirects(registry, registry.url())

    with pytest.raises(ImageUnresolvable, match="redirects more than 5 times"):
        await Reader(allow=(f"http://{registry.host}",))(registry.url())
    assert len(registry.asked) == 6


@pytest.mark.parametrize("location", ["http://[", "https://x:99999/"])
async def test_redirect_to_nonsense_is_given_up(registry: ScriptedRegistry, location: str) -> None:
    redirects(registry, location)

    with pytest.raises(ImageUnresolvable, match="redirects to what is no URL"):
        await Reader(allow=(f"http://{registry.host}",))(registry.url())


def asks_for_a_token(registry: ScriptedRegistry, realm: str) -> None:
    async def intercept(request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == "Bearer t0ken":
            return None
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'})

    registry.intercept = intercept


def gives_tokens(server: ScriptedRegistry) -> None:
    async def intercept(request: web.Request) -> web.Response:
        return web.json_response({"access_token": "t0ken"})

    server.intercept = intercept


@pytest.mark.parametrize(
    "realm", ["https://169.254.169.254/token", "https://127.0.0.1:1/token", "https://evil.com/token", "", "token"]
)
async def test_token_server_is_checked_as_the_registry_was(registry: ScriptedRegistry, realm: str) -> None:
    asks_for_a_token(registry, realm)

    with pytest.raises(RegistryDenied):
        await Reader(allow=(f"http://{registry.host}",), secrets={"regcred": BASIC_AUTH})(registry.url(), **PULL)


async def test_token_server_on_another_host_is_not_told_the_registry_s_credentials(
    registry: ScriptedRegistry, other: ScriptedRegistry
) -> None:
    asks_for_a_token(registry, f"{other.origin}/token")
    gives_tokens(other)
    read = Reader(allow=(f"http://{registry.host}", f"http://{other.host}"), secrets={"regcred": BASIC_AUTH})

    await read(registry.url(), **PULL)

    assert other.asked == [("/token", None)]


async def test_token_server_on_another_host_is_told_what_the_secret_holds_for_it(
    registry: ScriptedRegistry, other: ScriptedRegistry
) -> None:
    asks_for_a_token(registry, f"{other.origin}/token")
    gives_tokens(other)
    secret = docker_config(**{registry.host: auth(password="another"), other.host: auth()})
    read = Reader(allow=(f"http://{registry.host}", f"http://{other.host}"), secrets={"regcred": secret})

    await read(registry.url(), **PULL)

    assert other.asked == [("/token", BASIC)]


async def test_token_server_beside_the_registry_is_told_its_credentials(
    registry: ScriptedRegistry, other: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        address = {"registry-1.docker.io": "127.0.0.1", "auth.docker.io": "127.0.0.2"}[host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    asks_for_a_token(registry, f"http://auth.docker.io:{other.port}/token")
    gives_tokens(other)
    allow = f"http://registry-1.docker.io:{registry.port}", f"http://auth.docker.io:{other.port}"
    url = registry.url().replace("127.0.0.1", "registry-1.docker.io")

    await Reader(allow=allow, secrets={"regcred": BASIC_AUTH})(url, **PULL)

    assert other.asked == [("/token", BASIC)]


async def test_redirect_of_a_token_server_gets_no_credentials(
    registry: ScriptedRegistry, other: ScriptedRegistry
) -> None:
    gives_tokens(other)

    async def intercept(request: web.Request) -> web.Response | None:
        if request.path == "/token":
            return web.Response(status=302, headers={"Location": f"{other.origin}/token"})
        if request.headers.get("Authorization") == "Bearer t0ken":
            return None
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{registry.origin}/token"'})

    registry.intercept = intercept
    read = Reader(allow=(f"http://{registry.host}", f"http://{other.host}"), secrets={"regcred": BASIC_AUTH})

    await read(registry.url(), **PULL)

    assert other.asked == [("/token", None)]


async def test_images_to_spare_on_another_host_get_no_basic_auth(
    registry: ScriptedRegistry, other: ScriptedRegistry
) -> None:
    async def intercept(request: web.Request) -> web.Response | None:
        return web.Response(status=401, headers={"WWW-Authenticate": "Basic realm=r"})

    other.intercept = intercept
    read = Reader(allow=(f"http://{registry.host}", f"http://{other.host}"), secrets={"regcred": BASIC_AUTH})

    with pytest.raises(RegistryDenied, match="holds no credentials for it"):
        await read(registry.url(), keepSharedWith=[other.url()], **PULL)
    assert {authorization for _, authorization in other.asked} == {None}


@pytest.mark.parametrize("token", ["", "t0\nken", "tökn"])
async def test_token_that_is_none_is_refused(registry: ScriptedRegistry, token: str) -> None:
    async def intercept(request: web.Request) -> web.Response:
        if request.path == "/token":
            return web.json_response({"token": token})
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{registry.origin}/token"'})

    registry.intercept = intercept
    with pytest.raises(ImageUnresolvable, match="sent no token"):
        await Reader(allow=(f"http://{registry.host}",))(registry.url())


@pytest.mark.parametrize("status", [200, 401, 403, 404, 418, 429, 500, 302])
async def test_what_a_registry_was_told_never_comes_back_in_a_message(registry: ScriptedRegistry, status: int) -> None:
    """It may echo credentials in every part of its answer."""

    async def intercept(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") is None:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="r"'})
        headers = {
            "Location": f"https://127.0.0.1:1/{BASIC}?p={PASSWORD}",
            "Docker-Content-Digest": PASSWORD,
            "Content-Type": f"application/{PASSWORD}",
            "Retry-After": PASSWORD,
            "WWW-Authenticate": f'Basic realm="{PASSWORD}"',
        }
        return web.Response(status=status, reason=PASSWORD, headers=headers, body=f'{{"errors": "{BASIC}"}}'.encode())

    registry.intercept = intercept
    read = Reader(allow=(f"http://{registry.host}",), secrets={"regcred": BASIC_AUTH})

    with pytest.raises(RunError) as caught:
        await read(registry.url(), **PULL)

    told = [str(caught.value), repr(caught.value), *(str(trouble) for trouble in read.troubles)]
    assert registry.asked[-1][1] == BASIC
    assert [text for text in told if PASSWORD in text or BASIC.split()[1] in text or "alice" in text] == []


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
    redirects(secured, elsewhere.url())

    with pytest.raises(ImageUnresolvable, match=r"the certificate of https://127\.0\.0\.2:\d+ is not trusted"):
        await Reader(allow=(secured.host, elsewhere.host))(secured.url(), insecureSkipTLSVerify=True)


async def test_registry_with_tls_must_not_ask_to_log_in_without(
    secured: ScriptedRegistry, other: ScriptedRegistry
) -> None:
    asks_for_a_token(secured, f"{other.origin}/token")
    read = Reader(allow=(secured.host, f"http://{other.host}"), secrets={"regcred": BASIC_AUTH})

    with pytest.raises(RegistryDenied, match="asks to log in without TLS"):
        await read(secured.url(), insecureSkipTLSVerify=True, **PULL)
    assert other.asked == []
