"""What registries are shown, and whom they are trusted by, for a target: out of Secrets, where there are any."""

from __future__ import annotations

import ssl
from typing import Protocol

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.oci.authorities import trusting
from dragonfly_task_operator.oci.credentials import Keyring, Secrets
from dragonfly_task_operator.oci.pull_secrets import read_pull_secret
from dragonfly_task_operator.oci.retrying import persistently


class Access(Protocol):
    """Where logins and certificates for an image come from."""

    async def to(
        self, target: Target, *, host: str, namespace: str, troubled: Troubled
    ) -> tuple[Keyring, ssl.SSLContext]:
        """Give the logins for a target, and the authorities that its registry may be trusted by.

        Args:
            target: one that names an image.
            host: HOST[:PORT] of its registry.
            namespace: of the object.
            troubled: told of what holds it up.

        Raises:
            SecretNotFound: something that the target names is missing, or holds no such thing.
            ImageUnresolvable: it can't be read just now.
        """
        ...


class BySecrets:
    """`Access` by the Secrets that a target names."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    async def to(
        self, target: Target, *, host: str, namespace: str, troubled: Troubled
    ) -> tuple[Keyring, ssl.SSLContext]:
        """Read them. Raises as `Access.to`."""
        keyring = Keyring()
        if target.pull_secret_ref is not None:
            name = target.pull_secret_ref.name
            data = await persistently(lambda: self._secrets.read(namespace, name), troubled=troubled)
            keyring = read_pull_secret(data, name=f"{namespace}/{name}", host=host)
        ca, ca_name = None, ""
        if target.ca_secret_ref is not None:
            ca_name = target.ca_secret_ref.name
            ca = await persistently(lambda: self._secrets.read(namespace, ca_name), troubled=troubled)
        return keyring, trusting(ca, namespace=namespace, name=ca_name)
