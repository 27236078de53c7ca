"""Docker configs as people and programs write them: what kubelets take is taken, and one bad entry spoils no other."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from aiohttp import web

from dragonfly_task_operator.errors import RegistryDenied, SecretNotFound
from dragonfly_task_operator.oci.credentials import Credentials, IdentityToken, RegistryToken
from dragonfly_task_operator.oci.pull_secrets import read_pull_secret
from tests.registry.image import multi_platform
from tests.registry.login import PASSWORD, auth, docker_config
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

R = "r.example.com"
ALICE = Credentials("alice", PASSWORD)
ODD = Credentials("al", "p~~???>>>")
"""Whose base64 has both of the characters that differ in URLs."""


def encoded(text: str, *, urlsafe: bool = False) -> str:
    return (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(text.encode()).decode()


@pytest.mark.parametrize(
    ("entry", "logins"),
    [
        (auth(), [ALICE]),
        ({"auth": encoded(f"alice:{PASSWORD}").rstrip("=")}, [ALICE]),
        ({"auth": encoded("al:p~~???>>>", urlsafe=True)}, [ODD]),
        ({"auth": encoded("al:p~~???>>>", urlsafe=True).rstrip("=")}, [ODD]),
        ({"auth": encoded(f"alice:{PASSWORD}")[:9] + "\n" + encoded(f"alice:{PASSWORD}")[9:] + "\r\n"}, [ALICE]),
        ({"auth": f" {encoded(f'alice:{PASSWORD}')} "}, [ALICE]),
        ({"auth": encoded("alice:a:b:c")}, [Credentials("alice", "a:b:c")]),
        ({"auth": encoded("ünï:cödé")}, [Credentials("ünï", "cödé")]),
        ({"auth": encoded("alice:")}, [Credentials("alice", "")]),
        ({"username": "alice", "password": PASSWORD}, [ALICE]),
        ({"username": "alice", "password": PASSWORD, "auth": ""}, [ALICE]),
        ({"username": "alice", "password": PASSWORD, "auth": None, "email": None}, [ALICE]),
        ({"username": "old", "password": "old", **auth()}, [ALICE]),
        ({**auth(), "email": 7, "unknown": [1]}, [ALICE]),
        ({"identitytoken": "t"}, [IdentityToken("t")]),
        ({"auth": encoded("00000000-0000-0000-0000-000000000000:"), "identitytoken": "t"}, [IdentityToken("t")]),
        ({"auth": "!!!", "identitytoken": "t"}, [IdentityToken("t")]),
        ({**auth(), "identitytoken": "t"}, [IdentityToken("t"), ALICE]),
        ({"registrytoken": "t"}, [RegistryToken("t")]),
        ({"Username": "alice", "PASSWORD": PASSWORD}, [ALICE]),
        ({"Auth": encoded(f"alice:{PASSWORD}")}, [ALICE]),
        ({"identityToken": "t"}, [IdentityToken("t")]),
        ({"auth": encoded(f"alice:{PASSWORD}\0\0")}, [ALICE]),
    ],
)
def test_entry_is_read(entry: dict[str, Any], logins: list[object]) -> None:
    keyring = read_pull_secret(docker_config(**{R: entry}), name="team/regcred", host="")

    assert list(keyring.lookup(f"{R}/app")) == logins


@pytest.mark.parametrize("login", [b"al:p\xe4ss", b"\xff\xfe:\x80", "al:pä".encode()])
def test_password_in_any_encoding_is_sent_as_it_is(login: bytes) -> None:
    auth = base64.b64encode(login).decode()

    (found,) = read_pull_secret(docker_config(**{R: {"auth": auth}}), name="team/regcred", host="").lookup(f"{R}/app")

    assert isinstance(found, Credentials)
    assert found.basic == f"Basic {auth}"


BAD = [
    None,
    {},
    [],
    "",
    7,
    "text",
    [1],
    {"auth": "!!!"},
    {"auth": encoded("no colon")},
    {"auth": 7},
    {"auth": "a"},
    {"auth": ":"},
    {"auth": encoded(":")},
    {"username": ""},
    {"username": ["x"]},
    {"auth": {"x": 1}},
    {"registrytoken": "no\ntoken"},
    {"identitytoken": 7},
]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_bad_entry_spoils_no_other_and_is_told_where_it_would_have_been_needed(bad: object) -> None:
    secret = docker_config(**{"bad.example.com": bad, R: auth(), "also.example.com": auth("bob")})

    keyring = read_pull_secret(secret, name="team/regcred", host="")

    assert keyring.lookup(f"{R}/app") == (ALICE,)
    assert keyring.lookup("bad.example.com/app") == ()
    assert keyring.why_not("bad.example.com/app")
    assert keyring.why_not(f"{R}/app") is None


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"auths": None},
        {"auths": {}},
        {"auths": {R: {}}, "credsStore": "desktop"},
        {"auths": {R: None}},
        {"credHelpers": {R: "ecr-login"}},
        {"credsStore": "osxkeychain"},
        {"auths": {R: {}}, "HttpHeaders": {"User-Agent": "Docker"}},
        {"auths": {R: {"auth": encoded(":")}}},
        {"auths": {}, "credHelpers": None, "credsStore": None},
        {"proxies": {"default": {}}},
        {"Auths": {R: {}}, "CredsStore": "desktop"},
        {"auths": {}, "credHelpers": ["ecr-login"]},
        {"credHelpers": 7},
    ],
)
async def test_public_image_is_read_whatever_is_missing_in_the_secret(
    registry: ScriptedRegistry, content: dict[str, Any]
) -> None:
    registry.holds(multi_platform())
    text = json.dumps(content).replace(R, registry.host)
    read = Reader(allow=(f"http://{registry.host}",), secrets={"s": {".dockerconfigjson": text.encode()}})

    assert (await read(registry.url(), pullSecretRef={"name": "s"})).parts

    # With a token for everybody, no empty login is shown for it either.
    registry.asks_for_a_token(f"http://{registry.address}:{registry.port}/token")
    asks = registry.intercept
    assert asks is not None

    async def intercept(request: Any) -> Any:
        if request.path == "/token":
            return web.json_response({"token": "t0ken"}, status=401 if "Authorization" in request.headers else 200)
        return await asks(request)

    registry.intercept = intercept
    assert (await read(registry.url(), pullSecretRef={"name": "s"})).parts


@pytest.mark.parametrize("empty", [b"", b" \n", b"{}"])
def test_empty_config_holds_nothing(empty: bytes) -> None:
    assert read_pull_secret({".dockerconfigjson": empty}, name="n/s", host="").entries == ()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"auths": {R: {}}, "credsStore": "desktop"}, r"credential store \(credsStore\)"),
        ({"credHelpers": {R: "ecr-login"}}, r"credential helper \(credHelpers\)"),
        ({"auths": {R: None}}, "neither a name and a password nor a token"),
        ({"auths": {R: {"auth": "?"}, "x.example.com": auth()}}, "not NAME:PASSWORD in base64"),
    ],
)
async def test_entry_that_would_have_been_needed_is_told(
    registry: ScriptedRegistry, content: dict[str, Any], why: str
) -> None:
    registry.challenges('Basic realm="r"')
    text = json.dumps(content).replace(R, registry.host)
    read = Reader(allow=(f"http://{registry.host}",), secrets={"s": {".dockerconfigjson": text.encode()}})

    with pytest.raises(
        RegistryDenied, match=rf"the entry for it in the Secret of pullSecretRef can't be used: .*{why}"
    ):
        await read(registry.url(), pullSecretRef={"name": "s"})
    assert {login for _, login in registry.asked} == {None}


async def test_empty_name_and_password_are_not_shown(registry: ScriptedRegistry) -> None:
    registry.challenges('Basic realm="r"')
    read = Reader(allow=(f"http://{registry.host}",), secrets={"s": {"username": b"", "password": b""}})

    with pytest.raises(RegistryDenied, match="can't be used: it holds neither a name and a password nor a token"):
        await read(registry.url(), pullSecretRef={"name": "s"})
    assert {login for _, login in registry.asked} == {None}


def test_secret_of_the_old_kind_is_read() -> None:
    old = {".dockercfg": json.dumps({f"https://{R}/v1/": {**auth(), "email": "a@b"}, "x": None}).encode()}

    assert read_pull_secret(old, name="n/s", host="").lookup(f"{R}/app") == (ALICE,)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"auths": []}', b'{"auths": 7}', b"7", b'"x"', b"\xff"])
def test_config_that_is_none_is_told_by_name(content: bytes) -> None:
    with pytest.raises(SecretNotFound, match=r"of the Secret team/regcred is malformed; make it with"):
        read_pull_secret({".dockerconfigjson": content}, name="team/regcred", host="")


@pytest.mark.parametrize(
    ("key", "image", "scheme", "matches"),
    [
        (f"{R}:443", f"{R}/app", "https", True),
        (R, f"{R}:443/app", "https", True),
        (f"https://{R}:443/v2/", f"{R}/app", "https", True),
        (f"{R}:80", f"{R}/app", "https", False),
        (f"{R}:80", f"{R}/app", "http", True),
        (f"{R}:443", f"{R}/app", "http", False),
        (f"{R}:443/team", f"{R}/team/app", "https", True),
        (f"{R}:443/team", f"{R}/other/app", "https", False),
        ("*.example.com:443", f"{R}/app", "https", True),
        (f"{R}.", f"{R}/app", "https", True),
        (f"{R}.:443", f"{R}/app", "https", True),
        (f"HTTPS://{R.upper()}/", f"{R}/app", "https", True),
        (f"http://{R}", f"{R}/app", "https", True),
        (f"https://user@{R}/", f"{R}/app", "https", True),
        (f" {R} ", f"{R}/app", "https", True),
        (f"{R}/?x#y", f"{R}/app", "https", True),
        ("https://index.docker.io/v1/", "registry-1.docker.io/library/nginx", "https", True),
        ("https://index.docker.io/v1", "registry-1.docker.io/library/nginx", "https", True),
        ("index.docker.io", "docker.io/library/nginx", "https", True),
        ("docker.io:443", "registry-1.docker.io/library/nginx", "https", True),
        ("registry.hub.docker.com", "registry-1.docker.io/library/nginx", "https", True),
        ("docker.io/team", "registry-1.docker.io/team/app", "https", True),
        ("docker.io/team", "registry-1.docker.io/library/nginx", "https", False),
        ("docker.io:5000", "registry-1.docker.io/library/nginx", "https", False),
        ("*.dkr.ecr.*.amazonaws.com", "1.dkr.ecr.eu-west-1.amazonaws.com/app", "https", True),
        ("*-docker.pkg.dev", "eu-docker.pkg.dev/p/r/i", "https", True),
        ("[fd00::1]:5000", "[fd00::1]:5000/app", "https", True),
        ("", f"{R}/app", "https", False),
        ("https://", f"{R}/app", "https", False),
    ],
)
def test_names_of_one_registry_are_one(key: str, image: str, scheme: str, *, matches: bool) -> None:
    keyring = read_pull_secret(docker_config(**{key: auth()}), name="n/s", host="")

    assert bool(keyring.lookup(image, scheme=scheme)) is matches


async def test_default_port_is_the_same_registry_on_both_sides(registry: ScriptedRegistry) -> None:
    read = Reader(allow=(f"http://{registry.host}",))

    for key in (f"{registry.host}", f"http://{registry.host}/v2/", f"HTTPS://{registry.host}"):
        registry.holds(multi_platform())
        read.secrets = {"s": docker_config(**{key: auth()})}
        registry.asked.clear()
        registry.challenges("Basic")
        with pytest.raises(RegistryDenied, match="with the credentials of pullSecretRef"):
            await read(registry.url(), pullSecretRef={"name": "s"})


def test_nothing_of_a_secret_is_shown_by_what_is_read_of_it() -> None:
    secret = docker_config(
        a=auth(), b={"identitytoken": PASSWORD}, c={"registrytoken": PASSWORD}, d={"auth": PASSWORD + "!"}
    )

    assert PASSWORD not in repr(read_pull_secret(secret, name="n/s", host=""))
