"""Writes to the API server as fast as it takes them: objects for the rows, and the floor under what a run writes.

As a program it is the floor: for each of so many objects what the operator writes of a small run, by a bare client with
kept connections: the object, one status, three Events. It reads a question as JSON from stdin and writes the seconds
that it took to stdout.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from hack.controlplane.server import ControlPlane

AT_ONCE = 16
"""Requests under way: the API server of the same two cores gains nothing from more."""

Write = Callable[[str, str, Mapping[str, Any]], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach an API server as admin."""

    url: str
    ca: str
    token: str

    @classmethod
    def to(cls, control_plane: ControlPlane) -> Access:
        """Take it from a control plane."""
        user = json.loads(control_plane.admin_kubeconfig.read_text(encoding="utf-8"))["users"][0]["user"]
        return cls(url=control_plane.url, ca=str(control_plane.ca), token=user["token"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to write: `count` times `manifest` (with generateName), then `status` on each, and `events` about it."""

    access: Access
    collection: str
    manifest: Mapping[str, Any]
    status: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    count: int


def create(access: Access, collection: str, manifests: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Make objects, several at a time; returns when each was sent (`time.perf_counter`), by name, in order."""

    async def make() -> dict[str, float]:
        async with _writing(access) as write:

            async def one(manifest: Mapping[str, Any]) -> tuple[str, float]:
                sent = time.perf_counter()
                made = await write("POST", collection, manifest)
                return str(made["metadata"]["name"]), sent

            return dict(await _all(one, manifests))

    return asyncio.run(make())


def seconds_of(question: Question) -> float:
    """Have a fresh process write. Raises CalledProcessError."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.writing"],
        input=json.dumps(asdict(question)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout)


async def _floor(question: Question) -> float:
    async with _writing(question.access) as write:

        async def one(_: int) -> None:
            name = (await write("POST", question.collection, question.manifest))["metadata"]["name"]
            await write("PATCH", f"{question.collection}/{name}/status", {"status": question.status})
            namespace = question.collection.split("/")[-2]
            for event in question.events:
                about = {**event["involvedObject"], "name": name}
                metadata = {"generateName": f"{name}.", "namespace": namespace}
                body = {**event, "metadata": metadata, "involvedObject": about}
                await write("POST", f"/api/v1/namespaces/{namespace}/events", body)

        started = time.perf_counter()
        await _all(one, range(question.count))
        return time.perf_counter() - started


@asynccontextmanager
async def _writing(access: Access) -> Any:
    connector = aiohttp.TCPConnector(limit=AT_ONCE, ssl=ssl.create_default_context(cafile=access.ca))
    headers = {"Authorization": f"Bearer {access.token}"}
    async with aiohttp.ClientSession(access.url, connector=connector, headers=headers) as session:

        async def write(method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
            kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
            async with session.request(
                method, path, data=json.dumps(body), headers={"Content-Type": kind}, raise_for_status=True
            ) as answer:
                written: dict[str, Any] = await answer.json()
                return written

        yield write


async def _all(one: Callable[[Any], Awaitable[Any]], items: Any) -> list[Any]:
    """Do something with every item, AT_ONCE at a time, in order; gives the results in order."""
    results: list[Any] = []
    remaining = enumerate(items)

    async def work() -> None:
        for position, item in remaining:
            results.append((position, await one(item)))

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return [result for _, result in sorted(results, key=lambda pair: pair[0])]


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(asyncio.run(_floor(Question(**{**given, "access": Access(**given["access"])}))))
