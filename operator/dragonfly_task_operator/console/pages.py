"""The pages, and what their forms do. Each request is one thing that the person does, with their rights."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from aiohttp import web

from dragonfly_task_operator.api.base import API_VERSION
from dragonfly_task_operator.api.kinds import KINDS, TASK_DELETION, TASK_SEARCH, Kind
from dragonfly_task_operator.client.client import Client
from dragonfly_task_operator.client.errors import AlreadyThere, Changed, NoSuchObject, NotTaken
from dragonfly_task_operator.client.making import KEPT, PREFIXES, TTL_SECONDS
from dragonfly_task_operator.client.rows import Everyone
from dragonfly_task_operator.console import lists
from dragonfly_task_operator.console.feed import Feed
from dragonfly_task_operator.console.forms import WAYS, Form, Refused, ways_of
from dragonfly_task_operator.console.lists import Page, Query
from dragonfly_task_operator.console.rendering import Renderer, as_yaml
from dragonfly_task_operator.console.runs import Shown

WORD = "DELETE"
"""What Dragonfly's console has people type before it deletes."""

FORGOTTEN_SECONDS = 10
"""After which a person is told that no operator has taken an object up."""

LOOK_SECONDS = 5.0
"""After which a page looks again although nothing was told: that nothing happens is to be seen, too."""
PAUSE_SECONDS = 0.5
"""Between two looks of a page."""

_KEPT = 4
"""Runs whose peers are remembered."""

_COUNTS = {
    False: (("total", "Peers asked"), ("caching", "With it"), ("failed", "Failed"), ("unreachable", "Unreachable")),
    True: (
        ("total", "Peers asked"),
        ("caching", "Had it"),
        ("deleted", "Deleted"),
        ("failed", "Failed"),
        ("unreachable", "Unreachable"),
    ),
}
"""Of `status.peers`, by whether anything is deleted."""


class Pages:
    """Answers requests.

    Args:
        client: with the person's rights.
        feed: knows all runs.
        renderer: makes HTML.
        root: the path that everything is under.
    """

    def __init__(self, client: Client, feed: Feed, renderer: Renderer, *, root: str) -> None:
        self._client, self._feed, self._renderer, self._root = client, feed, renderer, root
        self._everyone: dict[tuple[str, str], Everyone] = {}

    def routes(self) -> list[web.RouteDef]:
        """Say which request is answered by what."""
        of_run = "/executions/{plural}/{namespace}/{name}"
        return [
            web.get(f"{self._root}/", self.search),
            web.post(f"{self._root}/searches", self.make_search),
            web.post(f"{self._root}/deletions", self.make_deletion),
            web.post(f"{self._root}/manifest", self.manifest),
            web.get(f"{self._root}/events", self.events),
            web.get(f"{self._root}/executions", self.executions),
            web.get(f"{self._root}{of_run}", self.run),
            web.post(f"{self._root}{of_run}/{{action:confirm|suspend|resume|again|preview}}", self.act),
            # Where a form's answer is shown, a browser that is told to load it anew comes by itself.
            web.get(f"{self._root}/{{form:searches|deletions|manifest}}", self.back),
            web.get(f"{self._root}{of_run}/{{action}}", self.back),
        ]

    async def search(self, request: web.Request) -> web.Response:
        """Show the form."""
        return self._form(Form(dict(request.query)))

    async def back(self, request: web.Request) -> web.Response:
        """Lead from a form's address to the page that the form is on."""
        raise web.HTTPSeeOther(f"{request.path.rpartition('/')[0]}{'/' if 'form' in request.match_info else ''}")

    async def make_search(self, request: web.Request) -> web.Response:
        """Search for what was typed."""
        return await self._make(request, TASK_SEARCH)

    async def make_deletion(self, request: web.Request) -> web.Response:
        """Ask what a deletion of what was typed would delete."""
        return await self._make(request, TASK_DELETION)

    async def manifest(self, request: web.Request) -> web.Response:
        """Show what was typed as YAML, to be applied or committed."""
        form = await _form(request)
        namespace = self._namespace(form)
        try:
            made = {
                kind.name: as_yaml(form.manifest(kind, namespace=namespace, default_name="my-task")) for kind in KINDS
            }
        except Refused as refused:
            return self._form(form, refused.problems)
        return self._page(
            "manifest.html", here="search", search=made[TASK_SEARCH.name], deletion=made[TASK_DELETION.name]
        )

    async def executions(self, request: web.Request) -> web.Response:
        """List runs."""
        query = Query(dict(request.query), request.path)
        everything = self._feed.runs()
        page = Page.of(lists.runs(everything, query), query)
        return self._page(
            "executions.html",
            here="executions",
            page=page,
            query=query,
            any=bool(everything),
            is_whole=self._feed.is_whole,
        )

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Tell a page, for as long as it listens, whenever it is to look again."""
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        version = self._feed.version
        with suppress(ConnectionResetError):  # the page is gone
            while True:
                version = await self._feed.news(version, seconds=LOOK_SECONDS)
                await stream.write(b"data: look\n\n")
                await asyncio.sleep(PAUSE_SECONDS)
        return stream

    async def run(self, request: web.Request) -> web.Response:
        """Show one run."""
        return await self._show(request, await self._read(request))

    async def act(self, request: web.Request) -> web.Response:
        """Do what a button of a run's page says."""
        run = await self._read(request)
        match request.match_info["action"]:
            case "confirm":
                return await self._confirm(request, run)
            case "preview":
                return await self._preview(run)
            case "again":
                if run.is_deletion and not run.is_dry_run:  # no page has a button for it
                    raise web.HTTPConflict(text="a deletion is done again by a preview, and DELETE typed")
                await self._patch(run, {"runID": str(uuid4())})
            case action:
                await self._patch(run, {"suspend": action == "suspend"})
        raise web.HTTPSeeOther(self._address(run))

    async def _confirm(self, request: web.Request, run: Shown) -> web.Response:
        typed = await _form(request)
        if typed["word"] != WORD:
            return await self._show(request, run, problem=f"Nothing is deleted: type {WORD} in capital letters.")
        choices = {field: typed[field] for field in ("unreachablePeers", "unfinishedDownloads") if typed[field]}
        is_as_seen = run.is_preview and typed["version"] == run.version
        if is_as_seen and await self._was_patched(run, {"dryRun": False, **choices}):
            raise web.HTTPSeeOther(self._address(run))
        fresh = await self._read(request)
        return await self._show(request, fresh, problem="Nothing is deleted: it has changed since you looked.")

    async def _preview(self, run: Shown) -> web.Response:
        spec = {field: run.spec[field] for field in KEPT if field in run.spec}
        body = {
            "apiVersion": API_VERSION,
            "kind": TASK_DELETION.name,
            "metadata": {"generateName": PREFIXES[TASK_DELETION.name], "namespace": run.namespace},
            "spec": {**spec, "dryRun": True, "ttlSecondsAfterFinished": TTL_SECONDS},
        }
        made = await self._client.create(TASK_DELETION, run.namespace, body)
        raise web.HTTPSeeOther(self._address(Shown(TASK_DELETION, made)))

    async def _make(self, request: web.Request, kind: Kind) -> web.Response:
        form = await _form(request)
        namespace = self._namespace(form)
        try:
            made = await self._client.create(kind, namespace, form.manifest(kind, namespace=namespace))
        except Refused as refused:
            return self._form(form, refused.problems)
        except NotTaken as refused:
            return self._form(form, {form.way.field: str(refused)})
        except AlreadyThere as refused:
            return self._form(form, {"name": str(refused)})
        raise web.HTTPSeeOther(self._address(Shown(kind, made)))

    async def _read(self, request: web.Request) -> Shown:
        kind = next((kind for kind in KINDS if kind.plural == request.match_info["plural"]), None)
        if kind is None:
            raise NoSuchObject(f"there is no kind {request.match_info['plural']}")
        namespace = request.match_info["namespace"]
        return Shown(kind, await self._client.get(kind, namespace, request.match_info["name"]))

    async def _patch(self, run: Shown, spec: Mapping[str, Any], *, version: str | None = None) -> None:
        await self._client.patch(run.kind, run.namespace, run.name, {"spec": spec}, resource_version=version)

    async def _was_patched(self, run: Shown, spec: Mapping[str, Any]) -> bool:
        """Change it if it is still as it was read, and tell whether it was."""
        try:
            await self._patch(run, spec, version=run.version)
        except Changed:
            return False
        return True

    async def _show(self, request: web.Request, run: Shown, *, problem: str = "") -> web.Response:
        query = Query(dict(request.query), self._address(run))
        everyone = await self._everyone_of(run)
        waited = int(run.waited(datetime.now(UTC)))
        return self._page(
            "run.html",
            status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
            here="executions",
            run=run,
            query=query,
            problem=problem,
            counts=_COUNTS[run.is_deletion and not run.is_dry_run],
            tasks=run.tasks,
            everyone=everyone.rows,
            left_out=everyone.left_out,
            ids=everyone.tasks,
            clusters=lists.clusters(everyone.rows),
            page=Page.of(lists.peers(everyone.rows, query), query),
            has_failed=any(row.failed for row in everyone.rows),
            has_share=any(row.share is not None for row in everyone.rows),
            reasons=run.failure_reasons,
            is_forgotten=waited if run.is_untouched and waited >= FORGOTTEN_SECONDS else 0,
            manifest=as_yaml(run.manifest()),
            object=as_yaml(_legible(run.body)),
        )

    async def _everyone_of(self, run: Shown) -> Everyone:
        """Tell of every peer. What ten thousand peers told is read once, as long as a run's end stays what it is."""
        key = (run.uid, f"{run.status.get('runKey')} {run.status.get('completionTime')}")
        if not run.is_over or not run.record.reports:
            return await self._client.reports(run.body)
        if key not in self._everyone:
            everyone = await self._client.reports(run.body)
            if everyone.left_out:
                return everyone
            self._everyone[key] = everyone
            for oldest in list(self._everyone)[:-_KEPT]:
                del self._everyone[oldest]
        return self._everyone[key]

    def _namespace(self, form: Form) -> str:
        return self._feed.namespace or form["namespace"] or self._client.namespace

    def _address(self, run: Shown) -> str:
        return f"{self._root}/executions/{run.path}"

    def _form(self, form: Form, problems: Mapping[str, str] | None = None) -> web.Response:
        return self._page(
            "search.html",
            status=HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK,
            here="search",
            ways=WAYS,
            ways_of=ways_of,
            form=form,
            problems=problems or {},
            default_namespace=self._client.namespace,
        )

    def _page(self, template: str, *, status: int = HTTPStatus.OK, **given: Any) -> web.Response:
        text = self._renderer.page(template, troubles=self._feed.troubles, **given)
        return web.Response(status=status, text=text, content_type="text/html")


async def _form(request: web.Request) -> Form:
    return Form({name: value for name, value in (await request.post()).items() if isinstance(value, str)})


def _legible(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Give an object as `kubectl get -o yaml` shows it."""
    metadata = {name: value for name, value in raw["metadata"].items() if name != "managedFields"}
    return {**raw, "metadata": metadata}
