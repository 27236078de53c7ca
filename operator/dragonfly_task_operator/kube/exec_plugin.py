"""Programs that give credentials: `users[].user.exec` of a kubeconfig, as client-go runs them.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dragonfly_task_operator.errors import SettingsError

PLUGIN_SECONDS = 30.0
"""For one run of a plugin."""
PERSON_SECONDS = 300.0
"""The same of one that asks a person."""

_MAX_WORDS = 300


class _Variable(BaseModel):
    name: str
    value: str


class ExecConfig(BaseModel):
    """How a kubeconfig says that credentials are to be had."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    command: str = Field(min_length=1)
    api_version: Literal["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"] = Field(
        alias="apiVersion"
    )
    args: tuple[str, ...] | None = None
    env: tuple[_Variable, ...] | None = None
    install_hint: str | None = Field(default=None, alias="installHint")
    provide_cluster_info: bool = Field(default=False, alias="provideClusterInfo")
    interactive_mode: Literal["Never", "IfAvailable", "Always"] | None = Field(default=None, alias="interactiveMode")

    def program(self, folder: Path) -> str:
        """Give what is to be run: a path is relative to the folder of the kubeconfig, a name is looked for in PATH."""
        return str(folder / self.command) if os.sep in self.command else self.command


class _Status(BaseModel):
    token: str | None = None
    certificate: str | None = Field(default=None, alias="clientCertificateData")
    key: str | None = Field(default=None, alias="clientKeyData")
    expires: datetime | None = Field(default=None, alias="expirationTimestamp")


class _ExecCredential(BaseModel):
    kind: Literal["ExecCredential"]
    api_version: str = Field(alias="apiVersion")
    status: _Status


@dataclass(frozen=True, slots=True)
class Given:
    """What a plugin gave: a token, or a certificate with its key in PEM, or both; and for how many seconds it holds."""

    token: str | None = field(repr=False)
    certificate: str | None
    key: str | None = field(repr=False)
    good_for: float | None


async def run(config: ExecConfig, folder: Path, cluster: Mapping[str, Any], *, is_interactive: bool = False) -> Given:
    """Run a plugin.

    Args:
        config: which.
        folder: of the kubeconfig.
        cluster: told to plugins that ask for it, in the API's own form.
        is_interactive: whether it may ask a person at this process's terminal, if it wants to.

    Raises:
        SettingsError: what went wrong, with the plugin's last words.
    """
    if config.interactive_mode == "Always" and not is_interactive:
        raise SettingsError(
            f"the exec plugin {config.command} wants to talk to a person (interactiveMode: Always), which is not"
            " supported: nobody sits before an operator, or where there is no terminal"
        )
    is_interactive = is_interactive and config.interactive_mode != "Never"
    program = config.program(folder)
    environment = _environment(config, cluster, is_interactive=is_interactive)
    output = await _output(config, program, environment, is_interactive=is_interactive)
    try:
        answer = _ExecCredential.model_validate(json.loads(output))
    except (ValueError, RecursionError) as error:  # of which pydantic's is the first
        first = error.errors(include_input=False)[0] if isinstance(error, ValidationError) else None
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else "it is no JSON"
        raise SettingsError(f"the exec plugin {program} printed no ExecCredential: {what}") from None
    if answer.api_version != config.api_version:
        raise SettingsError(
            f"the exec plugin {program} speaks {answer.api_version}, and the kubeconfig says {config.api_version}"
        )
    status = answer.status
    if not status.token and not status.certificate:
        raise SettingsError(f"the exec plugin {program} gave neither a token nor a client certificate")
    if bool(status.certificate) != bool(status.key):
        raise SettingsError(f"the exec plugin {program} gave a client certificate or its key, and not both")
    return Given(status.token or None, status.certificate or None, status.key or None, _seconds_until(status.expires))


def _seconds_until(expires: datetime | None) -> float | None:
    if expires is None:
        return None
    aware = expires if expires.tzinfo else expires.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 1.0)


def _environment(config: ExecConfig, cluster: Mapping[str, Any], *, is_interactive: bool) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": is_interactive}
    if config.provide_cluster_info:
        spec["cluster"] = dict(cluster)
    info = {"kind": "ExecCredential", "apiVersion": config.api_version, "spec": spec}
    own = {variable.name: variable.value for variable in config.env or ()}
    return os.environ | own | {"KUBERNETES_EXEC_INFO": json.dumps(info)}


async def _output(config: ExecConfig, program: str, environment: Mapping[str, str], *, is_interactive: bool) -> bytes:
    """Run it. One that may ask a person has this process's terminal, and a person's time."""
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *config.args or (),
            env=dict(environment),
            stdin=None if is_interactive else asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=None if is_interactive else pipe,
        )
    except OSError as error:
        hint = f"; {_words(config.install_hint)}" if config.install_hint else ""
        raise SettingsError(f"the exec plugin {program} can't be run: {error.strerror}{hint}") from None
    except ValueError as error:  # of a name or value that no environment, or command line, can hold
        raise SettingsError(f"the exec plugin {program} can't be run: {error}") from None
    patience = PERSON_SECONDS if is_interactive else PLUGIN_SECONDS
    try:
        async with asyncio.timeout(patience):
            output, errors = await process.communicate()
    except TimeoutError:
        raise SettingsError(f"the exec plugin {program} has not ended within {patience:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = "see above" if is_interactive else _words(errors.decode(errors="replace")) or "it said nothing"
        raise SettingsError(f"the exec plugin {program} failed with exit code {process.returncode}: {said}")
    return output


def _words(text: str) -> str:
    """Put what a program said into one line; its last words are those that tell why."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_WORDS else f"…{line[-_MAX_WORDS:]}"
