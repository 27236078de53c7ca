"""WWW-Authenticate as registries send it."""

from __future__ import annotations

import pytest
from aiohttp import web

from dragonfly_task_operator.errors import ImageUnresolvable, RegistryDenied
from dragonfly_task_operator.oci.challenges import Basic, Bearer, Other, choose
from tests.registry.image import multi_platform
from tests.registry.login import BASIC, BASIC_AUTH, PASSWORD, auth, docker_config
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

T = "https://r.example.com/token"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        # What registries send.
        (
            [f'Bearer realm="{T}",service="registry.docker.io",scope="repository:library/nginx:pull"'],
            Bearer(T, "registry.docker.io", "repository:library/nginx:pull"),
        ),
        (
            [
                'Bearer realm="https://harbor.example.com/service/token",service="harbor-registry",scope="repository:a/b:pull"'
            ],
            Bearer("https://harbor.example.com/service/token", "harbor-registry", "repository:a/b:pull"),
        ),
        (['Basic realm="https://1.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com"'], Basic()),
        (
            [
                'Bearer realm="https://eu-docker.pkg.dev/v2/token",service="eu-docker.pkg.dev",scope="repository:p/r/i:pull"'
            ],
            Bearer("https://eu-docker.pkg.dev/v2/token", "eu-docker.pkg.dev", "repository:p/r/i:pull"),
        ),
        (
            [
                'Bearer realm="https://x.azurecr.io/oauth2/token",service="x.azurecr.io",scope="repository:a:pull"',
                'Basic realm="x"',
            ],
            Bearer("https://x.azurecr.io/oauth2/token", "x.azurecr.io", "repository:a:pull"),
        ),
        (
            ['Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:o/i:pull"'],
            Bearer("https://ghcr.io/token", "ghcr.io", "repository:o/i:pull"),
        ),
        (
            ['Bearer realm="https://quay.io/v2/auth",service="quay.io",scope="repository:o/i:pull"'],
            Bearer("https://quay.io/v2/auth", "quay.io", "repository:o/i:pull"),
        ),
        (
            [
                'Bearer realm="https://gitlab.com/jwt/auth",service="container_registry",scope="repository:g/p:pull",error="invalid_token"'
            ],
            Bearer("https://gitlab.com/jwt/auth", "container_registry", "repository:g/p:pull"),
        ),
        (['BASIC realm="Sonatype Nexus Repository Manager"'], Basic()),
        (['Basic realm="Artifactory Realm"', f'Bearer realm="{T}",service="a"'], Bearer(T, "a", "")),
        # Several challenges, in any order, any case, with any white space.
        ([f'Basic realm="r", Bearer realm="{T}",service="s"'], Bearer(T, "s", "")),
        ([f'Bearer realm="{T}",service="s", Basic realm="r"'], Bearer(T, "s", "")),
        ([f'NEGOTIATE, bEaReR REALM = "{T}" , Service = "s"'], Bearer(T, "s", "")),
        ([f',, Negotiate YWJj== ,\tBearer   realm="{T}"'], Bearer(T, "", "")),
        (['Digest realm="d", nonce="n", qop="auth,auth-int", Basic realm="b"'], Basic()),
        ([f'Bearer error="invalid_token", Bearer realm="{T}"'], Bearer(T, "", "")),
        ([f'Bearer service="a,b \\"c\\" = d",realm="{T}"'], Bearer(T, 'a,b "c" = d', "")),
        (
            [f'Bearer realm="{T}",service=s,scope="repository:a/b:pull,push"'],
            Bearer(T, "s", "repository:a/b:pull,push"),
        ),
        ([f'Bearer service="Bearer realm=\\"x\\"", realm="{T}"'], Bearer(T, 'Bearer realm="x"', "")),
        ([f"Basic realm=\"x, Bearer realm='{T}'\""], Basic()),
        # Nothing to go by.
        ([], None),
        ([""], None),
        ([" , ,"], None),
        (["="], None),
        (["Basic"], Basic()),
        (["basic realm="], Basic()),
        (["Basic realm"], Basic()),
        (['Basic realm="open'], Basic()),
        (["Bearer"], Bearer("", "", "")),
        (['Bearer realm="open'], Bearer("", "", "")),
        (["Bearer realm="], Bearer("", "", "")),
        (["Negotiate", "NTLM", 'Digest realm="x"'], Other(("Negotiate", "NTLM", "Digest"))),
        ([f"X-{PASSWORD} a=b"], Other(())),
    ],
)
def test_challenge_is_read_as_rfc_9110_has_it(headers: list[str], expected: object) -> None:
    assert choose(headers) == expected


@pytest.mark.parametrize(
    "challenges",
    [
        ('Basic realm="r", Bearer realm="REALM",service="s"',),
        ('Basic realm="r"', 'Bearer realm="REALM",service="s"'),
        ('bearer  Realm = "REALM" ,  SERVICE = "s"',),
        ('Negotiate abc=, Bearer realm="REALM", service=s, Digest realm="x", nonce="y"',),
    ],
)
async def test_token_is_fetched_whatever_the_registry_offers_beside(
    registry: ScriptedRegistry, challenges: tuple[str, ...]
) -> None:
    registry.holds(multi_platform())
    asked: list[str] = []

    async def intercept(request: web.Request) -> web.Response | None:
        if request.path == "/token":
            asked.append(request.raw_path)
            return web.json_response({"token": "t0ken"})
        if request.headers.get("Authorization") == "Bearer t0ken":
            return None
        response = web.Response(status=401)
        for each in challenges:
            response.headers.add("WWW-Authenticate", each.replace("REALM", f"{registry.origin}/token?a=%2F&scope=x"))
        return response

    registry.intercept = intercept

    assert (await Reader(allow=(f"http://{registry.host}",))(registry.url())).parts
    assert set(asked) == {"/token?a=%2F&service=s&scope=repository%3Alibrary%2Fapp%3Apull"}


@pytest.mark.parametrize(
    "challenge", ["Basic realm=", "Basic", "basic realm", "X-Other", "Negotiate", ",", 'Basic realm="']
)
async def test_challenge_that_nobody_can_answer_is_a_refusal(
    registry: ScriptedRegistry, read: Reader, challenge: str
) -> None:
    registry.challenges(challenge)

    with pytest.raises(RegistryDenied, match=r"401 Unauthorized"):
        await read(registry.url())


@pytest.mark.parametrize(
    "answer",
    [
        {"token": "t0ken"},
        {"access_token": "t0ken"},
        {"token": "t0ken", "access_token": None},
        {"token": None, "access_token": "t0ken"},
        {"token": "", "access_token": "t0ken"},
        {"token": "t0ken", "access_token": "other"},
        {"token": 7, "access_token": "t0ken"},
        {"token": "t0ken", "expires_in": "300", "issued_at": None},
        {"token": "t0ken", "expires_in": -1, "refresh_token": {}},
        {"token": "t0ken", "issued_at": 17, "x": [[[]]]},
        {"token": "no token", "access_token": "t0ken"},
    ],
)
async def test_token_is_found_in_what_a_token_server_sends(
    registry: ScriptedRegistry, answer: dict[str, object]
) -> None:
    await _with_token_answer(registry, web.json_response(answer).body)

    assert (await Reader(allow=(f"http://{registry.host}",))(registry.url())).parts


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b'"t0ken"',
        b"t0ken",
        b'{"token": null}',
        b'{"token": null, "access_token": null}',
        b'{"token": ["t0ken"]}',
        b'{"token": "t0 ken"}',
        b'{"token": "t0ken\\n"}',
        b'{"token": "t\\u00e4"}',
        b"<html>",
        b"\xff",
        b'{"Token": "t0ken"}',
        b"[" * 10_000,
    ],
)
async def test_answer_without_a_token_is_said_to_be_so(registry: ScriptedRegistry, answer: bytes) -> None:
    await _with_token_answer(registry, answer)

    with pytest.raises(ImageUnresolvable, match=f"the token server {registry.origin} sent no token"):
        await Reader(allow=(f"http://{registry.host}",))(registry.url())


async def _with_token_answer(registry: ScriptedRegistry, answer: object) -> None:
    assert isinstance(answer, bytes)
    registry.holds(multi_platform())

    async def intercept(request: web.Request) -> web.Response | None:
        if request.path == "/token":
            return web.Response(body=answer, content_type="application/json")
        if request.headers.get("Authorization") == "Bearer t0ken":
            return None
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{registry.origin}/token"'})

    registry.intercept = intercept


async def test_identity_token_is_given_for_a_token_and_goes_nowhere_else(registry: ScriptedRegistry) -> None:
    registry.holds(multi_platform())
    forms: list[dict[str, object]] = []

    async def intercept(request: web.Request) -> web.Response | None:
        if request.path == "/token":
            assert request.method == "POST"
            forms.append(dict(await request.post()))
            return web.json_response({"access_token": "t0ken", "refresh_token": "new"})
        if request.headers.get("Authorization") == "Bearer t0ken":
            return None
        challenge = f'Bearer realm="{registry.origin}/token",service="r.azurecr.io",scope="repository:library/app:pull"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    registry.intercept = intercept
    # As `az acr login` and `docker login` write it: a name that means nothing, and no password.
    entry = {"auth": "MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwOg==", "identitytoken": PASSWORD}
    read = Reader(allow=(f"http://{registry.host}",), secrets={"regcred": docker_config(**{registry.host: entry})})

    assert (await read(registry.url(), platform="linux/amd64", pullSecretRef={"name": "regcred"})).parts
    assert forms == [
        {
            "grant_type": "refresh_token",
            "service": "r.azurecr.io",
            "scope": "repository:library/app:pull",
            "client_id": "dragonfly-task-operator",
            "refresh_token": PASSWORD,
        }
    ]
    assert [each for each in registry.asked if PASSWORD in str(each)] == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
@pytest.mark.parametrize("has_password", [True, False])
async def test_identity_token_that_is_not_taken_is_told_for_one_and_the_password_tried(
    registry: ScriptedRegistry, status: int, *, has_password: bool
) -> None:
    registry.holds(multi_platform())
    registry.asks_for_a_token(f"{registry.origin}/token")
    asks = registry.intercept
    assert asks is not None

    async def intercept(request: web.Request) -> web.StreamResponse | None:
        if request.path != "/token":
            return await asks(request)
        if request.method == "POST":
            return web.json_response({"error": "invalid_grant"}, status=status)
        return web.json_response({"token": "t0ken"}, status=200 if "Authorization" in request.headers else 401)

    registry.intercept = intercept
    entry = {"identitytoken": "old", **(auth() if has_password else {})}
    read = Reader(allow=(f"http://{registry.host}",), secrets={"regcred": docker_config(**{registry.host: entry})})
    reading = read(registry.url(), pullSecretRef={"name": "regcred"})

    if has_password:
        assert (await reading).parts
        return
    with pytest.raises(RegistryDenied, match=rf"gives no token \({status} .*\) with .*identity token: those expire"):
        await reading


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_identity_token_is_not_taken_elsewhere_by_a_redirect(
    registry: ScriptedRegistry, other: ScriptedRegistry, status: int
) -> None:
    async def intercept(request: web.Request) -> web.Response:
        if request.path == "/token":
            return web.Response(status=status, headers={"Location": f"{other.origin}/token"})
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{registry.origin}/token"'})

    registry.intercept = intercept
    secret = docker_config(**{registry.host: {"identitytoken": PASSWORD}})
    read = Reader(allow=(f"http://{registry.host}", f"http://{other.host}"), secrets={"regcred": secret})

    with pytest.raises(ImageUnresolvable, match=f"the token server .* answered {status}"):
        await read(registry.url(), pullSecretRef={"name": "regcred"})
    assert other.asked == []


async def test_registry_token_is_shown_as_it_is(registry: ScriptedRegistry) -> None:
    registry.holds(multi_platform())
    registry.asks_for_a_token(f"{registry.origin}/token")
    secret = docker_config(**{registry.host: {"registrytoken": "t0ken"}})
    read = Reader(allow=(f"http://{registry.host}",), secrets={"regcred": secret})

    assert (await read(registry.url(), pullSecretRef={"name": "regcred"})).parts
    assert "/token" not in {path for path, _ in registry.asked}


async def test_login_that_has_run_out_is_done_again(registry: ScriptedRegistry, read: Reader) -> None:
    registry.holds(multi_platform())
    given = 0

    async def intercept(request: web.Request) -> web.Response | None:
        nonlocal given
        if request.path == "/token":
            given += 1
            return web.json_response({"token": f"t{given}", "expires_in": 0})
        if request.path.endswith("/1.0") and request.headers.get("Authorization") == "Bearer t1":
            return None
        if request.headers.get("Authorization") not in {None, "Bearer t1"}:
            return None
        return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{registry.origin}/token"'})

    registry.intercept = intercept

    assert (await read(registry.url())).parts
    assert given >= 2


async def test_refusal_after_a_login_is_not_said_to_be_one_of_the_unknown(registry: ScriptedRegistry) -> None:
    registry.holds(multi_platform())

    async def intercept(request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != BASIC:
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        return None if request.path.endswith("/1.0") else web.Response(status=403)

    registry.intercept = intercept
    read = Reader(allow=(f"http://{registry.host}",), secrets={"regcred": BASIC_AUTH})

    with pytest.raises(RegistryDenied, match=r"403 Forbidden\) with the credentials of pullSecretRef; check"):
        await read(registry.url(), pullSecretRef={"name": "regcred"})
