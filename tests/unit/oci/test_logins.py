"""Logging in: anonymous tokens, basic, bearer, and which credentials are for which image."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from aiohttp import web

from dragonfly_task_operator.errors import RegistryDenied, SecretNotFound
from dragonfly_task_operator.oci.credentials import Credentials, Keyring
from dragonfly_task_operator.oci.pull_secrets import read_pull_secret
from tests.registry.image import multi_platform
from tests.registry.login import BASIC, BASIC_AUTH, PASSWORD, auth, docker_config
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry


@pytest.fixture
def registry(registry: ScriptedRegistry) -> ScriptedRegistry:
    registry.holds(multi_platform())
    return registry


def wants_basic(registry: ScriptedRegistry) -> None:
    async def intercept(request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == BASIC:
            return None
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="r"'})

    registry.intercept = intercept


def wants_bearer(registry: ScriptedRegistry, *, credentials: str | None, realm: str | None = None) -> list[str]:
    """Give tokens to whoever shows these credentials; notes what tokens are asked for."""
    asked: list[str] = []

    async def intercept(request: web.Request) -> web.Response | None:
        if request.path == "/token":
            asked.append(request.query_string)
            if request.headers.get("Authorization") != credentials:
                return web.Response(status=401)
            return web.json_response({"token": "t0ken"})
        if request.headers.get("Authorization") == "Bearer t0ken":
            return None
        challenge = f'Bearer realm="{realm or registry.origin}/token",service="the registry, of all"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    registry.intercept = intercept
    return asked


def reader(registry: ScriptedRegistry, secret: Mapping[str, bytes] | None = None) -> Reader:
    return Reader(allow=(f"http://{registry.host}",), secrets={} if secret is None else {"regcred": secret})


async def test_anonymous_token_is_fetched_for_pulling(registry: ScriptedRegistry) -> None:
    asked = wants_bearer(registry, credentials=None)

    await reader(registry)(registry.url())

    assert asked == ["service=the registry, of all&scope=repository:library/app:pull"]


async def test_token_is_fetched_with_the_credentials(registry: ScriptedRegistry) -> None:
    wants_bearer(registry, credentials=BASIC)

    assert (await reader(registry, BASIC_AUTH)(registry.url(), pullSecretRef={"name": "regcred"})).parts


async def test_basic_auth_secret_logs_in(registry: ScriptedRegistry) -> None:
    wants_basic(registry)

    assert (await reader(registry, BASIC_AUTH)(registry.url(), pullSecretRef={"name": "regcred"})).parts


async def test_docker_config_logs_in(registry: ScriptedRegistry) -> None:
    wants_basic(registry)
    secret = docker_config(**{registry.host: auth()})

    assert (await reader(registry, secret)(registry.url(), pullSecretRef={"name": "regcred"})).parts


async def test_credentials_that_match_are_tried_one_after_another(registry: ScriptedRegistry) -> None:
    wants_basic(registry)
    secret = docker_config(**{f"{registry.host}/library": auth("old"), registry.host: auth()})

    assert (await reader(registry, secret)(registry.url(), pullSecretRef={"name": "regcred"})).parts


async def test_secret_is_read_in_the_namespace_of_the_object(registry: ScriptedRegistry) -> None:
    read = reader(registry, BASIC_AUTH)

    await read(registry.url(), pullSecretRef={"name": "regcred"})

    assert read.secrets_read == ["team/regcred"]


async def test_credentials_are_not_shown_to_a_registry_that_does_not_ask(registry: ScriptedRegistry) -> None:
    await reader(registry, BASIC_AUTH)(registry.url(), pullSecretRef={"name": "regcred"})

    assert {authorization for _, authorization in registry.asked} == {None}


@pytest.mark.parametrize("wants", [wants_basic, lambda registry: wants_bearer(registry, credentials=BASIC)])
async def test_wrong_credentials_are_said_to_be_so(registry: ScriptedRegistry, wants) -> None:  # type: ignore[no-untyped-def]
    wants(registry)
    read = reader(registry, {"username": b"alice", "password": b"wrong"})

    with pytest.raises(RegistryDenied, match=r"with the credentials of pullSecretRef; check that they are right"):
        await read(registry.url(), pullSecretRef={"name": "regcred"})


async def test_secret_without_credentials_for_the_registry_is_said_to_be_so(registry: ScriptedRegistry) -> None:
    wants_basic(registry)

    with pytest.raises(RegistryDenied, match="the Secret of pullSecretRef holds no credentials for it"):
        await reader(registry, docker_config(elsewhere=auth()))(registry.url(), pullSecretRef={"name": "regcred"})


@pytest.mark.parametrize(
    ("key", "image", "matches"),
    [
        ("registry.example.com", "registry.example.com/app", True),
        ("https://registry.example.com", "registry.example.com/app", True),
        ("https://registry.example.com/v1/", "registry.example.com/app", True),
        ("registry.example.com/v2/", "registry.example.com/app", True),
        ("Registry.Example.com", "registry.example.com/app", True),
        ("registry.example.com/team", "registry.example.com/team/app", True),
        ("registry.example.com/team", "registry.example.com/other/app", False),
        ("registry.example.com:5000", "registry.example.com:5000/app", True),
        ("registry.example.com", "registry.example.com:5000/app", False),
        ("registry.example.com:5000", "registry.example.com/app", False),
        ("*.example.com", "registry.example.com/app", True),
        ("*.example.com", "a.registry.example.com/app", False),
        ("*.example.com", "example.com/app", False),
        ("*.*.example.com/team", "a.registry.example.com/team/app", True),
        ("re*.example.com", "registry.example.com/app", True),
        ("registry.example.com", "registry.example.com.evil.com/app", False),
        ("https://index.docker.io/v1/", "registry-1.docker.io/library/nginx", True),
        ("docker.io", "index.docker.io/library/nginx", True),
        ("docker.io", "docker.io.evil.com/library/nginx", False),
        ("[::1]:5000", "[::1]:5000/app", True),
    ],
)
def test_credentials_match_images_as_with_kubelets(key: str, image: str, matches: bool) -> None:
    keyring = read_pull_secret(docker_config(**{key: auth()}), name="team/regcred", host="")

    assert bool(keyring.lookup(image)) == matches


def test_credentials_for_a_longer_path_come_first() -> None:
    secret = docker_config(**{"r.example.com": auth("all"), "r.example.com/team": auth("team")})

    found = read_pull_secret(secret, name="team/regcred", host="").lookup("r.example.com/team/app")

    assert [each.username for each in found if isinstance(each, Credentials)] == ["team", "all"]


def test_docker_config_may_hold_name_and_password_in_the_clear() -> None:
    secret = docker_config(**{"r.example.com": {"username": "alice", "password": PASSWORD}})

    (found,) = read_pull_secret(secret, name="team/regcred", host="").lookup("r.example.com/app")

    assert (found, isinstance(found, Credentials) and found.password) == (Credentials("alice", PASSWORD), PASSWORD)


@pytest.mark.parametrize(
    "secret",
    [
        {},
        {"ca.crt": b"x"},
        {"username": b"alice"},
        {".dockerconfigjson": f'{{"auths": {{"r": "{PASSWORD}"'.encode()},
        {".dockerconfigjson": f'{{"auths": {{"r": {{"auth": "{PASSWORD}!"}}}}}}'.encode()},
        {".dockerconfigjson": f'{{"auths": {{"r": {{"auth": ["{PASSWORD}"]}}}}}}'.encode()},
        {"username": b"\xff" + PASSWORD.encode(), "password": b""},
    ],
    ids=["empty", "another", "half", "cut off", "no base64", "wrong type", "no text"],
)
def test_secret_that_is_malformed_is_told_by_name_and_never_by_content(secret: dict[str, bytes]) -> None:
    with pytest.raises(SecretNotFound, match="Secret team/regcred") as caught:
        read_pull_secret(secret, name="team/regcred", host="r.example.com")
    assert PASSWORD not in str(caught.value)


def test_keyring_never_shows_what_it_holds() -> None:
    keyring: Keyring = read_pull_secret(BASIC_AUTH, name="team/regcred", host="r.example.com")

    assert "r.example.com" in repr(keyring)
    assert PASSWORD not in repr(keyring)
    assert "alice" not in repr(keyring)


async def test_secret_that_is_not_there(registry: ScriptedRegistry) -> None:
    with pytest.raises(SecretNotFound, match="there is no Secret team/regcred"):
        await reader(registry)(registry.url(), pullSecretRef={"name": "regcred"})
