"""Requests to schedulers: who the peers are, and what is known of a task."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from dragonfly_task_operator.dragonfly.channels import ChannelPool, grpc_target
from dragonfly_task_operator.dragonfly.discovery import Address, Services, scheduler_addresses
from dragonfly_task_operator.dragonfly.peers import moment
from dragonfly_task_operator.dragonfly.rpc import RpcError, call
from dragonfly_task_operator.engine.model import Host, HostID, HostListing, HostType, TaskID, TaskMetadata
from dragonfly_task_operator.errors import NoSchedulerReachable
from dragonfly_task_operator.protos_gen import common_pb2
from dragonfly_task_operator.protos_gen.scheduler_pb2 import ListHostsRequest, ListHostsResponse, StatTaskRequest
from dragonfly_task_operator.settings import ClusterSettings

LIST_HOSTS = "/scheduler.v2.Scheduler/ListHosts"
STAT_TASK = "/scheduler.v2.Scheduler/StatTask"

_TASK_TYPES = {number: name for name, number in common_pb2.TaskType.items()}
_HOST_TYPES = {0: HostType.NORMAL, 1: HostType.SUPER, 2: HostType.STRONG, 3: HostType.WEAK}


@dataclass(frozen=True, slots=True)
class _ClusterListing:
    hosts: list[Host]
    answered: list[Address]
    silent: list[str]
    """Schedulers, and entries of the settings that gave no scheduler, each with why."""


class GrpcSchedulers:
    """`engine.ports.Schedulers` over gRPC, for all clusters of the settings.

    Args:
        clusters: where the schedulers are.
        pool: the channels.
        services: how to read a Service's endpoints; None where there is no Kubernetes API.
        timeout: seconds for one request.
    """

    def __init__(
        self, clusters: Sequence[ClusterSettings], pool: ChannelPool, *, services: Services | None, timeout: float
    ) -> None:
        self._clusters = clusters
        self._pool = pool
        self._services = services
        self._timeout = timeout
        self._answered: list[Address] = []

    async def hosts(self) -> HostListing:
        """List every peer of every cluster: the union over its schedulers, by host id.

        Raises:
            NoSchedulerReachable: none of a cluster's schedulers answered.
        """
        listings = await asyncio.gather(*(self._list_cluster(cluster) for cluster in self._clusters))
        hosts: dict[HostID, Host] = {}
        for listing in listings:
            for host in listing.hosts:
                hosts.setdefault(host.id, host)
        self._answered = [address for listing in listings for address in listing.answered]
        silent = tuple(scheduler for listing in listings for scheduler in listing.silent)
        return HostListing(tuple(hosts.values()), silent, len(self._answered) + len(silent))

    async def _list_cluster(self, cluster: ClusterSettings) -> _ClusterListing:
        addresses, silent = await scheduler_addresses(cluster, self._services)
        listing = _ClusterListing([], [], list(silent))
        answers = await asyncio.gather(*(self._list_one(address) for address in addresses))
        for address, answer in zip(addresses, answers, strict=True):
            if isinstance(answer, RpcError):
                listing.silent.append(f"{address}: {answer.details}")
            else:
                listing.answered.append(address)
                listing.hosts.extend(_host(host, cluster.name) for host in answer.hosts)
        if not listing.answered:
            raise NoSchedulerReachable(
                f'no scheduler of cluster "{cluster.name}" answered ({"; ".join(listing.silent)});'
                " check the operator's settings, the schedulers, and the NetworkPolicies between them"
            )
        return listing

    async def _list_one(self, address: Address) -> ListHostsResponse | RpcError:
        answer = ListHostsResponse()
        try:
            await self._call(address, LIST_HOSTS, ListHostsRequest().SerializeToString(), answer)
        except RpcError as error:
            return error
        return answer

    async def metadata(self, task: TaskID) -> TaskMetadata | None:
        """Ask the schedulers that lately answered, one after another: only one of them knows a task."""
        request = StatTaskRequest(task_id=task).SerializeToString()
        for address in self._answered:
            answer = common_pb2.Task()
            try:
                await self._call(address, STAT_TASK, request, answer)
            except RpcError:
                # NOT_FOUND says nothing about caches, and any other failure no more: the peers are asked anyway.
                continue
            return _metadata(answer)
        return None

    async def _call(
        self, address: Address, method: str, request: bytes, answer: ListHostsResponse | common_pb2.Task
    ) -> None:
        async with self._pool.connection(grpc_target(address.ip, address.port)) as connection:
            try:
                await call(connection.channel, method, request, answer, timeout=self._timeout)
            except RpcError as error:
                connection.broken |= error.breaks_connection
                raise


def _host(host: common_pb2.Host, cluster: str) -> Host:
    return Host(
        id=host.id,
        hostname=host.hostname,
        ip=host.ip,
        port=host.port,
        type=_HOST_TYPES.get(host.type, HostType.NORMAL),
        scheduler_cluster_id=host.scheduler_cluster_id,
        cluster=cluster,
    )


def _metadata(task: common_pb2.Task) -> TaskMetadata:
    return TaskMetadata(
        url=task.url,
        type=_TASK_TYPES.get(task.type, str(task.type)),
        tag=task.tag if task.HasField("tag") else None,
        application=task.application if task.HasField("application") else None,
        filtered_query_params=tuple(task.filtered_query_params),
        digest=task.digest if task.HasField("digest") else None,
        content_length=task.content_length,
        piece_count=task.piece_count,
        state=task.state,
        created_at=moment(task.created_at) if task.HasField("created_at") else None,
        updated_at=moment(task.updated_at) if task.HasField("updated_at") else None,
    )
