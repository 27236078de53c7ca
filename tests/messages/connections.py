"""A registry that can't be reached, or whose certificate does not fit, and proxies on the way to it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import trustme
from aiohttp import ConnectionTimeoutError, web
from yarl import URL

from dragonfly_task_operator.oci.connecting import told
from dragonfly_task_operator.oci.transport import TIMEOUT
from tests.messages.situations import situation
from tests.messages.stage import REGISTRY, Stage
from tests.registry.connecting import ConnectProxy
from tests.registry.login import PASSWORD
from tests.registry.scripted import ScriptedRegistry


@situation("its name is in no DNS")
async def _(stage: Stage) -> object:
    return await stage.read(stage.url(host="gone.example.com"), allow=())


@situation("its host can't be")
async def _(stage: Stage) -> object:
    return await stage.read("https://registry..example.com/v2/library/app/manifests/1.0")


@situation("it is called by the name of Docker Hub's images")
async def _(stage: Stage) -> object:
    return await stage.read(stage.url(host="docker.io", name="library/nginx"))


@situation("its port can't be")
async def _(stage: Stage) -> object:
    return await stage.read("https://registry.example.com:99999/v2/library/app/manifests/1.0")


@situation("it is not in the allowlist")
async def _(stage: Stage) -> object:
    return await stage.read(stage.url(host="elsewhere.example.com"))


@situation("it is asked in plain http")
async def _(stage: Stage) -> object:
    return await stage.read(stage.url().replace("https:", "http:"))


@situation("it is at a loopback address")
async def _(stage: Stage) -> object:
    return await stage.read(allow=())


@situation("it is at an address of the link")
async def _(stage: Stage) -> object:
    return await stage.read(stage.url(host="169.254.1.1"), allow=())


@situation("nothing listens there")
async def _(stage: Stage) -> object:
    await stage.registry.__aexit__()
    return await stage.read()


@situation("nothing comes back from there")
async def _(stage: Stage) -> object:
    raise told(ConnectionTimeoutError(), URL(stage.url()), None, timeout=TIMEOUT)


@situation("it takes the connection and does not answer")
async def _(stage: Stage) -> object:
    raise told(TimeoutError(), URL(stage.url()), None, timeout=TIMEOUT)


@situation("it speaks plain http where https is asked for")
async def _(stage: Stage) -> object:
    await stage.server("plain.example.com", plain=True)
    return await stage.read(stage.url(host="plain.example.com"))


@situation("it breaks off")
async def _(stage: Stage) -> object:
    async def intercept(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    stage.registry.intercept = intercept
    return await stage.read()


@situation("its answer is shorter than it says")
async def _(stage: Stage) -> object:
    async def intercept(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport is not None
        request.transport.close()
        return response

    stage.registry.intercept = intercept
    return await stage.read()


@situation("its headers are longer than anybody's")
async def _(stage: Stage) -> object:
    stage.registry.answers(200, X_Long="x" * 70_000)
    return await stage.read()


@situation("its certificate is of an unknown authority, and no Secret with one is given")
async def _(stage: Stage) -> object:
    return await stage.read(caSecretRef=None)


@situation("its certificate is of another authority than the Secret holds")
async def _(stage: Stage) -> object:
    stage.secrets["ca"] = {"ca.crt": trustme.CA().cert_pem.bytes()}
    return await stage.read()


@situation("its certificate has expired")
async def _(stage: Stage) -> object:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    old = stage.authority.issue_cert("old.example.com", not_before=yesterday - timedelta(days=9), not_after=yesterday)
    await stage.server("old.example.com", certificate=old)
    return await stage.read(stage.url(host="old.example.com"))


@situation("its certificate is not valid yet")
async def _(stage: Stage) -> object:
    new = stage.authority.issue_cert("new.example.com", not_before=datetime.now(UTC) + timedelta(days=1))
    await stage.server("new.example.com", certificate=new)
    return await stage.read(stage.url(host="new.example.com"))


@situation("its certificate is for another name")
async def _(stage: Stage) -> object:
    await stage.server("alias.example.com", certificate=stage.authority.issue_cert(REGISTRY))
    return await stage.read(stage.url(host="alias.example.com"))


@situation("it wants a client certificate")
async def _(stage: Stage) -> object:
    strict = await stage.server("strict.example.com")
    assert isinstance(strict.tls, ssl.SSLContext)
    strict.tls.verify_mode = ssl.CERT_REQUIRED
    return await stage.read(stage.url(host="strict.example.com"))


@situation("the proxy before it is not there")
async def _(stage: Stage) -> object:
    return await stage.read(proxies={"HTTPS_PROXY": "http://proxy.example.com:3128"})


@situation("nothing listens at the proxy's address")
async def _(stage: Stage) -> object:
    async with ConnectProxy() as proxy:
        address = proxy.url
    try:
        return await stage.read(proxies={"HTTPS_PROXY": address})
    finally:
        stage.servers["proxy"] = ScriptedRegistry(port=proxy.port)


@situation("nothing comes back from the proxy's address")
async def _(stage: Stage) -> object:
    raise told(ConnectionTimeoutError(), URL(stage.url()), URL("http://proxy.example.com:3128"), timeout=TIMEOUT)


@situation("the proxy wants a password")
async def _(stage: Stage) -> object:
    return await _through(stage, ConnectProxy(wants=("operator", PASSWORD)))


@situation("the proxy does not allow it")
async def _(stage: Stage) -> object:
    return await _through(stage, ConnectProxy(answers=403))


@situation("the proxy can't reach it")
async def _(stage: Stage) -> object:
    return await _through(stage, ConnectProxy(answers=502))


@situation("the proxy is at an address of the link")
async def _(stage: Stage) -> object:
    return await stage.read(proxies={"HTTPS_PROXY": "http://169.254.1.1:3128"})


async def _through(stage: Stage, proxy: ConnectProxy) -> object:
    async with proxy:
        stage.servers["proxy"] = ScriptedRegistry(port=proxy.port)  # so that its port is taken out of the message
        return await stage.read(proxies={"HTTPS_PROXY": proxy.url})
