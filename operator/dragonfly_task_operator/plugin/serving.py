"""`console`: the web page, served for one person. What it shows and how it is guarded is the room `console`'s."""

from __future__ import annotations

import click

from dragonfly_task_operator.console.rendering import ExtraMissing
from dragonfly_task_operator.console.serving import PORT, PortTaken, serve
from dragonfly_task_operator.help_pages import Command
from dragonfly_task_operator.plugin.options import (
    USAGE,
    Ended,
    Session,
    all_namespaces,
    kubectl_options,
    running,
)


@click.command(
    cls=Command,
    examples="""
    kubectl dragonfly console
    kubectl dragonfly console -A --port 9000
    """,
)
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: a free one.")
@all_namespaces
@kubectl_options
@running
async def console(session: Session, *, port: int) -> int:
    """Serve a web page on 127.0.0.1, with your rights and for you alone, until Ctrl-C.

    Search, see who has a task, delete it after a preview, and follow what goes on. Open the URL that is printed: it
    has a token, which is another each time. Needs the extra [console].
    """

    def tell(url: str) -> None:
        session.screen.say(url)
        session.screen.note("open it in your browser; it is for you alone, and Ctrl-C ends it")

    session.on_interrupt = ("the console has ended; runs go on in the cluster",)
    async with session.access.connect() as client:
        namespace = None if session.all_namespaces else client.namespace
        try:
            await serve(client, namespace=namespace, port=port, ready=tell)
        except (ExtraMissing, PortTaken) as error:
            session.screen.note(f"error: {error}")
            raise Ended(USAGE) from None
    raise AssertionError  # pragma: no cover - it serves until it is cancelled
