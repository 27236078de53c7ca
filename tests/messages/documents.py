"""Images that are not whole, and documents that are none: what the operator says of what a registry serves."""

from __future__ import annotations

import gzip
from typing import Any

from dragonfly_task_operator.engine.model import PlannedImage
from dragonfly_task_operator.engine.unlooked import require_known
from tests.messages.situations import situation
from tests.messages.stage import Stage
from tests.registry import image as make
from tests.registry.image import Content, Image, multi_platform

SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"


async def served(stage: Stage, body: bytes, media_type: str = "") -> object:
    stage.registry.holds(Content(media_type, body))
    return await stage.read()


async def deleted(stage: Stage, *entries: Any, **target: Any) -> object:
    """Delete an image whose index lists these."""
    root = make.document(make.INDEX, mediaType=make.INDEX, manifests=list(entries))
    stage.registry.holds(root)
    require_known([PlannedImage(0, stage.url(), await stage.read(**target), ())])
    return None


@situation("a web page is served")
async def _(stage: Stage) -> object:
    return await served(stage, b"<!DOCTYPE html><title>Sign in</title>", "text/html")


@situation("an error of the storage is served as XML")
async def _(stage: Stage) -> object:
    return await served(stage, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "application/xml")


@situation("a compressed body is served, and nothing says so")
async def _(stage: Stage) -> object:
    return await served(stage, gzip.compress(b"{}"), make.INDEX)


@situation("nothing is served")
async def _(stage: Stage) -> object:
    return await served(stage, b"", make.INDEX)


@situation("half a document is served")
async def _(stage: Stage) -> object:
    return await served(stage, multi_platform().root.body[:99], make.INDEX)


@situation("an error is served as if it were a manifest")
async def _(stage: Stage) -> object:
    return await served(stage, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}', "application/json")


@situation("JSON of something else is served")
async def _(stage: Stage) -> object:
    return await served(stage, b'{"name": "library/app", "tags": ["1.0"]}', "application/json")


@situation("a manifest of Docker's schema 1 is served")
async def _(stage: Stage) -> object:
    return await served(stage, b'{"schemaVersion": 1, "fsLayers": []}', SCHEMA_1)


@situation("a media type of tomorrow is served")
async def _(stage: Stage) -> object:
    return await served(stage, b'{"mediaType": "application/vnd.oci.image.manifest.v9+json"}')


@situation("an index is served as a manifest")
async def _(stage: Stage) -> object:
    return await served(stage, make.document("", manifests=[make.config().descriptor()]).body, make.MANIFEST)


@situation("layers are no list")
async def _(stage: Stage) -> object:
    return await served(stage, b'{"config": {}, "layers": {}}', make.MANIFEST)


@situation("layers are there twice")
async def _(stage: Stage) -> object:
    return await served(stage, b'{"layers": [], "Layers": []}', make.MANIFEST)


@situation("it lists manifests and layers, and does not say what it is")
async def _(stage: Stage) -> object:
    return await served(stage, b'{"manifests": [{}], "layers": [{}]}', "application/json")


@situation("a platform is wanted, and the config that tells it is cut off")
async def _(stage: Stage) -> object:
    config = Content(make.CONFIG, b'{"architecture": "am')
    stage.registry.holds(Image(make.manifest(config), (), (config,)))
    return await stage.read(platform="linux/amd64")


@situation("an index lists a manifest that the registry does not have")
async def _(stage: Stage) -> object:
    image = multi_platform()
    del stage.registry.content[f"/v2/library/app/manifests/{image.manifests[1].digest}"]
    return await stage.read()


@situation("an image has not the wanted platform")
async def _(stage: Stage) -> object:
    return await stage.read(platform="linux/s390x")


@situation("a deletion is of an index with a manifest of Docker's schema 1")
async def _(stage: Stage) -> object:
    return await deleted(stage, Content(SCHEMA_1, b"{}").descriptor())


@situation("a deletion is of an index with a media type of tomorrow")
async def _(stage: Stage) -> object:
    return await deleted(stage, Content("application/vnd.oci.image.manifest.v9+json", b"{}").descriptor())


@situation("a deletion is of an image with referrers, whose list is cut off")
async def _(stage: Stage) -> object:
    root = make.document(make.INDEX, mediaType=make.INDEX, manifests=[])
    stage.registry.content[f"/v2/library/app/referrers/{root.digest}"] = Content(make.INDEX, root.body[:-9])
    return await deleted(stage, includeReferrers=True)


@situation("a deletion is of an image of which another one is to keep what could not be looked at")
async def _(stage: Stage) -> object:
    root = make.document(make.INDEX, mediaType=make.INDEX, manifests=[Content(SCHEMA_1, b"{}").descriptor()])
    stage.registry.holds(root, "kept")
    return await deleted(stage, keepSharedWith=[stage.url("kept")])


@situation("a deletion is of an index with a reference to nothing")
async def _(stage: Stage) -> object:
    return await deleted(stage, None, {"mediaType": make.MANIFEST, "digest": "md5:0"})
