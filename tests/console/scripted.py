"""A person's access whose API server holds what a test says, and no more: for pages of states that are hard to have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from dragonfly_task_operator.api.kinds import Resource
from dragonfly_task_operator.client import watching
from dragonfly_task_operator.client.client import Client
from dragonfly_task_operator.client.errors import ClientError, NoSuchObject

NAMESPACE = "default"
MADE = "2026-11-26T02:00:00Z"


class ScriptedClient(Client):
    """Holds objects by kind and name. `failing` is what every request raises while it is set."""

    def __init__(self, objects: Sequence[Mapping[str, Any]] = (), *, is_silent: bool = False) -> None:
        self.server, self.namespace = "https://api.example.com:6443", NAMESPACE
        self.objects = {(each["kind"], each["metadata"]["name"]): dict(each) for each in objects}
        self.is_silent = is_silent
        self.failing: ClientError | None = None
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def get(self, kind: Resource, namespace: str, name: str) -> Mapping[str, Any]:
        self._may_fail()
        if (kind.name, name) not in self.objects:
            raise NoSuchObject(f"there is no {kind.name} {namespace}/{name}")
        return self.objects[kind.name, name]

    async def create(
        self, kind: Resource, namespace: str, body: Mapping[str, Any], *, dry_run: bool = False
    ) -> Mapping[str, Any]:
        self._may_fail()
        self.asked.append(("create", body))
        name = body["metadata"].get("name") or f"{body['metadata']['generateName']}x7k2p"
        made = an_object(kind.name, name, body["spec"])
        self.objects[kind.name, name] = made
        return made

    async def patch(
        self,
        kind: Resource,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        resource_version: str | None = None,
    ) -> Mapping[str, Any]:
        self._may_fail()
        self.asked.append(("patch", patch))
        return self.objects[kind.name, name]

    async def watch(
        self, kind: Resource, namespace: str | None, *, name: str | None = None
    ) -> AsyncIterator[watching.Event]:
        self._may_fail()
        if not self.is_silent:
            for (of_kind, _), each in self.objects.items():
                if of_kind == kind.name:
                    yield watching.Seen(each)
            yield watching.Listed()
        await asyncio.Event().wait()

    def _may_fail(self) -> None:
        if self.failing is not None:
            raise self.failing


def an_object(
    kind: str, name: str, spec: Mapping[str, Any], status: Mapping[str, Any] | None = None, *, made: str = MADE
) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-{kind}-{name}",
        "resourceVersion": "7",
        "generation": 1,
        "creationTimestamp": made,
    }
    return {
        "apiVersion": "tasks.d7y.io/v1alpha1",
        "kind": kind,
        "metadata": metadata,
        "spec": dict(spec),
        "status": dict(status or UNTOUCHED),
    }


def a_status(succeeded: str, reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    conditions = [{"type": "Succeeded", "status": succeeded, "reason": reason, "message": message}]
    if succeeded != "Unknown":
        conditions.append({"type": "Finished", "status": "True", "reason": reason, "message": message})
    return {"observedGeneration": 1, "runKey": "3f9c0d1e", "reason": reason, "conditions": conditions, **more}


UNTOUCHED = {
    "observedGeneration": -1,
    "reason": "Pending",
    "conditions": [
        {"type": "Succeeded", "status": "Unknown", "reason": "Pending", "message": "waiting for the operator"}
    ],
}

TASK = "a1" * 32
TARGET = {"targets": [{"taskID": TASK}]}
TOLD = {"startTime": "2026-11-26T02:00:00Z", "completionTime": "2026-11-26T02:00:03Z"}


def a_peer(number: int, **more: Any) -> dict[str, Any]:
    return {
        "hostID": f"h{number}",
        "hostname": f"n{number}",
        "ip": f"10.0.0.{number}",
        "hostType": "normal",
        "schedulerClusterID": 1 + number % 2,
        "finished": True,
        **more,
    }


def a_task(*holders: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "taskID": TASK,
        "target": 0,
        "identity": "taskID",
        "result": "Found",
        "peers": {"total": 50, "caching": len(holders)},
        "contentLength": 1 << 30,
        "cachedBy": list(holders),
        **more,
    }


def a_preview(**more: Any) -> dict[str, Any]:
    status = a_status("True", "DryRun", "would be deleted", peers={"total": 50, "caching": 2}, **TOLD)
    return an_object(
        "TaskDeletion",
        "preview",
        {**TARGET, "dryRun": True, **more},
        {**status, "tasks": [a_task(a_peer(1), a_peer(2))]},
    )


PREVIEW = "/executions/taskdeletions/default/preview"
