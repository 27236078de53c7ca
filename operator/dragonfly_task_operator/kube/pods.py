"""Pods that run dfdaemons, for finding peers that no scheduler lists."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeAlias

from kubernetes.aio.client import ApiClient, CoreV1Api

from dragonfly_task_operator.kube.looking_up import looking_up
from dragonfly_task_operator.settings import PodSelector

Pod: TypeAlias = tuple[str, str, bool]
"""Its IP address, its hostname, and whether it runs."""

PAGE = 500
"""Pods in one answer of the API server: some 5 MB."""

FRESH_SECONDS = 2.0
"""How long a list serves: a thousand objects that are applied at once don't list ten thousand pods each."""


class RunningPods:
    """`dragonfly.discovery.Pods` by the Kubernetes API."""

    def __init__(self, client: ApiClient) -> None:
        self._api = CoreV1Api(client)
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
        following: str | None = None
        with looking_up(f"pods {selector}"):
            while following != "":
                page: Any = await self._api.list_namespaced_pod(
                    selector.namespace,
                    label_selector=selector.label_selector,
                    field_selector="status.phase!=Succeeded,status.phase!=Failed",
                    limit=PAGE,
                    _continue=following,
                )
                found += [_pod(pod) for pod in page.items if pod.status.pod_ip]
                following = page.metadata._continue or ""  # noqa: SLF001 - `continue` is a word of Python's
        return found


def _pod(pod: Any) -> Pod:
    """A dfdaemon in the host's network takes the node's name for its hostname, any other that of its pod."""
    spec = pod.spec
    hostname = spec.node_name if spec.host_network else spec.hostname or pod.metadata.name
    runs = bool(pod.status.phase == "Running" and not pod.metadata.deletion_timestamp)
    return pod.status.pod_ip, hostname or pod.metadata.name, runs
