"""What every run works with, made once: for the operator, and for `exec`, which has no Kubernetes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self, TypeAlias

from dragonfly_task_operator.clocks import SteadyClock, SystemClock
from dragonfly_task_operator.dragonfly import tls
from dragonfly_task_operator.dragonfly.channels import ChannelPool
from dragonfly_task_operator.dragonfly.discovery import Pods, Services
from dragonfly_task_operator.dragonfly.lean.wire import LeanWire
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.peers import GrpcPeers
from dragonfly_task_operator.dragonfly.planning import Images, TargetResolver
from dragonfly_task_operator.dragonfly.schedulers import GrpcSchedulers
from dragonfly_task_operator.dragonfly.wire import GrpcWire, Wire
from dragonfly_task_operator.engine.crowd import Crowd
from dragonfly_task_operator.engine.ports import Mandate
from dragonfly_task_operator.engine.run import Means
from dragonfly_task_operator.files import Budget
from dragonfly_task_operator.observability.metrics import Metrics
from dragonfly_task_operator.settings import Settings

RPCS_IN_FLIGHT = 512
"""Requests to peers under way at once, over all objects."""

_ByCluster: TypeAlias = Mapping[str, tls.RotatingCredentials]


@dataclass(frozen=True, slots=True)
class Certificates:
    """For the two sides of each cluster, by its name: plaintext where there are none."""

    schedulers: _ByCluster
    peers: _ByCluster

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read the files that the settings name. Raises SettingsError."""
        clusters = settings.all_clusters
        return cls(tls.by_cluster(clusters, "schedulers"), tls.by_cluster(clusters, "peers"))


@asynccontextmanager
async def means(
    settings: Settings,
    certificates: Certificates,
    *,
    share: Budget,
    images: Images,
    services: Services | None,
    pods: Pods | None,
    metrics: Metrics,
    mandate: Mandate | None = None,
) -> AsyncIterator[Means]:
    """Connect runs with Dragonfly while the context lasts.

    Args:
        settings: where the schedulers are, and how peers are asked.
        certificates: for both.
        share: of this process's files.
        images: tells what images are made of.
        services: how a Service's endpoints are found; None where there is no Kubernetes API.
        pods: how pods are found; likewise.
        metrics: where requests are counted.
        mandate: proved before each request to a peer; None where only this process acts.
    """
    clock = SystemClock()
    memory = HostMemory(SteadyClock(clock))
    pool = ChannelPool(
        metrics=metrics,
        limit=share.connections,
        probes=share.probes,
        may_send=lambda: mandate is None or mandate.is_proven,
    )
    metrics.connections_from(pool.census)
    try:
        schedulers = GrpcSchedulers(
            settings.all_clusters,
            pool,
            memory=memory,
            services=services,
            pods=pods,
            tls=certificates.schedulers,
            timeout=settings.rpc_timeout,
        )
        try:
            peers = GrpcPeers(
                _wire(settings, pool),
                memory=memory,
                tls=certificates.peers,
                timeout=settings.rpc_timeout,
                in_flight=min(RPCS_IN_FLIGHT, share.connections),
                requests_per_second=settings.peer_requests_per_second,
                metrics=metrics,
                mandate=mandate,
            )
            crowd = Crowd(waited=metrics.run_waited)
            metrics.lines_from(
                runs_waiting=lambda: crowd.waiting,
                peers_waiting=lambda: peers.turns.waiting,
                peers_in_flight=lambda: peers.turns.inside,
            )
            yield Means(
                targets=TargetResolver(images),
                schedulers=schedulers,
                peers=peers,
                clock=clock,
                parallelism=settings.parallelism,
                most_at_once=share.connections,
                crowd=crowd,
                count_own=metrics.own_trouble,
            )
        finally:
            await schedulers.aclose()
    finally:
        await pool.aclose()


def _wire(settings: Settings, pool: ChannelPool) -> Wire:
    grpcio = GrpcWire(pool)
    return grpcio if settings.peer_transport == "grpc" else LeanWire(pool, secured=grpcio)
