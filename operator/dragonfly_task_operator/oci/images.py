"""From an image target to what its image is made of: Secrets are read, and what other images use is left out."""

from __future__ import annotations

import ssl
from dataclasses import replace

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.model import Image
from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.errors import SecretNotFound
from dragonfly_task_operator.oci.addresses import Gate
from dragonfly_task_operator.oci.credentials import CA, Keyring, Secrets, read_pull_secret
from dragonfly_task_operator.oci.registry import Repository
from dragonfly_task_operator.oci.retrying import persistently
from dragonfly_task_operator.oci.transport import Transport, Trust
from dragonfly_task_operator.oci.urls import ManifestURL
from dragonfly_task_operator.oci.walking import Walk, Wishes


class RegistryImages:
    """`dragonfly.planning.Images` from registries."""

    def __init__(self, *, gate: Gate, secrets: Secrets) -> None:
        self._gate = gate
        self._secrets = secrets

    async def read(self, target: Target, *, namespace: str, troubled: Troubled) -> Image:
        """Tell what the image of a target is made of.

        Args:
            target: one with an imageManifestURL.
            namespace: where its Secrets are.
            troubled: told of what holds it up.

        Raises:
            InvalidTarget, ImageUnresolvable, RegistryDenied, SecretNotFound.
        """
        at = ManifestURL.parse(target.image_manifest_url or "")
        self._gate.check(at.url)  # before any Secret is read for it
        keyring, trust = await self._read_secrets(target, at, namespace, troubled)
        async with Transport.open(self._gate, trust) as transport:

            async def read(at: ManifestURL, platform: str | None) -> Image:
                wishes = Wishes(platform, ignores_unknown=bool(target.ignore_unknown_parts))
                return await Walk(at, Repository(at, transport, keyring, troubled), wishes).image()

            image = await read(at, target.platform)
            spared = [await read(ManifestURL.parse(url), None) for url in target.keep_shared_with or ()]
        kept = {part.digest for each in spared for part in each.parts}
        parts = tuple(part for part in image.parts if part.digest not in kept)
        unknown = (*image.unknown, *(part for each in spared for part in each.unknown))
        return replace(image, parts=parts, kept=len(image.parts) - len(parts), unknown=unknown)

    async def _read_secrets(
        self, target: Target, at: ManifestURL, namespace: str, troubled: Troubled
    ) -> tuple[Keyring, Trust]:
        keyring = Keyring()
        if target.pull_secret_ref is not None:
            name = target.pull_secret_ref.name
            data = await persistently(lambda: self._secrets.read(namespace, name), troubled=troubled)
            keyring = read_pull_secret(data, name=f"{namespace}/{name}", host=at.url.host_port_subcomponent or "")
        context = ssl.create_default_context()
        if target.ca_secret_ref is not None:
            ca = target.ca_secret_ref.name
            data = await persistently(lambda: self._secrets.read(namespace, ca), troubled=troubled)
            try:
                context.load_verify_locations(cadata=data[CA].decode("ascii"))
            except (KeyError, ValueError, ssl.SSLError):
                raise SecretNotFound(
                    f"the Secret {namespace}/{ca} holds no certificate in PEM as {CA}; make it with"
                    f" kubectl create secret generic {ca} -n {namespace} --from-file={CA}"
                ) from None
        return keyring, Trust(context, at.url.host if target.insecure_skip_tls_verify else None)
