"""A registry that answers otherwise than with a manifest, or sends elsewhere."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from aiohttp import web

from tests.messages.situations import situation
from tests.messages.stage import REGISTRY, Stage
from tests.registry import image as make
from tests.registry.image import multi_platform
from tests.registry.login import BASIC, BASIC_AUTH, PASSWORD


@situation("it has no such tag")
async def _(stage: Stage) -> object:
    return await stage.read(stage.url("2.0"))


@situation("it has no such tag for whom has logged in")
async def _(stage: Stage) -> object:
    async def intercept(request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == BASIC:
            return None
        return web.Response(status=401, headers={"WWW-Authenticate": "basic"})

    stage.registry.intercept = intercept
    return await stage.read(stage.url("2.0"), secret=BASIC_AUTH)


@situation("it limits pulls and does not say for how long")
async def _(stage: Stage) -> object:
    stage.registry.answers(429)
    return await stage.read()


@situation("it limits pulls for some seconds, and goes on to do so")
async def _(stage: Stage) -> object:
    stage.registry.answers(429, Retry_After="30")
    return await stage.read(secret=BASIC_AUTH)


@situation("it limits pulls until a time")
async def _(stage: Stage) -> object:
    stage.registry.answers(429, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True))
    return await stage.read()


@situation("it limits pulls for longer than the run may take")
async def _(stage: Stage) -> object:
    stage.registry.answers(429, Retry_After="21600")
    return await stage.read(seconds_left=1799)


@situation("it is out of order")
async def _(stage: Stage) -> object:
    stage.registry.answers(503)
    return await stage.read()


@situation("it is being repaired for a while")
async def _(stage: Stage) -> object:
    stage.registry.answers(503, Retry_After="600")
    return await stage.read()


@situation("it is no registry, and says so with a status")
async def _(stage: Stage) -> object:
    stage.registry.answers(405)
    return await stage.read()


@situation("it answers with a status that nobody knows")
async def _(stage: Stage) -> object:
    stage.registry.answers(599)
    return await stage.read()


@situation("it sends a body that is compressed, and says so")
async def _(stage: Stage) -> object:
    stage.registry.answers(
        200, gzip.compress(multi_platform().root.body), Content_Encoding="gzip", Content_Type=make.INDEX
    )
    return await stage.read()


@situation("it redirects to a storage that refuses")
async def _(stage: Stage) -> object:
    stage.registry.redirects(f"https://cdn.example.com/f?p=a%2Fb&Signature={PASSWORD}")
    (await stage.server("cdn.example.com")).answers(403)
    return await stage.read(secret=BASIC_AUTH)


@situation("it redirects to a storage that wants a login")
async def _(stage: Stage) -> object:
    stage.registry.redirects("https://cdn.example.com/f")
    (await stage.server("cdn.example.com")).challenges('Basic realm="r"')
    return await stage.read(secret=BASIC_AUTH)


@situation("it redirects to another registry, which gives tokens")
async def _(stage: Stage) -> object:
    stage.registry.redirects("https://other.example.com/v2/library/app/manifests/1.0")
    (await stage.server("other.example.com")).challenges('Bearer realm="https://other.example.com/token",service="s"')
    return await stage.read(secret=BASIC_AUTH)


@situation("it redirects to another registry, which has no such tag")
async def _(stage: Stage) -> object:
    stage.registry.redirects("https://other.example.com/v2/mirror/library/app/manifests/1.0")
    await stage.server("other.example.com")
    return await stage.read()


@situation("it redirects to a storage that has lost it")
async def _(stage: Stage) -> object:
    stage.registry.redirects(f"https://cdn.example.com/f?Signature={PASSWORD}")
    (await stage.server("cdn.example.com")).answers(404)
    return await stage.read()


@situation("it redirects to a storage that fails")
async def _(stage: Stage) -> object:
    stage.registry.redirects("https://cdn.example.com/f")
    (await stage.server("cdn.example.com")).answers(503)
    return await stage.read()


@situation("it redirects from https to http")
async def _(stage: Stage) -> object:
    stage.registry.redirects(f"http://{REGISTRY}/v2/library/app/manifests/1.0")
    return await stage.read()


@situation("it redirects to a host that is not in the allowlist")
async def _(stage: Stage) -> object:
    stage.registry.redirects("https://cdn.example.com/f")
    return await stage.read()


@situation("it redirects to the metadata service of the cloud")
async def _(stage: Stage) -> object:
    stage.registry.redirects("https://169.254.169.254/latest/meta-data/")
    return await stage.read()


@situation("it redirects to a URL with a password")
async def _(stage: Stage) -> object:
    stage.registry.redirects(f"https://user:{PASSWORD}@cdn.example.com/f")
    return await stage.read()


@situation("it redirects to something else than http")
async def _(stage: Stage) -> object:
    stage.registry.redirects("ftp://cdn.example.com/f")
    return await stage.read()


@situation("it redirects to a host that can't be")
async def _(stage: Stage) -> object:
    stage.registry.redirects("https://registry..example.com/f")
    return await stage.read()


@situation("it redirects and does not say where")
async def _(stage: Stage) -> object:
    stage.registry.answers(307)
    return await stage.read()


@situation("it redirects in a circle")
async def _(stage: Stage) -> object:
    stage.registry.redirects("/v2/library/app/manifests/1.0")
    return await stage.read()


@situation("it redirects to a log-in page")
async def _(stage: Stage) -> object:
    stage.registry.redirects("https://login.example.com/")
    (await stage.server("login.example.com")).answers(200, b"<html><title>Sign in</title>", Content_Type="text/html")
    return await stage.read()
