"""A registry that lets nobody in: who refused, what it was shown, why not more."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from tests.messages.situations import situation
from tests.messages.stage import REGISTRY, Stage
from tests.registry.login import BASIC, BASIC_AUTH, PASSWORD, USER, auth, docker_config
from tests.registry.scripted import ScriptedRegistry

WRONG = {"username": USER.encode(), "password": f"{PASSWORD}-old".encode()}
BEARER = f'Bearer realm="https://{REGISTRY}/token",service="s"'


def token_server(
    server: ScriptedRegistry, *, refuses: int | None = None, answer: Callable[[], web.Response] | None = None
) -> None:
    """Want a token of the server itself, which it gives to nobody, or which is worth nothing."""

    async def intercept(request: web.Request) -> web.Response:
        if request.path != "/token":
            return web.Response(status=401, headers={"WWW-Authenticate": BEARER})
        if refuses is not None:
            return web.Response(status=refuses)
        return web.json_response({"token": "t0ken"}) if answer is None else answer()

    server.intercept = intercept


@situation("it wants a login, and there is no Secret")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Basic realm="r"')
    return await stage.read()


@situation("it wants a login, and the Secret is for another registry")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Basic realm="r"')
    return await stage.read(secret=docker_config(**{"other.example.com": auth()}))


@situation("it wants a login, and the entry for it is empty because of a credential store")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Basic realm="r"')
    return await stage.read(
        secret={".dockerconfigjson": b'{"auths":{"registry.example.com":{}},"credsStore":"desktop"}'}
    )


@situation("it wants a login, and its credentials are with a credential helper")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Basic realm="r"')
    return await stage.read(secret={".dockerconfigjson": b'{"credHelpers":{"registry.example.com":"ecr-login"}}'})


@situation("it wants a login, and the entry for it is empty")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Basic realm="r"')
    return await stage.read(secret=docker_config(**{REGISTRY: None}))


@situation("it wants a login, and the entry for it is no base64, beside a good one")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Basic realm="r"')
    return await stage.read(secret=docker_config(**{REGISTRY: {"auth": f"{USER}:{PASSWORD}"}, "other": auth()}))


@situation("it wants a name and a password, and the Secret holds an identity token")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Basic realm="r"')
    return await stage.read(secret=docker_config(**{REGISTRY: {"identitytoken": PASSWORD}}))


@situation("its token server takes the identity token no more")
async def _(stage: Stage) -> object:
    async def intercept(request: web.Request) -> web.Response:
        if request.path == "/token":
            return web.json_response({"error": "invalid_grant"}, status=400)
        challenge = f'Bearer realm="https://{REGISTRY}/token",service="s"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    stage.registry.intercept = intercept
    return await stage.read(secret=docker_config(**{REGISTRY: {"identitytoken": PASSWORD}}))


@situation("it takes a name and a password, but not these")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Basic realm="r"')
    return await stage.read(secret=WRONG)


@situation("it takes a name and a password, but not these, which end in a line break")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Basic realm="r"')
    return await stage.read(secret={"username": USER.encode(), "password": f"{PASSWORD}\n".encode()})


@situation("the password is right, and the user may not pull")
async def _(stage: Stage) -> object:
    async def intercept(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") == BASIC:
            return web.Response(status=403)
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="r"'})

    stage.registry.intercept = intercept
    return await stage.read(secret=BASIC_AUTH)


@situation("its token server takes no such password")
async def _(stage: Stage) -> object:
    token_server(stage.registry, refuses=401)
    return await stage.read(secret=WRONG)


@situation("its token server gives nothing to whom it does not know")
async def _(stage: Stage) -> object:
    token_server(stage.registry, refuses=403)
    return await stage.read()


@situation("the token that it gives to everybody is not enough")
async def _(stage: Stage) -> object:
    token_server(stage.registry)
    return await stage.read()


@situation("the token that it gives for the password is not enough")
async def _(stage: Stage) -> object:
    token_server(stage.registry)
    return await stage.read(secret=BASIC_AUTH)


@situation("its token server is on another host, and everybody's token is not enough")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Bearer realm="https://auth.example.org/token",service="s"')
    (await stage.server("auth.example.org")).gives_tokens()
    return await stage.read(secret=docker_config(**{REGISTRY: auth()}))


@situation("its token server is on another host, and gives nothing to whom it does not know")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Bearer realm="https://auth.example.org/token",service="s"')
    (await stage.server("auth.example.org")).answers(401)
    return await stage.read(secret=BASIC_AUTH)


@situation("it answers 401 and does not say how to log in")
async def _(stage: Stage) -> object:
    stage.registry.answers(401)
    return await stage.read(secret=BASIC_AUTH)


@situation("it answers 401 and does not say how to log in, and there is no Secret")
async def _(stage: Stage) -> object:
    stage.registry.answers(401)
    return await stage.read()


@situation("it answers 403 before anybody has logged in")
async def _(stage: Stage) -> object:
    stage.registry.answers(403)
    return await stage.read(secret=BASIC_AUTH)


@situation("it wants Negotiate or NTLM")
async def _(stage: Stage) -> object:
    stage.registry.challenges("Negotiate", "NTLM")
    return await stage.read(secret=BASIC_AUTH)


@situation("it wants a way to log in that nobody knows")
async def _(stage: Stage) -> object:
    stage.registry.challenges(f'X-Own realm="{PASSWORD}"')
    return await stage.read(secret=BASIC_AUTH)


@situation("its challenge is cut off")
async def _(stage: Stage) -> object:
    stage.registry.challenges("Basic realm=")
    return await stage.read()


@situation("it wants a token and does not say from where")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Bearer service="s"')
    return await stage.read(secret=BASIC_AUTH)


@situation("it wants a token from a host that can't be")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Bearer realm="https://registry..example.com/token"')
    return await stage.read(secret=BASIC_AUTH)


@situation("it wants a token from a port that can't be")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Bearer realm="https://registry.example.com:99999/token"')
    return await stage.read(secret=BASIC_AUTH)


@situation("it wants a token from plain http")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Bearer realm="http://registry.example.com/token"')
    return await stage.read(secret=BASIC_AUTH)


@situation("it wants a token from the metadata service of the cloud")
async def _(stage: Stage) -> object:
    stage.registry.challenges('Bearer realm="https://169.254.169.254/token"')
    return await stage.read(secret=BASIC_AUTH)


@situation("its token server sends no token")
async def _(stage: Stage) -> object:
    token_server(stage.registry, answer=lambda: web.json_response({"token": None, "access_token": None}))
    return await stage.read()


@situation("its token server sends a page")
async def _(stage: Stage) -> object:
    token_server(stage.registry, answer=lambda: web.Response(text="<html>", content_type="text/html"))
    return await stage.read()


@situation("its token server fails")
async def _(stage: Stage) -> object:
    token_server(stage.registry, answer=lambda: web.Response(status=502))
    return await stage.read()


@situation("its token server does not know the service")
async def _(stage: Stage) -> object:
    token_server(stage.registry, answer=lambda: web.Response(status=400))
    return await stage.read()


@situation("an official image of Docker Hub is named without library/")
async def _(stage: Stage) -> object:
    hub = await stage.server("registry-1.docker.io")
    hub.challenges('Bearer realm="https://auth.docker.io/token",service="registry.docker.io"')
    (await stage.server("auth.docker.io")).gives_tokens()
    return await stage.read(stage.url(host="registry-1.docker.io", name="nginx"))
