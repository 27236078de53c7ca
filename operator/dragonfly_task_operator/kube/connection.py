"""How to reach the API server: one set of credentials for Kopf and for the client that writes."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import aiohttp
import kopf
from kubernetes.aio import config
from kubernetes.aio.client import Configuration
from kubernetes.aio.config.config_exception import ConfigException

from dragonfly_task_operator.errors import SettingsError

_IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
_DEFAULT = "~/.kube/config"


def _default_source() -> str:
    return os.environ.get("KUBECONFIG") or os.path.expanduser(_DEFAULT)


async def load(kubeconfig: Path | None) -> Configuration:
    """Read credentials.

    Args:
        kubeconfig: a file. None: the pod's service account, else the file that KUBECONFIG names, else ~/.kube/config.

    Raises:
        SettingsError: there are none, or they can't be read.
    """
    configuration = Configuration()
    in_cluster = kubeconfig is None and "KUBECONFIG" not in os.environ and _IN_CLUSTER in os.environ
    source = str(kubeconfig or _default_source())
    try:
        if in_cluster:
            config.load_incluster_config(  # type: ignore[no-untyped-call]
                client_configuration=configuration
            )
        else:
            _require_file(source)
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                source, client_configuration=configuration, persist_config=False
            )
    except ConfigException as error:
        where = "the pod's service account" if in_cluster else f"the kubeconfig {source}"
        raise SettingsError(f"{where} can't be used: {error}") from None
    except Exception as error:  # noqa: BLE001 - the loader lets through whatever a malformed file makes it stumble over
        raise SettingsError(
            f"the kubeconfig {source} can't be read: {type(error).__name__}: {' '.join(str(error).split())}"
        ) from None
    return configuration


def _require_file(source: str) -> None:
    # KUBECONFIG may list several files, of which some need not exist.
    if not any(Path(path).is_file() for path in source.split(os.pathsep)):
        raise ConfigException("there is no such file; give --kubeconfig FILE, or run it in a pod")


def for_kopf(
    configuration: Any, trace: aiohttp.TraceConfig, response_class: type[aiohttp.ClientResponse]
) -> kopf.AiohttpSession:
    """Hand the same credentials to Kopf, as they are now: a service account's token changes every hour.

    Args:
        configuration: as `load` gave it.
        trace: is told of every request of Kopf's.
        response_class: through which Kopf reads every answer.
    """
    if configuration.refresh_api_key_hook is not None:
        configuration.refresh_api_key_hook(configuration)
    scheme, _, token = str(configuration.api_key.get("BearerToken", "")).partition(" ")
    basic = configuration.username and configuration.password
    credentials = kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        ca_data=_encoded(configuration.ca_cert_data) if not configuration.ssl_ca_cert else None,
        insecure=not configuration.verify_ssl,
        scheme=scheme.capitalize() if token else None,
        token=token or None,
        username=configuration.username if basic else None,
        password=configuration.password if basic else None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
    )
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=credentials.as_ssl_context()),
        headers=credentials.as_http_headers(),
        proxy=configuration.proxy,
        trace_configs=[trace],
        response_class=response_class,
    )
    return kopf.AiohttpSession(server=credentials.server, aiohttp_session=session)


def _encoded(data: str | bytes | None) -> str | None:
    if data is None:
        return None
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()
