"""The operator's own connections, for tests of what it asks the API server by them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dragonfly_task_operator.kube.client import Client
from dragonfly_task_operator.kube.connection import Line
from dragonfly_task_operator.kube.credentials import Credentials, Source
from dragonfly_task_operator.kube.keyring import Keyring
from dragonfly_task_operator.kube.kubeconfig import Kubeconfig


class Known:
    """`credentials.Source` of what a test knows, and may change."""

    def __init__(self, server: str, token: str = "known") -> None:
        self.server, self.token, self.reads = server, token, 0

    def __str__(self) -> str:
        return "what is known"

    async def read(self) -> Credentials:
        self.reads += 1
        return Credentials(self.server, headers=(("Authorization", f"Bearer {self.token}"),))


@asynccontextmanager
async def line_to(source: Source | Path | str) -> AsyncIterator[Line]:
    """Connect by a source, a kubeconfig, or a URL."""
    if isinstance(source, Path):
        source = Kubeconfig([source])
    keyring = await Keyring.open(Known(source) if isinstance(source, str) else source)
    async with Line(keyring) as line:
        yield line
    await keyring.aclose()


@asynccontextmanager
async def client_to(source: Source | Path | str) -> AsyncIterator[Client]:
    async with line_to(source) as line:
        yield Client(line)
