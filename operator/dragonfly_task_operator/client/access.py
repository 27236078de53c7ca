"""How a person gets to the API server: kubectl's own flags and files, in kubectl's own order."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from yarl import URL

from dragonfly_task_operator.client.client import Client
from dragonfly_task_operator.client.errors import KubeconfigUnusable
from dragonfly_task_operator.errors import SettingsError
from dragonfly_task_operator.kube.connection import Line, usual_kubeconfigs
from dragonfly_task_operator.kube.credentials import Source
from dragonfly_task_operator.kube.keyring import Keyring
from dragonfly_task_operator.kube.kubeconfig import Kubeconfig, Overrides
from dragonfly_task_operator.kube.pod import FOLDER, ServiceAccount
from dragonfly_task_operator.oci.proxies import Proxies

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a person said of where to go, and as whom.

    Attributes:
        kubeconfig: a file; None: those in KUBECONFIG, else ~/.kube/config, else the service account of the pod.
        context: None: the current one.
        namespace: None: that of the context, or `default`.
        as_user: on whose behalf; and so on.
        is_interactive: whether an exec plugin may ask the person at the terminal.
    """

    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None
    as_user: str | None = None
    as_uid: str | None = None
    as_groups: tuple[str, ...] = ()
    is_interactive: bool = False

    def contexts(self) -> list[str]:
        """List the contexts there are. Raises KubeconfigUnusable."""
        try:
            return self._kubeconfig().contexts()
        except SettingsError as error:
            raise KubeconfigUnusable(str(error)) from None

    def _source(self) -> tuple[Source, str | None]:
        """Say where credentials come from, and which namespace is meant there. Raises SettingsError."""
        paths = usual_kubeconfigs()
        is_named = self.kubeconfig is not None or os.environ.get("KUBECONFIG")
        if ServiceAccount.is_there() and not is_named and not any(path.exists() for path in paths):
            return ServiceAccount(), _namespace_of_pod()
        kubeconfig = self._kubeconfig()
        return kubeconfig, kubeconfig.namespace()

    def _kubeconfig(self) -> Kubeconfig:
        proxies = Proxies.from_environment(os.environ)
        overrides = Overrides(
            context=self.context,
            as_user=self.as_user,
            as_uid=self.as_uid,
            as_groups=self.as_groups,
            is_interactive=self.is_interactive,
        )
        paths = usual_kubeconfigs() if self.kubeconfig is None else [self.kubeconfig]
        return Kubeconfig(paths, proxy_for=partial(_proxy_for, proxies), overrides=overrides)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Client]:
        """Give what asks the API server, while the context lasts. Nothing is asked yet. Raises KubeconfigUnusable."""
        try:
            source, namespace = self._source()
            keyring = await Keyring.open(source)
        except SettingsError as error:
            raise KubeconfigUnusable(str(error)) from None
        try:
            async with Line(keyring, is_patient=False) as line:
                yield Client(line, server=keyring.server, namespace=self.namespace or namespace or DEFAULT_NAMESPACE)
        finally:
            await keyring.aclose()


def _proxy_for(proxies: Proxies, url: str) -> str | None:
    proxy = proxies.for_(URL(url))
    return None if proxy is None else str(proxy)


def _namespace_of_pod() -> str | None:
    try:
        return (FOLDER / "namespace").read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError):
        return None  # as kubectl has it: then it is the default
