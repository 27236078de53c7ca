"""`search` and `delete`: make an object of what a person typed, follow it, and show what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import IO, Any, TypeVar

import click
import yaml

from dragonfly_task_operator.api.base import API_VERSION, GROUP
from dragonfly_task_operator.api.kinds import TASK_DELETION, TASK_SEARCH, Kind
from dragonfly_task_operator.client.client import Client
from dragonfly_task_operator.client.making import PREFIXES, TTL_SECONDS
from dragonfly_task_operator.client.run import Run
from dragonfly_task_operator.help_pages import Command
from dragonfly_task_operator.plugin import showing
from dragonfly_task_operator.plugin.following import follow
from dragonfly_task_operator.plugin.options import FALSE, TRUE, Session, kubectl_options, running
from dragonfly_task_operator.plugin.previewing import go_ahead, has_preview, is_wanted
from dragonfly_task_operator.plugin.targets import Named, read_manifest
from dragonfly_task_operator.plugin.times import Duration

_F = TypeVar("_F", bound=Callable[..., Any])

_TARGETS = (
    click.argument("urls", nargs=-1, metavar="[URL]..."),
    click.option(
        "--image",
        "images",
        multiple=True,
        metavar="IMAGE",
        help="An image as docker pull takes it, as nginx:1.27, or its manifest's URL. Repeatable.",
    ),
    click.option("--task-id", "task_ids", multiple=True, metavar="ID", help="64 lowercase hex digits. Repeatable."),
    click.option(
        "--content",
        "contents",
        multiple=True,
        metavar="TEXT",
        help="What dfget was given to calculate the task id. Repeatable.",
    ),
    click.option(
        "-f",
        "--filename",
        "file",
        type=click.File("rb"),
        metavar="FILE",
        help="A manifest of a TaskSearch or TaskDeletion; - for stdin.",
    ),
    click.option("--piece-length", metavar="QUANTITY", help="If it was asked for explicitly, as in 16Mi."),
    click.option("--tag", metavar="TAG", help="The tag of the download (dfget --tag)."),
    click.option("--application", metavar="NAME", help="The application of the download."),
    click.option("--revision", metavar="REVISION", help="Of a Hugging Face, ModelScope, OpenCSG or git artifact."),
    click.option(
        "--filtered-query-param",
        "filtered_query_params",
        multiple=True,
        metavar="NAME",
        help="A query parameter that is no part of the identity. Repeatable. Default: Dragonfly's list.",
    ),
    click.option("--no-filter", is_flag=True, help="Every query parameter is part of the identity."),
    click.option("--platform", metavar="OS/ARCH", help="Only this platform of an image."),
    click.option(
        "--keep-shared-with", multiple=True, metavar="IMAGE", help="Leave out what this image also uses. Repeatable."
    ),
    click.option("--include-referrers", is_flag=True, help="Also what refers to the image: signatures, SBOMs."),
    click.option("--pull-secret", metavar="NAME", help="The Secret to log in at the registry with."),
    click.option("--ca-secret", metavar="NAME", help="The Secret whose ca.crt signs the registry's certificate."),
    click.option("--insecure-skip-tls-verify", is_flag=True, help="Accept any certificate from the registry."),
)
_MAKING = (
    click.option("--name", metavar="NAME", help="Of the object. Default: a generated one."),
    click.option(
        "--ttl",
        type=Duration(never="none"),
        metavar="DURATION",
        help="Remove the object so long after it has finished. Default: 1d; none: keep it.",
    ),
    click.option(
        "--timeout",
        type=Duration(),
        metavar="DURATION",
        help="Wait for so long at most, then end with 4. The run goes on.",
    ),
    click.option("--no-wait", is_flag=True, help="Print the object's name and end."),
    click.option(
        "--dry-run",
        type=click.Choice(["none", "client", "server"]),
        default="none",
        show_default=True,
        help="client: only print the object; server: have the API server check it. Nothing is made.",
    ),
    click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "wide", "json", "yaml", "name"]),
        default="table",
        show_default=True,
        help="What is printed at the end.",
    ),
)


def _asking(function: _F) -> _F:
    for option in reversed((*_TARGETS, *_MAKING)):
        function = option(function)
    return kubectl_options(function)


@click.command(
    cls=Command,
    examples="""
    kubectl dragonfly search https://models.example.com/llama.safetensors --tag prod
    kubectl dragonfly search --image nginx:1.27 --platform linux/amd64
    kubectl dragonfly search --task-id 475c16c1db17af77359d59e63047fad44c56341e2fa15a744c3890a233fb5852
    kubectl dragonfly search -f purge.yaml -o json
    """,
)
@_asking
@running
async def search(session: Session, /, **given: Any) -> int:
    """Find out which peers cache tasks.

    Every peer is asked. Makes a TaskSearch, follows it, and prints the peers that answered to have any of the tasks.
    Exits with 0 where every peer was asked, or some could not be and are listed; with 1 where the search failed.
    """
    body, settings = _object(session, TASK_SEARCH, given)
    session.on_interrupt = (f"it may have been asked for, or not: {session.command('get')}",)
    async with session.access.connect() as client:
        namespace = str(body["metadata"].setdefault("namespace", client.namespace))
        if settings["dry_run"] != "none":
            return await _pretend(session, client, body, settings)
        run = Run.of(await client.create(TASK_SEARCH, namespace, body))
        _tell_made(session, run, settings)
        if settings["no_wait"]:
            return TRUE
        run = await follow(session, client, run, timeout=settings["timeout"])
        return await _tell_end(session, client, run, settings["output"])


@click.command(
    cls=Command,
    examples="""
    kubectl dragonfly delete https://models.example.com/llama.safetensors --tag prod
    kubectl dragonfly delete --image ghcr.io/team/app:1.8 --keep-shared-with ghcr.io/team/app:1.7
    kubectl dragonfly delete https://models.example.com/llama.safetensors --yes -o json
    kubectl dragonfly delete --image nginx:1.27 --dry-run=client -o yaml > purge.yaml
    """,
)
@_asking
@click.option("-y", "--yes", is_flag=True, help="Delete at once, without a preview and without asking.")
@click.option(
    "--unfinished-downloads",
    type=click.Choice(["Wait", "Delete"]),
    help="A task that a peer is still downloading. Default: Wait.",
)
@click.option(
    "--unreachable-peers",
    type=click.Choice(["Fail", "Ignore"]),
    help="Whether a peer that can't be asked fails the run. Default: Fail.",
)
@running
async def delete(session: Session, /, **given: Any) -> int:
    """Delete tasks from every peer, with proof.

    Makes a TaskDeletion that is a dry run, shows what would go, and asks; then the same object deletes, and every peer
    is asked again. Exits with 0 where every peer no longer has any of the tasks; with 1 where that is not so, or the
    answer was no.
    """
    is_agreed = bool(given.pop("yes"))
    more = {
        "unfinishedDownloads": given.pop("unfinished_downloads"),
        "unreachablePeers": given.pop("unreachable_peers"),
    }
    body, settings = _object(session, TASK_DELETION, given)
    body["spec"] |= {field: value for field, value in more.items() if value}
    pretends, asks = settings["dry_run"] != "none", not is_agreed and body["spec"].get("dryRun") is not True
    if asks and not pretends and not session.screen.asks:
        raise click.UsageError(
            "delete asks before it deletes, and there is no terminal to ask at: give --yes, or see what would go with a"
            " search, or with --dry-run=client"
        )
    session.on_interrupt = (f"it may have been asked for, or not: {session.command('get')}",)
    async with session.access.connect() as client:
        namespace = str(body["metadata"].setdefault("namespace", client.namespace))
        if pretends:
            return await _pretend(session, client, body, settings)
        if asks:
            body["spec"]["dryRun"] = True
        run = Run.of(await client.create(TASK_DELETION, namespace, body))
        _tell_made(session, run, {**settings, "no_wait": settings["no_wait"] and not asks})
        if asks:
            run = await follow(session, client, run, timeout=settings["timeout"])
            if not has_preview(run):
                return await _tell_end(session, client, run, settings["output"])
            if not await is_wanted(session, client, run):
                return FALSE
            run = await go_ahead(client, run)
            if settings["no_wait"]:
                _print_run(session, run, settings["output"])
        if settings["no_wait"]:
            return TRUE
        run = await follow(session, client, run, timeout=settings["timeout"])
        return await _tell_end(session, client, run, settings["output"])


def _object(session: Session, kind: Kind, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make the object that was asked for, and give what else was said. Raises UsageError."""
    named = Named(given.pop("urls"), given.pop("images"), given.pop("task_ids"), given.pop("contents"))
    settings = {name: given.pop(name) for name in ("timeout", "no_wait", "dry_run", "output")}
    name, ttl, file = given.pop("name"), given.pop("ttl"), given.pop("file")
    options = _target_options(given)
    if file is not None:
        body = _of_file(session, kind, file, is_alone=not named and not any(options.values()))
    elif named:
        spec = {"targets": named.targets(options)}
        body = {"apiVersion": API_VERSION, "kind": kind.name, "metadata": {}, "spec": spec}
        ttl = TTL_SECONDS if ttl is None else ttl
    else:
        raise click.UsageError("name what is meant: a URL, --image, --task-id, --content, or a manifest with -f FILE")
    if name:
        body["metadata"]["name"] = name
    elif not body["metadata"].get("name"):
        body["metadata"]["generateName"] = PREFIXES[kind.name]
    if ttl is not None and ttl != "none":
        body["spec"]["ttlSecondsAfterFinished"] = ttl
    return body, settings


def _of_file(session: Session, kind: Kind, file: IO[bytes], *, is_alone: bool) -> dict[str, Any]:
    if not is_alone:
        raise click.UsageError("a manifest says which tasks are meant: give either -f FILE, or targets and their flags")
    body, note = read_manifest(file, kind)
    if note:
        session.screen.note(note)
    namespace, meant = body["metadata"].get("namespace"), session.access.namespace
    if namespace and meant and namespace != meant:
        raise click.UsageError(f"the manifest is for the namespace {namespace}, and -n says {meant}")
    return body


def _target_options(given: Mapping[str, Any]) -> dict[str, Any]:
    if given["no_filter"] and given["filtered_query_params"]:
        raise click.UsageError("give either --no-filter or --filtered-query-param, not both")
    secrets = {field: given[field] and {"name": given[field]} for field in ("pull_secret", "ca_secret")}
    return {
        "pieceLength": given["piece_length"],
        "tag": given["tag"],
        "application": given["application"],
        "revision": given["revision"],
        "filteredQueryParams": [] if given["no_filter"] else list(given["filtered_query_params"]) or None,
        "platform": given["platform"],
        "keepSharedWith": list(given["keep_shared_with"]) or None,
        "includeReferrers": given["include_referrers"] or None,
        "pullSecretRef": secrets["pull_secret"],
        "caSecretRef": secrets["ca_secret"],
        "insecureSkipTLSVerify": given["insecure_skip_tls_verify"] or None,
    }


async def _pretend(session: Session, client: Client, body: dict[str, Any], settings: Mapping[str, Any]) -> int:
    """Show the object that would be made, as `kubectl create --dry-run` does."""
    kind = TASK_SEARCH if body["kind"] == TASK_SEARCH.name else TASK_DELETION
    shown: Mapping[str, Any] = body
    if settings["dry_run"] == "server":
        shown = await client.create(kind, str(body["metadata"]["namespace"]), body, dry_run=True)
    how = "dry run" if settings["dry_run"] == "client" else "server dry run"
    name = shown["metadata"].get("name") or shown["metadata"]["generateName"]
    _print(session, shown, settings["output"], name=f"{kind.singular}.{GROUP}/{name} created ({how})")
    return TRUE


def _tell_made(session: Session, run: Run, settings: Mapping[str, Any]) -> None:
    """Name the object: as the result where nothing is waited for."""
    if settings["no_wait"]:
        _print_run(session, run, settings["output"])
    else:
        session.screen.note(f"{_full_name(run)} created")


def _print(session: Session, body: Mapping[str, Any], output: str, *, name: str) -> None:
    if output == "json":
        session.screen.raw(json.dumps(body, indent=2, ensure_ascii=False))
    elif output == "yaml":
        session.screen.raw(yaml.safe_dump(dict(body), sort_keys=False, allow_unicode=True))
    else:
        session.screen.raw(name)


def _print_run(session: Session, run: Run, output: str) -> None:
    """Give a run as the result: without a form that was asked for, its name."""
    _print(session, run.body, output, name=_full_name(run) if output == "name" else run.name)


def _full_name(run: Run) -> str:
    return f"{run.kind.singular}.{GROUP}/{run.name}"


async def _tell_end(session: Session, client: Client, run: Run, output: str) -> int:
    if output in {"table", "wide"}:
        showing.verdict(session.screen, run)
        showing.peers(session, run, await client.reports(run.body), wide=output == "wide")
        showing.advice(session.screen, run)
    else:
        _print_run(session, run, output)
    return showing.exit_code(run)
