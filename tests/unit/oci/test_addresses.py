"""Names and addresses that users, and names, must not point the operator to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from dragonfly_task_operator.errors import InvalidTarget, RegistryDenied, SettingsError
from dragonfly_task_operator.oci.addresses import Gate
from dragonfly_task_operator.settings import load
from tests.registry.image import multi_platform
from tests.registry.login import BASIC_AUTH
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

PULL = {"pullSecretRef": {"name": "regcred"}}


@pytest.fixture
def registry(registry: ScriptedRegistry) -> ScriptedRegistry:
    registry.holds(multi_platform())
    return registry


def gate(*allow: str) -> Gate:
    return Gate(load({"scheduler": ("s:8002",), "registry_allowlist": allow}).registry_allowlist)


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


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "127.1", "0x7f000001", "0x7f.1", "0177.0.0.1", "2852039166"),
        *("0", "1.2.3.4.5", "r.0x", "127.1."),
    ],
)
async def test_address_in_disguise_is_no_host(host: str) -> None:
    with pytest.raises(InvalidTarget, match="names no host that can be connected to"):
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
