"""A Secret that does not hold what it should."""

from __future__ import annotations

from tests.messages.situations import situation
from tests.messages.stage import REGISTRY, Stage
from tests.registry.login import PASSWORD, USER, docker_config


@situation("it holds nothing that logs in")
async def _(stage: Stage) -> object:
    return await stage.read(secret={"config.json": b"{}"})


@situation("it holds a name without a password")
async def _(stage: Stage) -> object:
    return await stage.read(secret={"username": USER.encode()})


@situation("its password is no text")
async def _(stage: Stage) -> object:
    return await stage.read(secret={"username": USER.encode(), "password": b"\xff"})


@situation("its docker config is no JSON")
async def _(stage: Stage) -> object:
    return await stage.read(secret={".dockerconfigjson": f'{{"auths": {{"r": "{PASSWORD}'.encode()})


@situation("its docker config of the old kind is no JSON")
async def _(stage: Stage) -> object:
    return await stage.read(secret={".dockercfg": PASSWORD.encode()})


@situation("no entry of its docker config is base64")
async def _(stage: Stage) -> object:
    return await stage.read(secret=docker_config(**{REGISTRY: {"auth": f"{USER}:{PASSWORD}!"}}))


@situation("no entry of its docker config is one")
async def _(stage: Stage) -> object:
    return await stage.read(secret=docker_config(**{REGISTRY: PASSWORD}))


@situation("no ca.crt in it")
async def _(stage: Stage) -> object:
    stage.secrets["ca"] = {}
    return await stage.read()


@situation("ca.crt is no certificate")
async def _(stage: Stage) -> object:
    stage.secrets["ca"] = {"ca.crt": b"no PEM"}
    return await stage.read()


@situation("ca.crt holds a key and no certificate")
async def _(stage: Stage) -> object:
    stage.secrets["ca"] = {"ca.crt": stage.authority.private_key_pem.bytes()}
    return await stage.read()


@situation("the certificate is under tls.crt")
async def _(stage: Stage) -> object:
    stage.secrets["ca"] = {"tls.crt": stage.authority.cert_pem.bytes(), "tls.key": b""}
    return await stage.read()
