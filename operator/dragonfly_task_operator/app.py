"""Wiring, top to bottom: settings, clients, queue, Kopf. Each thing is made once here, and closed by one exit stack."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus

import aiohttp
import kopf
from kopf._core.engines.peering import Identity
from kubernetes.aio.client import ApiClient, ApiException, Configuration, CustomObjectsApi

from dragonfly_task_operator import __version__
from dragonfly_task_operator.api.base import API_VERSION, GROUP, VERSION
from dragonfly_task_operator.api.kinds import KINDS
from dragonfly_task_operator.dragonfly import tls
from dragonfly_task_operator.dragonfly.channels import ChannelPool
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.peers import GrpcPeers
from dragonfly_task_operator.dragonfly.schedulers import GrpcSchedulers
from dragonfly_task_operator.dragonfly.targets import TargetResolver
from dragonfly_task_operator.engine.run import Means
from dragonfly_task_operator.errors import StartError
from dragonfly_task_operator.kube import connection, watching
from dragonfly_task_operator.kube.events import Recorder
from dragonfly_task_operator.kube.objects import Objects
from dragonfly_task_operator.kube.pods import RunningPods
from dragonfly_task_operator.kube.reconciler import Reconciler
from dragonfly_task_operator.kube.services import EndpointSlices
from dragonfly_task_operator.settings import Settings

log = logging.getLogger(__name__)

RPCS_IN_FLIGHT = 1024
"""Requests to peers under way at once, over all objects."""


class SystemClock:
    """`engine.ports.Clock` of this machine."""

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return datetime.now(UTC)


async def run(settings: Settings, *, ready: asyncio.Event | None = None, stop: asyncio.Event | None = None) -> None:
    """Run the operator until it is told to stop.

    Args:
        settings: all of them.
        ready: set once the watches run.
        stop: ends it, as SIGTERM and SIGINT do.

    Raises:
        SettingsError: the kubeconfig or the TLS files can't be used.
        StartError: the API server can't be reached, or lacks the CRDs.
    """
    clusters = settings.all_clusters
    schedulers_tls, peers_tls = tls.by_cluster(clusters, "schedulers"), tls.by_cluster(clusters, "peers")
    configuration = await connection.load(settings.kubeconfig)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(ApiClient(configuration=configuration))
        await _require_crds(client, configuration)
        pool = ChannelPool()
        stack.push_async_callback(pool.aclose)
        recorder = Recorder(client)
        stack.push_async_callback(recorder.aclose)
        clock = SystemClock()
        memory = HostMemory(clock)
        means = Means(
            targets=TargetResolver(),
            schedulers=GrpcSchedulers(
                clusters,
                pool,
                memory=memory,
                services=EndpointSlices(client),
                pods=RunningPods(client),
                tls=schedulers_tls,
                timeout=settings.rpc_timeout,
            ),
            peers=GrpcPeers(pool, memory=memory, tls=peers_tls, timeout=settings.rpc_timeout, in_flight=RPCS_IN_FLIGHT),
            clock=clock,
            parallelism=settings.parallelism,
        )
        reconciler = Reconciler(means=means, objects=Objects(client), recorder=recorder)
        async with _background(watching.sweep_forever(reconciler, settings.namespace)):
            log.info("operator.started version=%s clusters=%d", __version__, len(clusters))
            await kopf.operator(
                registry=watching.make_registry(reconciler, configuration, on_stop=reconciler.aclose),
                settings=watching.make_settings(),
                # Otherwise Kopf looks for the name of the user, and a container's uid has none.
                identity=Identity("dragonfly-task-operator"),
                standalone=True,
                clusterwide=not settings.namespace,
                namespaces=settings.namespace,
                ready_flag=ready,
                stop_flag=stop,
            )
    log.info("operator.stopped")


async def _require_crds(client: ApiClient, configuration: Configuration) -> None:
    try:
        served = await CustomObjectsApi(client).get_api_resources(GROUP, VERSION)
        kinds = {resource.kind for resource in served.resources}
    except ApiException as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise StartError(
                f"the API server {configuration.host} answered {error.status} {error.reason}; check the operator's"
                " credentials and RBAC"
            ) from None
        kinds = set()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise StartError(
            f"the API server {configuration.host} can't be reached ({type(error).__name__}: {error}); check the"
            " kubeconfig and that it runs"
        ) from None
    missing = [f"{kind.plural}.{GROUP}" for kind in KINDS if kind.name not in kinds]
    if missing:
        raise StartError(
            f"the CRDs of {API_VERSION} are missing ({', '.join(missing)}); install them:"
            " dragonfly-task-operator crds | kubectl apply -f -"
        )


@asynccontextmanager
async def _background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
