"""Serving the console: one socket on 127.0.0.1, one feed, and every request through the guard."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from http import HTTPStatus
from pathlib import Path

from aiohttp import web
from aiohttp.hdrs import METH_GET
from aiohttp.typedefs import Middleware

from dragonfly_task_operator.client import advice
from dragonfly_task_operator.client.client import Client
from dragonfly_task_operator.client.errors import CannotAsk, ClientError, Denied, NoSuchObject
from dragonfly_task_operator.console.feed import Feed
from dragonfly_task_operator.console.guard import Guard, Handler
from dragonfly_task_operator.console.pages import Pages
from dragonfly_task_operator.console.rendering import Renderer

PORT = 8123
ADDRESS = "127.0.0.1"

END_SECONDS = 1.0
"""For requests that are under way when it ends; streams never end by themselves."""


class PortTaken(ClientError):
    """Something else listens at the port."""


async def serve(client: Client, *, namespace: str | None, port: int, ready: Callable[[str], None]) -> None:
    """Serve until cancelled.

    Args:
        client: with the rights of the person who is served.
        namespace: whose runs are shown; None: of all.
        port: on 127.0.0.1; 0: a free one.
        ready: is told the URL to open, once it can be.

    Raises:
        PortTaken, ExtraMissing.
    """
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(_listen(port))
        guard = Guard(listening.getsockname()[1])
        feed = Feed(client, namespace)
        renderer = Renderer(
            {
                "root": guard.root,
                "server": client.server,
                "namespace": namespace,
                "advice_on_run": advice.on_run,
                "advice_on_peers": advice.on_peers,
            }
        )
        runner = web.AppRunner(
            application(guard, Pages(client, feed, renderer, root=guard.root), renderer),
            access_log=None,  # it would tell the token
            shutdown_timeout=END_SECONDS,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, listening).start()
        ready(guard.first_url)
        await feed.follow()


def application(guard: Guard, pages: Pages, renderer: Renderer) -> web.Application:
    """Put the pages behind the guard."""
    app = web.Application(middlewares=[guard.middleware(), _telling(renderer)])
    app.on_response_prepare.append(guard.seal)
    app.add_routes(pages.routes())
    app.router.add_static(f"{guard.root}/static", Path(__file__).parent / "static")
    return app


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((ADDRESS, port))
    except OSError as error:
        raise PortTaken(
            f"{ADDRESS}:{port} can't be served on: {error.strerror}; give another port, as in --port {port + 1}"
        ) from None


def _telling(renderer: Renderer) -> Middleware:
    """Have a page that says what is wrong for whatever the API server does not do."""

    @web.middleware
    async def tell(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ClientError as error:
            status, title = _said(error)
            # What a form has sent is not sent again by itself.
            is_passing = isinstance(error, CannotAsk) and request.method == METH_GET
            text = renderer.page("error.html", title=title, words=str(error), is_passing=is_passing, troubles=())
            return web.Response(status=status, text=text, content_type="text/html")

    return tell


def _said(error: ClientError) -> tuple[HTTPStatus, str]:
    match error:
        case Denied():
            return HTTPStatus.FORBIDDEN, "You may not do that"
        case CannotAsk():
            return HTTPStatus.BAD_GATEWAY, "The API server can't be asked"
        case NoSuchObject():
            return HTTPStatus.NOT_FOUND, "There is no such execution"
        case _:
            return HTTPStatus.CONFLICT, "That was not done"
