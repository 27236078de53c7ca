"""What a hostile registry can't have: credentials of another, a way to where the operator must not go, a message."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from aiohttp import web

from dragonfly_task_operator.errors import ImageUnresolvable, RegistryDenied, RunError
from tests.registry.image import multi_platform
from tests.registry.login import BASIC, BASIC_AUTH, PASSWORD, auth, docker_config
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

PULL = {"pullSecretRef": {"name": "regcred"}}


@pytest.fixture
def registry(registry: ScriptedRegistry) -> ScriptedRegistry:
    registry.holds(multi_platform())
    return registry


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
    registry.redirects(location)

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
    registry.redirects(registry.url())

    with pytest.raises(ImageUnresolvable, match="redirects more than 5 times"):
        await Reader(allow=(f"http://{registry.host}",))(registry.url())
    assert len(registry.asked) == 6


@pytest.mark.parametrize("location", ["http://[", "https://x:99999/"])
async def test_redirect_to_nonsense_is_given_up(registry: ScriptedRegistry, location: str) -> None:
    registry.redirects(location)

    with pytest.raises(ImageUnresolvable, match="redirects to what is no URL"):
        await Reader(allow=(f"http://{registry.host}",))(registry.url())


@pytest.mark.parametrize(
    "realm", ["https://169.254.169.254/token", "https://127.0.0.1:1/token", "https://evil.com/token", "", "token"]
)
async def test_token_server_is_checked_as_the_registry_was(registry: ScriptedRegistry, realm: str) -> None:
    registry.asks_for_a_token(realm)

    with pytest.raises(RegistryDenied):
        await Reader(allow=(f"http://{registry.host}",), secrets={"regcred": BASIC_AUTH})(registry.url(), **PULL)


async def test_token_server_on_another_host_is_not_told_the_registry_s_credentials(
    registry: ScriptedRegistry, other: ScriptedRegistry
) -> None:
    registry.asks_for_a_token(f"{other.origin}/token")
    other.gives_tokens()
    read = Reader(allow=(f"http://{registry.host}", f"http://{other.host}"), secrets={"regcred": BASIC_AUTH})

    await read(registry.url(), **PULL)

    assert other.asked == [("/token", None)]


async def test_token_server_on_another_host_is_told_what_the_secret_holds_for_it(
    registry: ScriptedRegistry, other: ScriptedRegistry
) -> None:
    registry.asks_for_a_token(f"{other.origin}/token")
    other.gives_tokens()
    secret = docker_config(**{registry.host: auth(password="another"), other.host: auth()})
    read = Reader(allow=(f"http://{registry.host}", f"http://{other.host}"), secrets={"regcred": secret})

    await read(registry.url(), **PULL)

    assert other.asked == [("/token", BASIC)]


@pytest.mark.parametrize(
    ("name", "realm", "is_told"),
    [
        ("registry-1.docker.io", "auth.docker.io", True),
        ("registry.gitlab.com", "gitlab.com", True),
        ("registry.example.co.uk", "tokens.example.co.uk", False),
        ("registry.co.uk", "evil.co.uk", False),
        ("registry.example.com", "registry.example.com.evil.example", False),
    ],
)
async def test_token_server_is_told_the_registrys_credentials_only_where_the_two_are_one(
    registry: ScriptedRegistry,
    other: ScriptedRegistry,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    realm: str,
    *,
    is_told: bool,
) -> None:
    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        address = {name: "127.0.0.1", realm: "127.0.0.2"}[host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    registry.asks_for_a_token(f"http://{realm}:{other.port}/token")
    other.gives_tokens()
    allow = f"http://{name}:{registry.port}", f"http://{realm}:{other.port}"
    url = registry.url().replace("127.0.0.1", name)

    await Reader(allow=allow, secrets={"regcred": BASIC_AUTH})(url, **PULL)

    assert other.asked == [("/token", BASIC if is_told else None)]


async def test_redirect_of_a_token_server_gets_no_credentials(
    registry: ScriptedRegistry, other: ScriptedRegistry
) -> None:
    other.gives_tokens()

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
