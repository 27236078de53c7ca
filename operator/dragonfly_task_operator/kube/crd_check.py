"""Whether the API server serves the operator's kinds: without them there is nothing to start for."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import aiohttp

from dragonfly_task_operator.api.base import API_VERSION, GROUP
from dragonfly_task_operator.api.kinds import RESOURCES
from dragonfly_task_operator.errors import StartError
from dragonfly_task_operator.kube.connection import Busy, Line, Refused
from dragonfly_task_operator.kube.looking_up import NO_ANSWER
from dragonfly_task_operator.observability.logs import fields

log = logging.getLogger(__name__)

START_SECONDS = 30.0
"""For an API server that is silent, busy, or hidden behind something that answers in its place."""

_PAUSE_SECONDS = 1.0


async def require_crds(line: Line, server: str) -> None:
    """Make sure that the kinds are served. Raises StartError, within 45 s at most."""
    kinds = await _served_in_time(line, server)
    missing = [f"{each.plural}.{GROUP}" for each in RESOURCES if each.name not in kinds]
    if missing:
        raise StartError(
            f"the CRDs of {API_VERSION} are missing ({', '.join(missing)}); install them:"
            " dragonfly-task-operator crds | kubectl apply -f -"
        )


async def _served_in_time(line: Line, server: str) -> set[str]:
    clock = asyncio.get_running_loop().time
    give_up = clock() + START_SECONDS
    while True:
        try:
            return await _served(line, server)
        except NO_ANSWER as error:
            is_final = isinstance(error, (Refused, aiohttp.ClientConnectorError))  # waited for, or nobody there
            left = give_up - clock()
            if is_final or left <= 0:
                raise StartError(_told(server, error)) from None
            log.warning("start.delayed", extra=fields(error=str(error)))
            asked_for = error.retry_after if isinstance(error, Busy) else 0
            await asyncio.sleep(min(max(asked_for, _PAUSE_SECONDS), left))


def _told(server: str, error: BaseException) -> str:
    return (
        f"the API server {server} can't be reached ({type(error).__name__}: {error}); check the kubeconfig and that it"
        " runs"
    )


async def _served(line: Line, server: str) -> set[str]:
    # A group that is not there is answered with a 404 that any proxy might give: so the list of groups is asked first.
    groups = (await _asked(line, server, "/apis"))["groups"]
    versions = {version["groupVersion"] for group in groups for version in group["versions"]}
    if API_VERSION not in versions:
        return set()
    return {resource["kind"] for resource in (await _asked(line, server, f"/apis/{API_VERSION}"))["resources"]}


async def _asked(line: Line, server: str, path: str) -> Mapping[str, Any]:
    response, content = await line.ask("GET", path)
    document: Mapping[str, Any] = json.loads(content)
    if response.status != HTTPStatus.OK:
        raise StartError(
            f"the API server {server} answered {response.status}: {document.get('message')}; check the operator's"
            " credentials and RBAC"
        )
    return document
