"""The commands. Thin: each imports what it needs when it runs, so that `task-id` answers at once."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar

import click

from dragonfly_task_operator import __version__, manual
from dragonfly_task_operator.errors import (
    InvalidManifest,
    InvalidTarget,
    LeaseLost,
    OperatorError,
    SettingsError,
    StartError,
    WatchLost,
)
from dragonfly_task_operator.help_pages import Command, Group
from dragonfly_task_operator.standalone import EXIT_INTERRUPTED

EXIT_FAILED = 1
EXIT_INVALID = 2

_F = TypeVar("_F", bound=Callable[..., Any])

LAST_SECONDS = 1.0
"""For the interpreter to end in, once the operator has."""


@click.group(
    cls=Group,
    examples=manual.ALL_EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(__version__, prog_name="dragonfly-task-operator")
def main() -> None:
    """Find and purge cached tasks in a Dragonfly P2P cluster, with kubectl apply.

    For people there is a plugin of kubectl as well: kubectl dragonfly --help.
    """


_DRAGONFLY = (
    click.option("--config", type=click.Path(path_type=Path), help="YAML file with settings, in camelCase."),
    click.option(
        "--scheduler",
        multiple=True,
        metavar="HOST:PORT",
        help="A scheduler; a DNS name stands for all its addresses. Repeatable.",
    ),
    click.option("--parallelism", type=int, help="Most peers asked at once for one object. Default: 256."),
    click.option("--peer-requests-per-second", type=int, help="Most requests to one peer in any second. Default: 100."),
    click.option("--peer-transport", metavar="lean|grpc", help="What plaintext peers are asked with. Default: lean."),
    click.option("--rpc-timeout", metavar="DURATION", help="For one request to a peer or scheduler. Default: 5s."),
    click.option(
        "--registry-allowlist",
        multiple=True,
        metavar="[http://]HOST[:PORT]",
        help="A registry that may be contacted, or *.DOMAIN; http:// allows plain http. Repeatable. Default: any on"
        " https but on loopback, link-local, cloud metadata and multicast addresses.",
    ),
)
"""How Dragonfly and registries are spoken to, which whoever runs something is told."""


_AUDIT_LOG = click.option(
    "--audit-log", metavar="FILE|-", help="Where a record of each run goes; - for stdout. Default: nowhere."
)


def _takes_dragonfly(function: _F) -> _F:
    for option in reversed(_DRAGONFLY):
        function = option(function)
    return function


@main.command(cls=Command, sections=manual.RUN, examples=manual.RUN_EXAMPLES)
@_takes_dragonfly
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Default: KUBECONFIG, the pod, or ~/.kube/config.")
@click.option("--namespace", multiple=True, help="Look after this namespace only. Repeatable. Default: all.")
@click.option("--leader-elect/--no-leader-elect", default=None, help="Act only while holding a Lease. Default: no.")
@click.option("--leader-elect-namespace", help="Where the Lease is. Default: the pod's namespace.")
@click.option("--leader-elect-name", help="The Lease's name. Default: dragonfly-task-operator-leader.")
@click.option("--health-bind-address", metavar="[HOST]:PORT", help="For /livez and /readyz. Default: none.")
@click.option("--metrics-bind-address", metavar="[HOST]:PORT", help="For Prometheus. Default: none.")
@_AUDIT_LOG
@click.option("--log-format", metavar="text|json", help="Default: text.")
@click.option("--log-level", metavar="info|debug", help="Debug: a line for each peer that failed, too. Default: info.")
def run(config: Path | None, **flags: Any) -> None:
    """Run the operator.

    It watches TaskSearches and TaskDeletions, does for each what it asks for, and writes what came of it into its
    status, until it is told to stop.
    """
    from dragonfly_task_operator import arenas, imports  # noqa: PLC0415

    arenas.bound()
    imports.only_what_is_asked_for()
    from dragonfly_task_operator import app, settings  # noqa: PLC0415 - these take long to import
    from dragonfly_task_operator.observability import logs  # noqa: PLC0415

    try:
        loaded = settings.load(_given(flags), config=config)
    except SettingsError as error:
        _leave(error, EXIT_INVALID)
    logs.set_up(loaded.log_format, loaded.log_level)
    _finish(app.run(loaded))


@main.command("exec", cls=Command, sections=manual.EXEC, examples=manual.EXEC_EXAMPLES)
@click.option(
    "-f",
    "file",
    type=click.File("rb"),
    multiple=True,
    required=True,
    help="Manifests, in YAML or JSON; - for stdin. Repeatable.",
)
@_takes_dragonfly
@click.option(
    "--docker-config",
    type=click.Path(path_type=Path),
    help="Logins for the registries of image targets. Default: ~/.docker/config.json.",
)
@_AUDIT_LOG
@click.option("-o", "output", type=click.Choice(["yaml", "json", "table"]), default="yaml", show_default=True)
@click.option(
    "--reports",
    is_flag=True,
    help="Also print the TaskReports that tell of every peer, where a status leaves some out. A table has all of them.",
)
def execute(
    file: tuple[IO[bytes], ...],
    config: Path | None,
    docker_config: Path | None,
    output: Any,
    *,
    reports: bool,
    **flags: Any,
) -> None:
    """Run TaskSearch and TaskDeletion manifests against Dragonfly, without Kubernetes.

    One after another is run, as the operator would run it, and printed as the operator would have left it. Nothing is
    remembered: what is run again is done again.
    """
    try:
        from dragonfly_task_operator import arenas, settings  # noqa: PLC0415
        from dragonfly_task_operator.observability import logs  # noqa: PLC0415
        from dragonfly_task_operator.standalone import command  # noqa: PLC0415

        arenas.bound()
        try:
            loaded = settings.load(_given(flags), config=config)
            manifests = command.read([(each.name, each.read()) for each in file], loaded)
        except (SettingsError, InvalidManifest) as error:
            _leave(error, EXIT_INVALID)
        logs.set_up(loaded.log_format, loaded.log_level)
        running = command.execute(
            manifests,
            loaded,
            output=output,
            with_reports=reports,
            docker_config_file=docker_config,
            echo=click.echo,
        )
        _finish(running)
    except KeyboardInterrupt:  # before anything was begun
        sys.exit(EXIT_INTERRUPTED)


def _finish(work: Coroutine[Any, Any, int | None]) -> NoReturn:
    """Do some work, and end the process with what came of it."""
    import asyncio  # noqa: PLC0415 - this and, much more, Kopf and gRPC take long to import

    from dragonfly_task_operator import event_loop, garbage  # noqa: PLC0415

    garbage.look_seldom()
    with asyncio.Runner(loop_factory=event_loop.factory()) as runner:
        code = runner.run(ending_soon(work))
    sys.exit(code)


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value not in (None, ())}


async def ending_soon(work: Coroutine[Any, Any, int | None]) -> int:
    """Do some work, after which the process ends within seconds, whatever may hold it up.

    A thread that waits for a name server, say: Python waits for it, for as long as that takes. So what has ended the
    work is told here, and not by the caller, who may come too late.

    Returns:
        the exit code: the work's own, if it gives one.
    """
    code = EXIT_FAILED
    try:
        code = await work or 0
    except SettingsError as error:
        _tell(error)
        code = EXIT_INVALID
    except (StartError, LeaseLost, WatchLost) as error:
        _tell(error)
    finally:
        timer = threading.Timer(LAST_SECONDS, os._exit, (code,))
        timer.daemon = True
        timer.start()
    return code


@main.command("task-id", cls=Command, sections=manual.TASK_ID, examples=manual.TASK_ID_EXAMPLES)
@click.option("--url", help="The URL that was downloaded.")
@click.option("--piece-length", metavar="QUANTITY", help="At least 4Mi, if it was asked for explicitly.")
@click.option("--tag", help="The tag that the download was given.")
@click.option("--application", help="The application that the download was given.")
@click.option("--revision", help="The revision of a Hugging Face, ModelScope, OpenCSG or git artifact.")
@click.option(
    "--filtered-query-param",
    multiple=True,
    metavar="NAME",
    help="A query parameter that is no part of the identity. Repeatable. Default: Dragonfly's list.",
)
@click.option("--no-filter", is_flag=True, help="Every query parameter is part of the identity.")
@click.option(
    "--content", "content_for_calculating_task_id", help="The content that dfget was given to calculate the task id."
)
@click.option("--image", help="An image. Its parts are its registry's to tell: says how to find them.")
@click.option(
    "-f", "file", type=click.File("rb"), help="YAML list of targets, or an object with spec.targets; - for stdin."
)
@click.option("-o", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def task_id(file: Any, output: str, *, no_filter: bool, filtered_query_param: tuple[str, ...], **flags: Any) -> None:
    """Print every id that a task can have, given by flags or as a list of targets.

    Dragonfly's clients have calculated ids by different rules: a line for each id, and the rule behind it. Nothing is
    asked of anybody.
    """
    from dragonfly_task_operator.task_id_command import candidates_of, read_targets, render  # noqa: PLC0415

    given = {name: value for name, value in flags.items() if value is not None}
    if no_filter and filtered_query_param:
        raise click.UsageError("give either --no-filter or --filtered-query-param, not both")
    if no_filter or filtered_query_param:
        given["filtered_query_params"] = list(filtered_query_param)
    if bool(file) == bool(given):
        raise click.UsageError(
            "name a task by flags, as in --url https://example.com/model.bin, or targets with -f FILE"
        )
    try:
        click.echo(render(candidates_of(read_targets(file.read()) if file else [given]), output))
    except (InvalidManifest, InvalidTarget) as error:
        _leave(error, EXIT_INVALID)


@main.command(cls=Command, examples=manual.CRDS_EXAMPLES)
def crds() -> None:
    """Print the CustomResourceDefinitions.

    Of TaskSearch, TaskDeletion and TaskReport, as this version reads them.
    """
    from dragonfly_task_operator.api.crds import to_yaml  # noqa: PLC0415
    from dragonfly_task_operator.api.kinds import RESOURCES  # noqa: PLC0415

    click.echo("---\n".join(to_yaml(resource) for resource in RESOURCES), nl=False)


def _leave(error: OperatorError, code: int) -> NoReturn:
    _tell(error)
    sys.exit(code)


def _tell(error: OperatorError) -> None:
    from dragonfly_task_operator.observability.redaction import redact  # noqa: PLC0415

    click.echo(f"error: {redact(str(error))}", err=True)
