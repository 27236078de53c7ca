"""Registries that answer on loopback, and a reader that may contact them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from dragonfly_task_operator.oci import retrying
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry


@pytest.fixture
async def servers() -> AsyncIterator[AsyncExitStack]:
    """What is entered here is left after the test."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def registry(servers: AsyncExitStack) -> ScriptedRegistry:
    return await servers.enter_async_context(ScriptedRegistry())


@pytest.fixture
async def other(servers: AsyncExitStack) -> ScriptedRegistry:
    """Another server, on another host."""
    return await servers.enter_async_context(ScriptedRegistry(address="127.0.0.2"))


@pytest.fixture
def read(registry: ScriptedRegistry) -> Reader:
    return Reader(allow=(f"http://{registry.host}",))


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses before attempts, which take no time here."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(retrying, "sleep", sleep)
    return pauses
