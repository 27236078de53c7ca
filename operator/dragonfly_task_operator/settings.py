"""Settings: a file, then the environment, then flags, each over the one before. A bad one is refused at start."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableEnvironment

from dragonfly_task_operator.api.base import Model, camel
from dragonfly_task_operator.api.quantity import parse_bytes
from dragonfly_task_operator.errors import SettingsError

ENV_PREFIX = "DRAGONFLY_TASK_OPERATOR_"

_SERVICE_LINK = re.compile(r"(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_.*)?)")
"""What Kubernetes puts into the environment for a Service that is called as the operator is."""

_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

MAX_PORT = 65535

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}


def _host_port(value: str) -> str:
    host, _, port = value.rpartition(":")
    bare = host.strip("[]")
    if not bare or not port.isdigit() or not 0 < int(port) <= MAX_PORT or (":" in bare and host == bare):
        raise ValueError(f"{value!r} is not HOST:PORT, as in dragonfly-scheduler.dragonfly-system:8002")
    try:
        bare.encode("idna")
    except UnicodeError:  # which every look-up would meet
        raise ValueError(f"{value!r} has no name of a host before its port") from None
    return value


def _duration(value: object) -> object:
    """Read `5s`, `500ms`, `1m`, or seconds as a number."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value)
    if match is None:
        raise ValueError(f"{value!r} is not a duration, as in 5s or 500ms")
    return float(match[1]) * _SECONDS[match[2]]


def _comma_separated(value: object) -> object:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def _namespace(value: str) -> str:
    if not _NAMESPACE.fullmatch(value):
        raise ValueError(f"{value!r} is no name of a namespace; for all of them, leave it out")
    return value


def _bind_address(value: object) -> object:
    """Read `:8081`, `127.0.0.1:8081`, `[::1]:8081` or, for a free port, `:0` into a host and a port."""
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    is_bare_ipv6 = ":" in host and not (host.startswith("[") and host.endswith("]"))
    if not colon or not port.isdigit() or int(port) > MAX_PORT or is_bare_ipv6:
        raise ValueError(f"{value!r} is no address to listen at, as in :8081 or 127.0.0.1:8081")
    return host.strip("[]"), int(port)


class RegistryEntry(Model):
    """A registry that may be contacted, as in `registry.example.com`, `*.example.com:5000` or `http://10.0.0.7:5000`."""

    host: str
    """In lower case; `*.` stands for any names before the rest."""
    port: int | None
    """None: any."""
    plain_http: bool


_REGISTRY = re.compile(
    r"(?P<scheme>https?://)?(?P<host>(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?",
    re.IGNORECASE,
)


def _registry(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _REGISTRY.fullmatch(value)
    port = None if match is None or match["port"] is None else int(match["port"])
    if match is None or (port is not None and not 0 < port <= MAX_PORT):
        raise ValueError(
            f"{value!r} is not HOST[:PORT], as in registry.example.com, *.example.com:5000 or, for plain http,"
            " http://10.0.0.7:5000"
        )
    return RegistryEntry(host=match["host"].lower(), port=port, plain_http=(match["scheme"] or "").lower() == "http://")


RegistryPattern = Annotated[RegistryEntry, BeforeValidator(_registry)]
HostPort = Annotated[str, AfterValidator(_host_port)]
NamespaceName = Annotated[str, AfterValidator(_namespace)]
BindAddress = Annotated[tuple[str, int], BeforeValidator(_bind_address), NoDecode]
Seconds = Annotated[float, BeforeValidator(_duration)]


class ServiceRef(Model):
    """A Service whose ready endpoints are schedulers, one each, whatever kind of Service it is."""

    namespace: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    port: Annotated[str | int, Field(union_mode="left_to_right")]
    """The name or the number of a port of the endpoints."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}:{self.port}"


class _ServiceEntry(Model):
    service: ServiceRef


def _scheduler(value: object) -> object:
    return _ServiceEntry.model_validate(value).service if isinstance(value, Mapping) else value


SchedulerEntry = Annotated[ServiceRef | HostPort, BeforeValidator(_scheduler)]


class PodSelector(Model):
    """Pods that run dfdaemons."""

    namespace: Annotated[str, Field(min_length=1)]
    label_selector: Annotated[str, Field(min_length=1)]
    """As kubectl takes it: `app=dragonfly,component in (client,seed-client)`."""
    port: Annotated[int, Field(ge=1, le=MAX_PORT)] = 4000
    """The upload port of the dfdaemons."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.label_selector}"


class TLSFiles(Model):
    """What one side of TLS needs, as files in PEM. They are read again when they change."""

    ca: Path
    """The CAs that sign the certificates of the servers."""
    cert: Path | None = None
    """The operator's own certificate, for servers that ask for one."""
    key: Path | None = None
    server_name: Annotated[str | None, Field(min_length=1)] = None
    """The name that the servers' certificates are issued for. Absent: see `GrpcSchedulers` and `GrpcPeers`."""

    @model_validator(mode="after")
    def _has_both_or_neither(self) -> TLSFiles:
        if (self.cert is None) != (self.key is None):
            raise ValueError("give both cert and key, or neither")
        return self


class ClusterTLS(Model):
    """TLS of a cluster's two sides; plaintext where absent."""

    schedulers: TLSFiles | None = None
    peers: TLSFiles | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_for_both(cls, value: Any) -> Any:
        """Let `{ca, cert, key, serverName}` stand for both sides."""
        if isinstance(value, Mapping) and not value.keys() & {"schedulers", "peers"}:
            return {"schedulers": value, "peers": value}
        return value


class ClusterSettings(Model):
    """A Dragonfly cluster: where its schedulers are, and how peers are found and spoken to."""

    name: Annotated[str, Field(min_length=1, max_length=63)] = "default"
    schedulers: Annotated[tuple[SchedulerEntry, ...], Field(min_length=1)]
    """`host:port`, where a name stands for all its addresses, or `service: {namespace, name, port}`."""
    peers: PodSelector | None = None
    """Pods that are asked too, even when no scheduler lists them."""
    tls: ClusterTLS | None = None


class Settings(BaseSettings):
    """What the operator is told at start."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    clusters: tuple[ClusterSettings, ...] = ()
    scheduler: Annotated[tuple[HostPort, ...], NoDecode, BeforeValidator(_comma_separated)] = ()
    """Short form for one cluster."""
    kubeconfig: Path | None = None
    """Absent: KUBECONFIG, or the service account of the pod, or ~/.kube/config, as kubectl has it."""
    namespace: Annotated[tuple[NamespaceName, ...], NoDecode, BeforeValidator(_comma_separated)] = ()
    """Namespaces to look after. Empty: all."""
    parallelism: Annotated[int, Field(ge=1, le=2000)] = 256
    """Most peers asked at once for one object."""
    peer_requests_per_second: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Most requests to one peer in any second, over all objects."""
    peer_transport: Literal["lean", "grpc"] = "lean"
    """What plaintext peers are asked with: the operator's own client, or grpcio, which peers with TLS always are."""
    rpc_timeout: Annotated[Seconds, Field(gt=0, le=300)] = 5.0
    """Seconds for one request to a peer or a scheduler."""
    registry_allowlist: Annotated[tuple[RegistryPattern, ...], NoDecode, BeforeValidator(_comma_separated)] = ()
    """Registries and token servers that may be contacted. Empty: any on https, on a public or private address."""
    sweep_interval: Annotated[Seconds, Field(ge=1, le=3600)] = 300.0
    """Seconds between looks for objects that vanished without the watch saying so. Only in the file and environment."""
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["info", "debug"] = "info"
    """Debug: a line for each peer that failed, too."""
    audit_log: str = ""
    """Where a record of each run goes: a file, or `-` for stdout. Empty: nowhere."""
    audit_log_max_size: Annotated[int, BeforeValidator(parse_bytes), Field(ge=1 << 20)] = 100 << 20
    """Bytes of that file, before another one is begun."""
    leader_elect: bool = False
    """Act only while holding a lease, so that several replicas can run."""
    leader_elect_namespace: str = ""
    """Where the lease is. Empty: the pod's namespace."""
    leader_elect_name: Annotated[str, Field(min_length=1)] = "dragonfly-task-operator-leader"
    """The lease's name: operators of the same name take turns."""
    health_bind_address: BindAddress | None = None
    """Where /livez and /readyz are. None: nowhere."""
    metrics_bind_address: BindAddress | None = None
    """Where metrics are. None: nowhere."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing but flags and the environment here: `load` brings the file."""
        del settings_cls, dotenv_settings, file_secret_settings
        return init_settings, env_settings

    @model_validator(mode="after")
    def _has_schedulers(self) -> Settings:
        if not self.clusters and not self.scheduler:
            raise ValueError("no scheduler is given: use --scheduler HOST:PORT, or `clusters` in the --config file")
        if self.clusters and self.scheduler:
            raise ValueError("give either scheduler (the short form for one cluster) or clusters, not both")
        names = [cluster.name for cluster in self.clusters]
        if len(set(names)) != len(names):
            raise ValueError(f"clusters must have different names, not {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _has_a_place_for_the_lease(self) -> Settings:
        if self.leader_elect and not self.lease_namespace:
            raise ValueError(
                "leader_elect_namespace is missing: outside of a pod, --leader-elect needs --leader-elect-namespace"
            )
        return self

    @property
    def lease_namespace(self) -> str:
        """Where the lease is: as set, or the namespace of the pod that this is; empty if it is none."""
        if self.leader_elect_namespace or not self.leader_elect:
            return self.leader_elect_namespace
        in_environment = os.environ.get("POD_NAMESPACE", "")
        return in_environment or (_POD_NAMESPACE.read_text().strip() if _POD_NAMESPACE.is_file() else "")

    @property
    def all_clusters(self) -> tuple[ClusterSettings, ...]:
        """The clusters, in whichever form they were given."""
        return self.clusters or (ClusterSettings(schedulers=self.scheduler),)


def load(flags: Mapping[str, Any], *, config: Path | None = None) -> Settings:
    """Put the settings together.

    Args:
        flags: those that were given, by field name.
        config: a YAML file with settings in camelCase.

    Raises:
        SettingsError: one line that says which setting is wrong, and how.
    """
    _refuse_unknown_environment()
    from_file = _read(config) if config else {}
    # The environment goes over the file, so what it sets is taken out of what goes in as arguments.
    in_environment = {name for name in from_file if os.environ.get(f"{ENV_PREFIX}{name.upper()}")}
    given = {name: value for name, value in from_file.items() if name not in in_environment} | dict(flags)
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None
    except UnreadableEnvironment as error:
        raise SettingsError(f"a setting in the environment is no JSON: {error}: {error.__cause__}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"the config file {path} can't be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # the second of what is no text, or no date
        raise SettingsError(f"the config file {path} is no YAML: {' '.join(str(error).split())}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"the config file {path} must hold settings by name, as in `rpcTimeout: 5s`")
    fields = {camel(name): name for name in Settings.model_fields}
    unknown = sorted(str(key) for key in content if key not in fields)
    if unknown:
        raise SettingsError(
            f"the config file {path} has unknown settings: {', '.join(unknown)}; known: {', '.join(fields)}"
        )
    return {fields[key]: value for key, value in content.items()}


def _refuse_unknown_environment() -> None:
    for variable in sorted(os.environ):
        name = variable.removeprefix(ENV_PREFIX)
        if name == variable or name.lower() in Settings.model_fields or _SERVICE_LINK.fullmatch(name):
            continue
        known = ", ".join(ENV_PREFIX + field.upper() for field in Settings.model_fields)
        raise SettingsError(f"the environment variable {variable} is no setting; known: {known}")


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if not str(part).startswith("function-"))
    message = first["msg"].removeprefix("Value error, ")
    return f"setting {where}: {message}" if where else message
