"""An API server that answers what a test says, and the operator's client to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dragonfly_task_operator.kube.client import Client
from tests.clients import client_to
from tests.registry.scripted import ScriptedRegistry


@pytest.fixture
async def server() -> AsyncIterator[ScriptedRegistry]:
    async with ScriptedRegistry() as running:
        yield running


@pytest.fixture
async def client(server: ScriptedRegistry) -> AsyncIterator[Client]:
    async with client_to(server.origin) as connected:
        yield connected
