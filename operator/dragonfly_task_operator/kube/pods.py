"""Pods that run dfdaemons, for finding peers that no scheduler lists."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from dragonfly_task_operator.api import loose
from dragonfly_task_operator.kube.client import Client
from dragonfly_task_operator.kube.looking_up import looking_up
from dragonfly_task_operator.settings import PodSelector

Pod: TypeAlias = tuple[str, str, bool]
"""Its IP address, its hostname, and whether it runs."""

_PATH = "/api/v1/namespaces/{namespace}/pods"
PAGE = 500
"""Pods in one answer of the API server: some 5 MB."""

FRESH_SECONDS = 2.0
"""How long a list serves: a thousand objects that are applied at once don't list ten thousand pods each."""


class RunningPods:
    """`dragonfly.discovery.Pods` by the Kubernetes API."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._turn = asyncio.Lock()
        self._lists: dict[PodSelector, tuple[float, Sequence[Pod]]] = {}

    async def pods(self, selector: PodSelector) -> Sequence[Pod]:
        """List the pods that have not ended. Raises LookupFailed.

        One that is not ready runs, too: its dfdaemon may be stuck, but what it has cached is still there.
        """
        now = asyncio.get_running_loop().time
        async with self._turn:
            listed, pods = self._lists.get(selector, (-FRESH_SECONDS, ()))
            if now() - listed >= FRESH_SECONDS:
                pods = await self._list(selector)
                self._lists[selector] = (now(), pods)
            return pods

    async def _list(self, selector: PodSelector) -> Sequence[Pod]:
        found: list[Pod] = []
        query: dict[str, str | int] = {
            "labelSelector": selector.label_selector,
            "fieldSelector": "status.phase!=Succeeded,status.phase!=Failed",
            "limit": PAGE,
        }
        with looking_up(f"pods {selector}"):
            while True:
                page = await self._client.get(_PATH, query, namespace=selector.namespace)
                found += filter(None, map(_pod, loose.mappings(page.get("items"))))
                following = loose.word(loose.mapping(page.get("metadata")).get("continue"))
                if not following:
                    return found
                query["continue"] = following


def _pod(pod: Mapping[str, Any]) -> Pod | None:
    """Read a pod; None while it has no address.

    A dfdaemon in the host's network takes the node's name for its hostname, any other that of its pod.
    """
    metadata, spec, status = (loose.mapping(pod.get(part)) for part in ("metadata", "spec", "status"))
    ip, name = loose.word(status.get("podIP")), loose.word(metadata.get("name")) or ""
    if not ip:
        return None
    hostname = loose.word(spec.get("nodeName" if spec.get("hostNetwork") else "hostname"))
    return ip, hostname or name, status.get("phase") == "Running" and not metadata.get("deletionTimestamp")
