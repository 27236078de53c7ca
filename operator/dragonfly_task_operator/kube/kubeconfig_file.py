"""What is written in a kubeconfig file, as far as it is heeded; what it comes to is said in `kubeconfig`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dragonfly_task_operator.errors import SettingsError
from dragonfly_task_operator.kube.exec_plugin import ExecConfig


class Part(BaseModel):
    """A part of a kubeconfig: what kubectl does not heed is left alone here, too."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Extension(Part):
    """What a kubeconfig says besides, for whom it may concern."""

    name: str
    extension: Any = None


class Cluster(Part):
    """Where an API server is, and how it is known."""

    server: str | None = None
    ca_file: str | None = Field(default=None, alias="certificate-authority")
    ca_data: str | None = Field(default=None, alias="certificate-authority-data")
    is_insecure: bool | None = Field(default=None, alias="insecure-skip-tls-verify")
    tls_server_name: str | None = Field(default=None, alias="tls-server-name")
    proxy_url: str | None = Field(default=None, alias="proxy-url")
    extensions: tuple[Extension, ...] | None = None


class User(Part):
    """How somebody is known to an API server."""

    token: str | None = Field(default=None, repr=False)
    token_file: str | None = Field(default=None, alias="tokenFile")
    username: str | None = None
    password: str | None = Field(default=None, repr=False)
    cert_file: str | None = Field(default=None, alias="client-certificate")
    cert_data: str | None = Field(default=None, alias="client-certificate-data")
    key_file: str | None = Field(default=None, alias="client-key")
    key_data: str | None = Field(default=None, alias="client-key-data", repr=False)
    as_user: str | None = Field(default=None, alias="as")
    as_uid: str | None = Field(default=None, alias="as-uid")
    as_groups: tuple[str, ...] | None = Field(default=None, alias="as-groups")
    as_extra: dict[str, tuple[str, ...]] | None = Field(default=None, alias="as-user-extra")
    exec: ExecConfig | None = None
    auth_provider: dict[str, Any] | None = Field(default=None, alias="auth-provider", repr=False)


class Context(Part):
    """A cluster, a user, and the namespace that is meant where none is named."""

    cluster: str | None = None
    user: str | None = None
    namespace: str | None = None


class Named(Part):
    """An entry of a list."""

    name: str

    @field_validator("entry", mode="before", check_fields=False)
    @classmethod
    def _null_is_empty(cls, value: object) -> object:
        return {} if value is None else value


class NamedCluster(Named):
    """A cluster by its name."""

    entry: Cluster = Field(default=Cluster(), alias="cluster")


class NamedUser(Named):
    """A user by its name."""

    entry: User = Field(default=User(), alias="user")


class NamedContext(Named):
    """A context by its name."""

    entry: Context = Field(default=Context(), alias="context")


class File(Part):
    """One file."""

    current_context: str | None = Field(default=None, alias="current-context")
    clusters: tuple[NamedCluster, ...] | None = None
    users: tuple[NamedUser, ...] | None = None
    contexts: tuple[NamedContext, ...] | None = None


def is_there(path: Path) -> bool:
    """Tell whether there is a file of this name. Raises SettingsError."""
    try:
        return path.is_file()
    except OSError as error:  # of a folder that may not be looked into, or what is no path at all
        raise SettingsError(f"{path} can't be looked for: {error.strerror}") from None


def parse(path: Path) -> File:
    """Read a file. Raises SettingsError."""
    try:
        content = _document(path.read_text(encoding="utf-8-sig"))
        return File.model_validate({} if content is None else content)
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{path} is no kubeconfig: {f'{where}: ' if where else ''}{first['msg']}") from None
    except RecursionError:
        raise SettingsError(f"{path} is no kubeconfig: it is nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{path} is no YAML: {' '.join(str(error).split())}") from None


def _document(text: str) -> Any:
    """Read JSON, or else YAML, which does not take the tabs of all JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text)
