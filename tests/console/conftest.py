"""The console as a person has it: served on a socket, asked as a browser asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from playwright.sync_api import Browser

from dragonfly_task_operator.console.serving import serve
from tests.console.browsing import NARROW, WIDE, Console, Person, chromium, strangers
from tests.console.scripted import NAMESPACE, ScriptedClient

SECONDS = 20.0
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with the first URL, and what they are shown."""

    session: aiohttp.ClientSession
    first_url: str
    root: str

    @property
    def origin(self) -> str:
        return self.first_url.partition("/?")[0]

    async def get(self, path: str = "/") -> tuple[int, str]:
        async with self.session.get(f"{self.root}{path}") as response:
            return response.status, await response.text()

    async def post(self, path: str, **typed: str) -> tuple[int, str]:
        """Send a form; gives where one is led to, or what is shown."""
        headers = {"Origin": self.origin}
        async with self.session.post(
            f"{self.root}{path}", data=typed, headers=headers, allow_redirects=False
        ) as response:
            return response.status, response.headers.get("Location") or await response.text()

    async def until(self, path: str, words: str) -> str:
        """Look again until a page says something, and give it."""
        async with asyncio.timeout(SECONDS):
            while words not in (text := (await self.get(path))[1]):  # noqa: ASYNC110 - it is another's to change
                await asyncio.sleep(POLL_SECONDS)
        return text


Visit = Callable[[ScriptedClient], AbstractAsyncContextManager[Visitor]]


@asynccontextmanager
async def serving(client: ScriptedClient) -> AsyncIterator[Console]:
    """Serve the console in this process."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(client, namespace=NAMESPACE, port=0, ready=ready.set_result))
    try:
        yield Console(await ready)
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def visiting(client: ScriptedClient) -> AsyncIterator[Visitor]:
    """Serve the console, and log in."""
    # Unlike a browser, aiohttp takes no cookies of an address unless it is told to.
    jar = aiohttp.CookieJar(unsafe=True)
    async with serving(client) as console, aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.get(console.first_url) as response:
            root = str(response.url).rstrip("/")
        yield Visitor(session, console.first_url, root)


@pytest.fixture
def visit() -> Visit:
    return visiting


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def person(browser: Browser, served: Console) -> Iterator[Person]:
    """Somebody at a desk. Nothing is asked of anybody else, and the browser has nothing against any page."""
    with at(browser, served) as somebody:
        yield somebody


@contextmanager
def at(browser: Browser, served: Console, *, narrow: bool = False, **how: Any) -> Iterator[Person]:
    context = browser.new_context(**{"viewport": NARROW if narrow else WIDE, **how})
    try:
        somebody = Person(context, served)
        yield somebody
        assert strangers(somebody) == []
        assert somebody.complaints == []
    finally:
        context.close()
