"""From settings to the addresses of schedulers: names to all their addresses, Services to their ready endpoints."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dragonfly_task_operator.errors import LookupFailed
from dragonfly_task_operator.settings import ClusterSettings, ServiceRef


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a scheduler listens: an IP address and a port."""

    ip: str
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


class Services(Protocol):
    """What discovery asks of Kubernetes."""

    async def endpoints(self, service: ServiceRef) -> Sequence[tuple[str, int]]:
        """List a Service's ready endpoints from its EndpointSlices. Raises LookupFailed."""
        ...


async def scheduler_addresses(
    cluster: ClusterSettings, services: Services | None
) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """Find the schedulers of a cluster.

    Returns:
        the addresses, sorted, and for each entry of the settings that gave none, why.
    """
    looked_up = await asyncio.gather(
        *(_look_up(entry, services) for entry in cluster.schedulers), return_exceptions=True
    )
    addresses: set[Address] = set()
    problems: list[str] = []
    for found in looked_up:
        if isinstance(found, LookupFailed):
            problems.append(str(found))
        elif isinstance(found, BaseException):
            raise found
        else:
            addresses.update(found)
    return tuple(sorted(addresses)), tuple(problems)


async def _look_up(entry: str | ServiceRef, services: Services | None) -> list[Address]:
    if isinstance(entry, ServiceRef):
        if services is None:
            raise LookupFailed(f"service {entry}: there is no Kubernetes API to ask for its endpoints")
        endpoints = await services.endpoints(entry)
        if not endpoints:
            raise LookupFailed(f"service {entry}: has no ready endpoint")
        return [Address(ip, port) for ip, port in endpoints]
    host, _, port = entry.rpartition(":")
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise LookupFailed(f"{entry}: {error.strerror or error}") from None
    return [Address(str(sockaddr[0]), int(sockaddr[1])) for *_, sockaddr in found]
