"""What all commands share: kubectl's own flags, who is asked, how a command ends, and help with examples."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from dragonfly_task_operator.client.access import Access
from dragonfly_task_operator.client.errors import CannotAsk, ClientError, NotTaken
from dragonfly_task_operator.observability.redaction import redact
from dragonfly_task_operator.plugin.screen import Screen

TRUE, FALSE, USAGE, CANNOT_ASK, DEADLINE, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""The exit codes."""

PROGRAM = "kubectl dragonfly"

_P = ParamSpec("_P")
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(slots=True)
class Session:
    """One command's run.

    Attributes:
        access: where to go, and as whom.
        all_namespaces: whether all are meant.
        screen: where to write.
        on_interrupt: what a person is told who does not want to wait any more, a line each.
    """

    access: Access = field(default_factory=Access)
    all_namespaces: bool = False
    screen: Screen = field(default_factory=Screen)
    on_interrupt: tuple[str, ...] = ()

    def command(self, *words: str) -> str:
        """Write a command of this plugin for a person to type, which goes to the same place as this one."""
        given = {"-n": self.access.namespace, "--context": self.access.context, "--as": self.access.as_user}
        flags = [f"{flag} {value}" for flag, value in given.items() if value]
        if self.access.kubeconfig:
            flags.append(f"--kubeconfig {self.access.kubeconfig}")
        return " ".join([PROGRAM, *words, *flags])


class Ended(Exception):
    """The command has ended, with this exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _said(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Note what was said before a command's name, or after it: the latter counts."""
    session = context.ensure_object(Session)
    if value in (None, ()) or value is False:
        return
    if parameter.name == "all_namespaces":
        session.all_namespaces = True
    else:
        session.access = replace(session.access, **{str(parameter.name): value})


def _option(*names: str, **how: Any) -> Callable[[_F], _F]:
    return click.option(*names, expose_value=False, callback=_said, **how)


_KUBECTL = (
    _option("-n", "--namespace", metavar="NAME", help="Default: the context's."),
    _option("--context", metavar="NAME", help="Of the kubeconfig. Default: the current one."),
    _option(
        "--kubeconfig",
        type=click.Path(path_type=Path),
        help="Default: those in KUBECONFIG, else ~/.kube/config.",
    ),
    _option("--as", "as_user", metavar="USER", help="Act as another user."),
    _option("--as-group", "as_groups", multiple=True, metavar="GROUP", help="Act as one of this group. Repeatable."),
    _option("--as-uid", "as_uid", metavar="UID", help="Act as a user of this uid."),
)

all_namespaces = _option("-A", "--all-namespaces", is_flag=True, help="In all namespaces.")


def kubectl_options(function: _F) -> _F:
    """Take the flags that kubectl takes everywhere."""
    for option in reversed(_KUBECTL):
        function = option(function)
    return function


def running(
    function: Callable[Concatenate[Session, _P], Awaitable[int]],
) -> Callable[_P, None]:
    """Make a click command's function of a coroutine that gives the exit code."""

    @wraps(function)
    def run(*given: _P.args, **how: _P.kwargs) -> None:
        session = click.get_current_context().ensure_object(Session)
        session.access = replace(session.access, is_interactive=session.screen.asks)
        # What is logged is for operators; a person is told by errors.
        logging.getLogger("dragonfly_task_operator").addHandler(logging.NullHandler())
        sys.exit(_run(session, lambda: function(session, *given, **how)))

    return run


def _run(session: Session, work: Callable[[], Awaitable[int]]) -> int:
    async def worked() -> int:
        return await work()

    try:
        return asyncio.run(worked())
    except Ended as ended:
        return ended.code
    except NotTaken as error:
        _tell(error)
        return USAGE
    except CannotAsk as error:
        _tell(error)
        return CANNOT_ASK
    except ClientError as error:
        _tell(error)
        return FALSE
    except KeyboardInterrupt:
        for line in ("", *session.on_interrupt):
            session.screen.note(line)
        return INTERRUPTED


def _tell(error: ClientError) -> None:
    click.echo(f"error: {redact(str(error))}", err=True)
