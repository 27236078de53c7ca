"""Wiring, top to bottom: settings, clients, queue, watches. Each thing is made once here, and closed by one stack."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from wsgiref.types import WSGIApplication

from yarl import URL

from dragonfly_task_operator import __version__, event_loop, files, wiring
from dragonfly_task_operator.api.conditions import GOING, Reason
from dragonfly_task_operator.api.kinds import KINDS
from dragonfly_task_operator.engine.census import PEER_OUTCOMES
from dragonfly_task_operator.errors import StartError
from dragonfly_task_operator.kube import connection, watching
from dragonfly_task_operator.kube.client import Client
from dragonfly_task_operator.kube.connection import REQUEST_SECONDS, Line
from dragonfly_task_operator.kube.crd_check import require_crds
from dragonfly_task_operator.kube.events import Recorder
from dragonfly_task_operator.kube.history import History
from dragonfly_task_operator.kube.keyring import Keyring
from dragonfly_task_operator.kube.lease import Lease
from dragonfly_task_operator.kube.objects import Objects
from dragonfly_task_operator.kube.paging import Press
from dragonfly_task_operator.kube.pods import RunningPods
from dragonfly_task_operator.kube.reconciler import Reconciler
from dragonfly_task_operator.kube.reports import Reports
from dragonfly_task_operator.kube.secrets import NamespacedSecrets
from dragonfly_task_operator.kube.services import EndpointSlices
from dragonfly_task_operator.kube.tidying import Named, Tidier
from dragonfly_task_operator.kube.watch.scopes import scopes_of
from dragonfly_task_operator.kube.watch.sights import Sights
from dragonfly_task_operator.kube.watch.supervising import Supervisor
from dragonfly_task_operator.kube.watching import Watcher
from dragonfly_task_operator.observability.audit_log import open_audit_log
from dragonfly_task_operator.observability.health import Heartbeat, endpoints
from dragonfly_task_operator.observability.logs import fields
from dragonfly_task_operator.observability.metrics import Metrics
from dragonfly_task_operator.observability.serving import served
from dragonfly_task_operator.oci.access import BySecrets
from dragonfly_task_operator.oci.addresses import Gate
from dragonfly_task_operator.oci.images import RegistryImages
from dragonfly_task_operator.oci.proxies import Proxies
from dragonfly_task_operator.settings import Settings
from dragonfly_task_operator.wiring import Certificates

log = logging.getLogger(__name__)

STOP_SECONDS = 3.0
"""For writing down what is known, once told to stop: a kubelet's patience is longer, but people's is not."""


async def run(settings: Settings, *, stop: asyncio.Event | None = None) -> None:
    """Run the operator until it is told to stop, or, where there are several, until another one acts.

    Args:
        settings: all of them.
        stop: ends it, as SIGTERM and SIGINT do, at any moment.

    Raises:
        SettingsError: the kubeconfig, the TLS files or a proxy that the environment names can't be used.
        StartError: the API server can't be reached, or lacks the CRDs; or a port can't be had.
        LeaseLost: another operator acts now.
        WatchLost: objects can't be watched any more.
    """
    stop = stop or asyncio.Event()
    take_signals = partial(_take_signals, stop)
    take_signals()
    work = asyncio.get_running_loop().create_task(_work(settings, stop, take_signals))
    if not await _until(stop, work):
        _, late = await asyncio.wait({work}, timeout=STOP_SECONDS)
        if late:  # it has not begun yet, or is held up where nothing can be saved
            work.cancel()
            await asyncio.wait({work}, timeout=0.5)
            return
    await work


async def _work(settings: Settings, stop: asyncio.Event, take_signals: Callable[[], None]) -> None:
    certificates = Certificates.of(settings)
    proxies = Proxies.from_environment(os.environ)
    audit_log = open_audit_log(settings.audit_log, max_bytes=settings.audit_log_max_size)
    keyring = await Keyring.open(connection.source_of(settings.kubeconfig, proxy_for=partial(_proxy_for, proxies)))
    soft, share = files.shares()
    heartbeat, history, metrics = Heartbeat(), History(), Metrics()
    metrics.announce(
        version=__version__,
        kinds=[kind.name for kind in KINDS],
        reasons=[reason for reason in Reason if reason not in GOING],
        outcomes=PEER_OUTCOMES,
    )
    sights = Sights(scopes_of(settings.namespace))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(keyring.aclose)
        lease = await _lease(settings, keyring, stack)
        line = await stack.enter_async_context(Line(keyring, limit=share.api))
        client = Client(line)
        recorder = Recorder(client, instance=socket.gethostname(), mandate=lease)
        means = await stack.enter_async_context(
            wiring.means(
                settings,
                certificates,
                share=share,
                images=RegistryImages(
                    gate=Gate(settings.registry_allowlist),
                    access=BySecrets(NamespacedSecrets(client)),
                    proxies=proxies,
                    at_once=share.images,
                    metrics=metrics,
                ),
                services=EndpointSlices(client),
                pods=RunningPods(client),
                metrics=metrics,
                mandate=lease,
            )
        )
        writer = Client(line, seconds=REQUEST_SECONDS)
        objects = Objects(writer, metrics=metrics, history=history, mandate=lease)
        reports, named = Reports(writer, mandate=lease), Named()
        reconciler = Reconciler(
            means=means,
            objects=objects,
            recorder=recorder,
            metrics=metrics,
            history=history,
            press=Press(reports, objects, named),
            audit_log=audit_log,
        )

        def not_ready() -> str | None:
            return sights.complaints() if lease is None or lease.is_proven else lease.trouble()

        await stack.enter_async_context(_background(heartbeat.beat_forever()))
        metrics.leads_if(lambda: lease is None or lease.is_proven)
        _serve(
            settings.health_bind_address,
            endpoints(live=[heartbeat.trouble], ready=[keyring.trouble, not_ready]),
            stack,
        )
        _serve(settings.metrics_bind_address, metrics.application(), stack)
        required = asyncio.get_running_loop().create_task(require_crds(line, keyring.server))
        if not await _until(stop, required):
            required.cancel()
            return
        await required
        if lease is not None:
            if not await lease.acquire(stop):
                return
            await stack.enter_async_context(lease.kept(lost=stop))
        watcher = Watcher(sights, reconciler, history, keyring, take_signals=take_signals)
        for each in (
            watching.sweep_forever(reconciler, sights, interval=settings.sweep_interval),
            watching.look_back_forever(objects, sights, history, interval=watching.LOOK_BACK_SECONDS),
            Tidier(
                reports,
                objects,
                named,
                is_busy=reconciler.is_busy,
                namespaces=list(dict.fromkeys(settings.namespace)) or [None],
                count=metrics.pages_removed,
            ).tidy_forever(interval=settings.sweep_interval, is_watching=lambda: sights.complaints() is None),
        ):
            await stack.enter_async_context(_background(each))
        metrics.watches_from(sights.ages)
        supervisor = Supervisor(sights, bring=watcher.bring, metrics=metrics, must_start_over=lambda: history.era)
        _tell_start(settings, soft, share)
        watched = asyncio.get_running_loop().create_task(supervisor.run())
        try:
            await _until(stop, watched)
        finally:
            watched.cancel()
            await _wind_up(reconciler, recorder, lease)
            await asyncio.wait({watched})
        if not watched.cancelled():
            watched.result()
    log.info("operator.stopped")


def _proxy_for(proxies: Proxies, url: str) -> str | None:
    proxy = proxies.for_(URL(url))
    return None if proxy is None else str(proxy)


async def _wind_up(reconciler: Reconciler, recorder: Recorder, lease: Lease | None) -> None:
    """Write down what is known, and let another one act."""
    await reconciler.aclose(may_write=lease is None or lease.is_proven)
    await recorder.aclose()
    if lease is not None:
        await lease.release()


def _take_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _until(stop: asyncio.Event, work: asyncio.Task[None]) -> bool:
    """Wait for work, or until told to stop. Returns whether the work is done."""
    stopped = asyncio.get_running_loop().create_task(stop.wait())
    try:
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
    return work.done()


def _tell_start(settings: Settings, soft: int, share: files.Budget) -> None:
    """Say that the work begins, and with how many files: not earlier, as a start that fails ends in one line."""
    log.info("operator.files", extra=fields(soft=soft, limit=share.limit, connections=share.connections))
    if settings.parallelism > share.connections:
        log.warning(
            "operator.parallelism_lowered",
            extra=fields(parallelism=settings.parallelism, lowered=share.connections, limit=share.limit),
        )
    loop = event_loop.name_of(asyncio.get_running_loop())
    log.info("operator.started", extra=fields(version=__version__, clusters=len(settings.all_clusters), loop=loop))


async def _lease(settings: Settings, keyring: Keyring, stack: AsyncExitStack) -> Lease | None:
    if not settings.leader_elect:
        return None
    client = Client(await stack.enter_async_context(Line(keyring)))
    identity = f"{socket.gethostname()}_{uuid.uuid4()}"
    return Lease(client, namespace=settings.lease_namespace, name=settings.leader_elect_name, identity=identity)


def _serve(address: tuple[str, int] | None, application: WSGIApplication, stack: AsyncExitStack) -> None:
    if address is None:
        return
    try:
        stack.enter_context(served(*address, application))
    except OSError as error:
        host, port = address
        raise StartError(f"nothing can listen at {host}:{port}: {error.strerror}; choose another address") from None


def _report(task: asyncio.Task[None]) -> None:
    """Log how work ended that should not have: nobody else would see it."""
    if not task.cancelled() and task.exception() is not None:
        log.error("background.broken", extra=fields(task=task.get_name()), exc_info=task.exception())


@asynccontextmanager
async def _background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(work, name=getattr(work, "__qualname__", str(work)))
    task.add_done_callback(_report)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
