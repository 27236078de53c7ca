"""A watch on objects: what a write changed is timed when it arrives, and no write is missed, as polling would."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from hack.controlplane.server import ControlPlane


class WatchError(Exception):
    """The API server can't tell what happened since: there is no figure."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An object as one event of the watch showed it, when (`time.perf_counter`), and what kind of event it was."""

    at: float
    kind: str
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.body["metadata"]["name"])

    @property
    def is_write(self) -> bool:
        """Whether an object that was there has been written."""
        return self.kind == "MODIFIED"

    @property
    def is_finished(self) -> bool:
        """Whether the condition Finished is True."""
        return self._condition("Finished").get("status") == "True"

    @property
    def reason(self) -> str | None:
        """The reason of the condition Succeeded."""
        return self._condition("Succeeded").get("reason")

    def _condition(self, kind: str) -> dict[str, str]:
        conditions = self.body.get("status", {}).get("conditions", ())
        return next((each for each in conditions if each["type"] == kind), {})


@contextmanager
def watch(control_plane: ControlPlane, collection: str, *, patience: float) -> Iterator[Iterator[Sighting]]:
    """Watch a collection from now on, one sighting for each write of an object in it.

    The API server ends the watch of a client that it finds slow: then it goes on from what was seen last. Raises
    TimeoutError when nothing happens for `patience` seconds.
    """
    user = json.loads(control_plane.admin_kubeconfig.read_text(encoding="utf-8"))["users"][0]["user"]
    server = http.client.HTTPSConnection(
        urllib.parse.urlsplit(control_plane.url).netloc,
        timeout=patience,
        context=ssl.create_default_context(cafile=control_plane.ca),
    )

    def stream(since: str) -> http.client.HTTPResponse:
        query = urllib.parse.urlencode({"watch": "1", "resourceVersion": since})
        server.request("GET", f"{collection}?{query}", headers={"Authorization": f"Bearer {user['token']}"})
        return server.getresponse()

    with closing(server):
        since = control_plane.request("GET", f"{collection}?limit=1")["metadata"]["resourceVersion"]
        yield _sightings(stream, stream(since), since)


def _sightings(
    stream: Callable[[str], http.client.HTTPResponse], lines: http.client.HTTPResponse, since: str
) -> Iterator[Sighting]:
    while True:
        for line in lines:
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise WatchError(event["object"]["message"])
            since = event["object"]["metadata"]["resourceVersion"]
            yield Sighting(time.perf_counter(), event["type"], event["object"])
        lines = stream(since)
