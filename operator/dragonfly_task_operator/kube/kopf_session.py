"""A `Line` for Kopf: as much of `aiohttp.ClientSession` as it uses.

Kopf logs in once and never again: credentials are the line's affair, so that it meets no 401. What is no answer of the
API server's is a connection that failed, which Kopf tries again; taken for an answer, it would end the watching.
"""

from __future__ import annotations

from typing import cast

import aiohttp
import kopf

from dragonfly_task_operator.kube.connection import REQUEST_SECONDS, Answer, Line


class _Session:
    closed = False

    def __init__(self, line: Line) -> None:
        self._line = line
        self.headers: dict[str, str] = {}

    async def request(
        self, method: str, url: str, *, json: object, headers: dict[str, str] | None, timeout: aiohttp.ClientTimeout
    ) -> Answer:
        response = await self._line.request(
            method.upper(), f"/{url.lstrip('/')}", seconds=REQUEST_SECONDS, json=json, headers=headers, timeout=timeout
        )
        if not response.ok:
            await response.json()
        return response

    async def close(self) -> None:
        """Close the line."""
        await self._line.aclose()


def session(line: Line) -> kopf.AiohttpSession:
    """Make what Kopf's login gives. Closing it closes the line."""
    return kopf.AiohttpSession(server="", aiohttp_session=cast("aiohttp.ClientSession", _Session(line)))
