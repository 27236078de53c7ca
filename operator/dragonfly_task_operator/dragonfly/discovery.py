"""From settings to addresses: names to all their addresses, Services to their ready endpoints, selectors to pods."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from dragonfly_task_operator import own_trouble
from dragonfly_task_operator.errors import LookupFailed
from dragonfly_task_operator.settings import ClusterSettings, PodSelector, ServiceRef


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a scheduler listens.

    Attributes:
        name: what it is called in the settings, as far as a certificate could be issued for that.
    """

    ip: str
    port: int
    name: str = field(compare=False)

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


class Services(Protocol):
    """What discovery asks of Kubernetes about schedulers."""

    async def endpoints(self, service: ServiceRef) -> Sequence[tuple[str, int]]:
        """List a Service's ready endpoints from its EndpointSlices. Raises LookupFailed."""
        ...


Pod: TypeAlias = tuple[str, str, bool]
"""Its IP address, what a dfdaemon there takes for its hostname, and whether it runs, neither starting nor ending."""


class Pods(Protocol):
    """What discovery asks of Kubernetes about peers."""

    async def pods(self, selector: PodSelector) -> Sequence[Pod]:
        """List the pods that have an IP address and have not ended.

        Raises:
            LookupFailed: they can't be listed.
        """
        ...


Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[tuple[str, int]]]]
"""Gives every address, with the port, of a name or of an address itself. Raises OSError."""


async def resolve(host: str, port: int) -> Sequence[tuple[str, int]]:
    """Ask the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(str(sockaddr[0]), int(sockaddr[1])) for *_, sockaddr in found]


async def scheduler_addresses(
    cluster: ClusterSettings, services: Services | None, resolve: Resolve
) -> tuple[tuple[Address, ...], tuple[str, ...]]:
    """Find the schedulers of a cluster.

    Returns:
        the addresses, sorted, and for each entry of the settings that gave none, why.

    Raises:
        OwnTrouble: one of the entries could not be looked up.
    """
    looked_up = await asyncio.gather(
        *(_look_up(entry, services, resolve) for entry in cluster.schedulers), return_exceptions=True
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


async def _look_up(entry: str | ServiceRef, services: Services | None, resolve: Resolve) -> list[Address]:
    if isinstance(entry, ServiceRef):
        if services is None:
            raise LookupFailed(f"service {entry}: there is no Kubernetes API to ask for its endpoints")
        endpoints = await services.endpoints(entry)
        if not endpoints:
            raise LookupFailed(f"service {entry}: has no ready endpoint")
        return [Address(ip, port, f"{entry.name}.{entry.namespace}.svc") for ip, port in endpoints]
    bracketed, _, port_digits = entry.rpartition(":")
    host = bracketed.strip("[]")
    try:
        found = await resolve(host, int(port_digits))
    except OSError as error:
        own_trouble.raise_if_own(error)
        raise LookupFailed(f"{entry}: {error.strerror or error}") from None
    return [Address(ip, port, host) for ip, port in found]
