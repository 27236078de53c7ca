"""`exec -f FILE`, top to bottom: read, connect, run, print."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dragonfly_task_operator import files, wiring
from dragonfly_task_operator.api.manifests import Manifest, read_manifests
from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.dragonfly.targets import candidates
from dragonfly_task_operator.errors import InvalidManifest, InvalidTarget, SettingsError
from dragonfly_task_operator.observability.audit_log import STDOUT, AuditLog, open_audit_log
from dragonfly_task_operator.observability.metrics import Metrics
from dragonfly_task_operator.oci.addresses import Gate
from dragonfly_task_operator.oci.images import RegistryImages
from dragonfly_task_operator.oci.proxies import Proxies
from dragonfly_task_operator.oci.urls import ManifestURL
from dragonfly_task_operator.settings import ServiceRef, Settings
from dragonfly_task_operator.standalone import EXIT_INTERRUPTED, docker_config
from dragonfly_task_operator.standalone.output import Output, render
from dragonfly_task_operator.standalone.progress import progress_on
from dragonfly_task_operator.standalone.runs import Finished, run_all
from dragonfly_task_operator.wiring import Certificates

EXIT_FALSE = 1


def read(contents: Sequence[tuple[str, bytes]], settings: Settings) -> list[Manifest]:
    """Read manifests, all of which have to be right before anything is done for one.

    Args:
        contents: the name and the content of each file.
        settings: how registries are called that only a name tells of.

    Raises:
        InvalidManifest.
    """
    gate = Gate(settings.registry_allowlist)
    manifests = [each for source, content in contents for each in read_manifests(content, source=source)]
    for manifest in manifests:
        for index, target in enumerate(manifest.spec.targets):
            try:
                _check(target, gate)
            except InvalidTarget as error:
                raise InvalidManifest(f"{manifest}: spec.targets[{index}]: {error}") from None
    return manifests


def _check(target: Target, gate: Gate) -> None:
    """Raise InvalidTarget for a target that the run would be ended by."""
    images = [*filter(None, [target.image_reference]), *(target.keep_shared_with or ())]
    urls = [ManifestURL.of(image, scheme=gate.scheme_of).url for image in images]
    if not urls:
        candidates(target)


async def execute(
    manifests: Sequence[Manifest],
    settings: Settings,
    *,
    output: Output,
    with_reports: bool,
    docker_config_file: Path | None,
    echo: Callable[[str], None],
) -> int:
    """Run manifests against Dragonfly, and print what became of them.

    Args:
        manifests: what to do.
        settings: how Dragonfly is found.
        output: how to print it.
        with_reports: whether to print the TaskReports as well that tell what a status leaves out.
        docker_config_file: as it was given.
        echo: prints on stdout.

    Returns:
        the exit code: 0 where all succeeded, 1 where one did not, 130 where a signal ended it.

    Raises:
        SettingsError: nothing has been begun.
    """
    _require_addresses(settings)
    audit_log = _audit_log(settings)
    certificates = Certificates.of(settings)
    proxies = Proxies.from_environment(os.environ)
    access = docker_config.read(docker_config_file, manifests, os.environ)
    _, share = files.shares()
    stop = _stopped_by_signals()
    async with wiring.means(
        settings,
        certificates,
        share=share,
        images=RegistryImages(
            gate=Gate(settings.registry_allowlist), access=access, proxies=proxies, at_once=share.images
        ),
        services=None,
        pods=None,
        metrics=Metrics(),
    ) as means:
        finished = await run_all(
            manifests,
            means,
            progress=progress_on(sys.stderr, os.environ),
            stop=stop,
            with_reports=with_reports,
            audit_log=audit_log,
        )
        echo(render(finished, output))
    return EXIT_INTERRUPTED if stop.is_set() else _code(finished)


def _require_addresses(settings: Settings) -> None:
    for cluster in settings.all_clusters:
        named = next((each for each in cluster.schedulers if isinstance(each, ServiceRef)), None)
        if named is not None or cluster.peers is not None:
            what = f"the Service {named}" if named is not None else f"the pods {cluster.peers}"
            raise SettingsError(
                f'cluster "{cluster.name}" of the settings names {what}, which only a Kubernetes API tells the'
                " addresses of, and exec asks none: give it the schedulers as HOST:PORT"
            )


def _audit_log(settings: Settings) -> AuditLog | None:
    if settings.audit_log == STDOUT:
        raise SettingsError("setting audit_log: exec prints the objects on stdout: name a file")
    return open_audit_log(settings.audit_log, max_bytes=settings.audit_log_max_size)


def _stopped_by_signals() -> asyncio.Event:
    """Give what SIGINT and SIGTERM set. The second one of them ends this process at once."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def heed() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, heed)
    return stop


def _code(finished: Sequence[Finished]) -> int:
    return 0 if all(each.succeeded == "True" for each in finished) else EXIT_FALSE
