"""Requests to schedulers: who the peers are, and what is known of a task."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dragonfly_task_operator.dragonfly.channels import ChannelPool, Endpoint
from dragonfly_task_operator.dragonfly.discovery import Pods, Resolve, Services, resolve, scheduler_addresses
from dragonfly_task_operator.dragonfly.memory import Evidence, HostMemory, Session
from dragonfly_task_operator.dragonfly.peers import MAX_INT64, length, moment
from dragonfly_task_operator.dragonfly.rpc import Unread, ask, call
from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.dragonfly.sessions import Sessions
from dragonfly_task_operator.dragonfly.sharing import Shared
from dragonfly_task_operator.dragonfly.tls import RotatingCredentials
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import Host, HostID, HostListing, HostType, TaskMetadata
from dragonfly_task_operator.errors import LookupFailed, NoSchedulerReachable
from dragonfly_task_operator.protos_gen import common_pb2
from dragonfly_task_operator.protos_gen.scheduler_pb2 import ListHostsRequest, ListHostsResponse, StatTaskRequest
from dragonfly_task_operator.settings import ClusterSettings

LIST_HOSTS = "/scheduler.v2.Scheduler/ListHosts"
STAT_TASK = "/scheduler.v2.Scheduler/StatTask"

_TASK_TYPES = {number: name for name, number in common_pb2.TaskType.items()}
_HOST_TYPES = {0: HostType.NORMAL, 1: HostType.SUPER, 2: HostType.STRONG, 3: HostType.WEAK}

_VERSION = re.compile(r"v?[0-9][0-9A-Za-z.+_-]{0,62}", re.ASCII)

_ASKING = "dragonfly-task-operator"
"""A scheduler refuses a StatTask without a host id, whichever, as an invalid argument."""

HOSTS_IN_A_TURN = 500
"""Read of a scheduler's list before others get their turn: some milliseconds' worth."""

UNKNOWN_SCHEDULER_CLUSTER = 0
"""Of a pod that no scheduler lists. Dragonfly's own ids begin at 1."""


@dataclass(slots=True)
class _ClusterListing:
    """What was found of one cluster.

    Attributes:
        sessions: what schedulers list, each by the session in which it did.
        pods: by the `peers` selector.
        pod_ips: of all its pods, also of those that are starting or ending; None where they could not be listed.
        silent: schedulers, and entries of the settings that gave no scheduler, each with why.
        notes: what else a person should know.
    """

    cluster: str
    sessions: dict[Session, list[Host]] = field(default_factory=dict)
    pods: list[Host] = field(default_factory=list)
    pod_ips: frozenset[str] | None = None
    answered: list[Endpoint] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class GrpcSchedulers:
    """`engine.ports.Schedulers` over gRPC, for all clusters of the settings.

    With TLS, a scheduler's certificate must be issued for the host that the settings call it by, or for
    NAME.NAMESPACE.svc of its Service, unless they name another name.

    Args:
        clusters: where the schedulers are.
        pool: the channels.
        memory: who was listed lately.
        services: how to read a Service's endpoints; None where there is no Kubernetes API.
        pods: how to find pods; likewise.
        tls: credentials by the name of a cluster; plaintext where there are none.
        timeout: seconds for one request.
        resolve: how names become addresses.
    """

    def __init__(
        self,
        clusters: Sequence[ClusterSettings],
        pool: ChannelPool,
        *,
        memory: HostMemory,
        services: Services | None,
        pods: Pods | None,
        tls: Mapping[str, RotatingCredentials],
        timeout: float,
        resolve: Resolve = resolve,
    ) -> None:
        self._clusters = clusters
        self._pool = pool
        self._memory = memory
        self._services = services
        self._pods = pods
        self._tls = tls
        self._timeout = timeout
        self._resolve = resolve
        self._answered: list[Endpoint] = []
        self._sessions = Sessions(pool, timeout=timeout)
        self._listing = Shared(self._list_all)
        self._reading = asyncio.Lock()
        self._announced: dict[str, dict[HostID, Host]] = {}
        """By cluster, and id: hosts as they were listed last."""

    async def hosts(self) -> HostListing:
        """List every peer of every cluster: those that schedulers list now or listed lately, and pods.

        Who asks while a listing is under way shares the next.

        Raises:
            NoSchedulerReachable: none of a cluster's schedulers answered, and it has no pods to ask.
            OwnTrouble: one of them, or what tells where they are, could not be asked: peers may be missing.
        """
        return await self._listing.answer()

    async def _list_all(self) -> HostListing:
        listings = await asyncio.gather(*(self._list_cluster(cluster) for cluster in self._clusters))
        self._answered = [endpoint for listing in listings for endpoint in listing.answered]
        silent = tuple(scheduler for listing in listings for scheduler in listing.silent)
        return HostListing(
            hosts=self._memory.merge(
                [host for listing in listings for hosts in listing.sessions.values() for host in hosts],
                [host for listing in listings for host in listing.pods],
                _evidence(listings),
            ),
            silent=silent,
            schedulers=len(self._answered) + len(silent),
            notes=tuple(note for listing in listings for note in listing.notes),
        )

    def departed(self, hosts: Iterable[Host]) -> frozenset[HostID]:
        """Tell which of these have left the cluster, by the last listing: see `HostMemory.departed`."""
        return self._memory.departed(hosts)

    async def aclose(self) -> None:
        """Let go of the schedulers' connections. The pool is to be closed later."""
        await self._listing.aclose()
        await self._sessions.aclose()

    async def _list_cluster(self, cluster: ClusterSettings) -> _ClusterListing:
        listing = _ClusterListing(cluster.name)
        await asyncio.gather(self._ask_schedulers(cluster, listing), self._look_for_pods(cluster, listing))
        if listing.answered:
            return listing
        if not listing.pods:
            raise NoSchedulerReachable(
                f'no scheduler of cluster "{cluster.name}" answered ({"; ".join([*listing.silent, *listing.notes])});'
                " check the operator's settings, the schedulers, and the NetworkPolicies between them"
            )
        listing.notes.append(
            f'no scheduler of cluster "{cluster.name}" answered: its peers are the pods of {cluster.peers} and those'
            " listed in the last 15 minutes"
        )
        return listing

    async def _ask_schedulers(self, cluster: ClusterSettings, listing: _ClusterListing) -> None:
        addresses, silent = await scheduler_addresses(cluster, self._services, self._resolve)
        listing.silent.extend(silent)
        tls = self._tls.get(cluster.name)
        endpoints = [Endpoint(address.ip, address.port, tls, address.name) for address in addresses]
        answers = await asyncio.gather(*(self._list_one(endpoint, cluster.name) for endpoint in endpoints))
        for address, endpoint, answer in zip(addresses, endpoints, answers, strict=True):
            if isinstance(answer, RpcError):
                listing.silent.append(f"{address}: {_words(answer)}")
            else:
                listing.answered.append(endpoint)
                session, hosts = answer
                listing.sessions[session] = hosts
        self._announced[cluster.name] = {host.id: host for hosts in listing.sessions.values() for host in hosts}

    async def _look_for_pods(self, cluster: ClusterSettings, listing: _ClusterListing) -> None:
        selector = cluster.peers
        if selector is None:
            return
        if self._pods is None:
            listing.notes.append(f"pods {selector}: there is no Kubernetes API to ask for them")
            return
        try:
            pods = await self._pods.pods(selector)
        except LookupFailed as error:
            listing.notes.append(str(error))
        else:
            listing.pods.extend(
                _pod_host(ip, hostname, selector.port, cluster.name) for ip, hostname, runs in pods if runs
            )
            listing.pod_ips = frozenset(ip for ip, _, _ in pods)

    async def _list_one(self, endpoint: Endpoint, cluster: str) -> tuple[Session, list[Host]] | RpcError:
        """Ask one scheduler."""
        request = ListHostsRequest().SerializeToString()
        with await self._pool.connection(endpoint) as connection:
            try:
                unread = await ask(connection, LIST_HOSTS, request, timeout=self._timeout)
                session = self._sessions.of(connection)  # at once: later it may be another process's
                return session, await self._read(unread, cluster)
            except RpcError as error:
                return error

    async def _read(self, unread: Unread, cluster: str) -> list[Host]:
        """Read a list, none while another is: as a message, one of 10,000 hosts takes 7 MiB. Raises RpcError."""
        async with self._reading:
            answer = ListHostsResponse()
            unread.read_into(answer)
            return await _hosts(answer, cluster, self._announced.setdefault(cluster, {}))

    async def metadata(self, task: TaskID) -> TaskMetadata | None:
        """Ask the schedulers that lately answered, one after another: only one of them knows a task."""
        request = StatTaskRequest(host_id=_ASKING, task_id=task).SerializeToString()
        for endpoint in self._answered:
            answer = common_pb2.Task()
            try:
                with await self._pool.connection(endpoint) as connection:
                    await call(connection, STAT_TASK, request, answer, timeout=self._timeout)
            except RpcError:
                # NOT_FOUND says nothing about caches, and any other failure no more: the peers are asked anyway.
                continue
            return _metadata(answer)
        return None


async def _hosts(answer: ListHostsResponse, cluster: str, before: dict[HostID, Host]) -> list[Host]:
    """Read hosts. One that is in `before` as it is announced now is that object: each scheduler lists all of them."""
    hosts = []
    for number, announced in enumerate(answer.hosts, start=1):
        host = before.get(announced.id)
        if host is None or not _is_still(host, announced):
            host = _host(announced, cluster)
            before[host.id] = host
        hosts.append(host)
        if number % HOSTS_IN_A_TURN == 0:
            await asyncio.sleep(0)  # of 10,000 hosts, all at once would take a tenth of a second
    return hosts


def _evidence(listings: Sequence[_ClusterListing]) -> Evidence:
    return Evidence(
        sessions={
            session: frozenset(host.id for host in hosts)
            for listing in listings
            for session, hosts in listing.sessions.items()
        },
        pods={listing.cluster: listing.pod_ips for listing in listings if listing.pod_ips is not None},
    )


def _words(error: RpcError) -> str:
    if error.is_unimplemented:
        return f"{error.details} (ListHosts needs scheduler 2.2.0 or newer)"
    return f"TLS: {error.details}" if error.is_tls else error.details


def _host(host: common_pb2.Host, cluster: str) -> Host:
    return Host(
        id=host.id,
        hostname=host.hostname,
        ip=host.ip,
        port=host.port,
        type=_HOST_TYPES.get(host.type, HostType.NORMAL),
        scheduler_cluster_id=min(host.scheduler_cluster_id, MAX_INT64),
        cluster=cluster,
        client_version=_version(host.build.git_version),
    )


def _is_still(host: Host, announced: common_pb2.Host) -> bool:
    """Whether `_host` would make this very host of it. To look is a third of the work of making it."""
    version = announced.build.git_version
    return (
        host.ip == announced.ip
        and host.port == announced.port
        and host.hostname == announced.hostname
        and host.type is _HOST_TYPES.get(announced.type, HostType.NORMAL)
        and host.scheduler_cluster_id == min(announced.scheduler_cluster_id, MAX_INT64)
        and ((host.client_version or "") == version or host.client_version == _version(version))
    )


def _version(announced: str) -> str | None:
    """Give a version as it was announced, or None for what is none: nothing keeps a peer from announcing a novel."""
    return announced if _VERSION.fullmatch(announced) else None


def _pod_host(ip: str, hostname: str, port: int, cluster: str) -> Host:
    """Take a pod for the peer that it would announce itself as, which is `ip-hostname` unless it is a seed."""
    return Host(
        id=f"{ip}-{hostname}",
        hostname=hostname,
        ip=ip,
        port=port,
        type=HostType.NORMAL,
        scheduler_cluster_id=UNKNOWN_SCHEDULER_CLUSTER,
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
        content_length=length(task.content_length),
        piece_count=task.piece_count,
        state=task.state,
        created_at=moment(task.created_at) if task.HasField("created_at") else None,
        updated_at=moment(task.updated_at) if task.HasField("updated_at") else None,
    )
