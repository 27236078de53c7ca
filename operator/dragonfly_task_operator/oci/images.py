"""From an image target to what its image is made of: Secrets are read, and what other images use is left out."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.model import Image
from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.engine.subject import image_name
from dragonfly_task_operator.oci.addresses import Gate
from dragonfly_task_operator.oci.authorities import trusting
from dragonfly_task_operator.oci.credentials import Keyring, Secrets
from dragonfly_task_operator.oci.locations import authority, canonical_host
from dragonfly_task_operator.oci.proxies import NO_PROXIES, Proxies
from dragonfly_task_operator.oci.pull_secrets import read_pull_secret
from dragonfly_task_operator.oci.registry import Repository
from dragonfly_task_operator.oci.retrying import persistently
from dragonfly_task_operator.oci.transport import Transport, Trust
from dragonfly_task_operator.oci.urls import ManifestURL
from dragonfly_task_operator.oci.walking import Walk, Wishes


class RegistryImages:
    """`dragonfly.planning.Images` from registries.

    Args:
        gate: which registries may be asked.
        secrets: where credentials are read.
        proxies: where requests go through.
        at_once: most images read at once; the rest wait in line.
    """

    def __init__(self, *, gate: Gate, secrets: Secrets, proxies: Proxies = NO_PROXIES, at_once: int = 16) -> None:
        self._gate = gate
        self._proxies = proxies
        self._secrets = secrets
        self._at_once = asyncio.Semaphore(at_once)

    async def read(self, target: Target, *, namespace: str, troubled: Troubled) -> Image:
        """Tell what the image of a target is made of.

        Args:
            target: one that names an image.
            namespace: where its Secrets are.
            troubled: told of what holds it up.

        Raises:
            InvalidTarget, ImageUnresolvable, RegistryDenied, SecretNotFound.
        """
        at = ManifestURL.of(target.image_reference or "", scheme=self._gate.scheme_of)
        self._gate.check(at.url)  # before any Secret is read for it
        keyring, trust = await self._read_secrets(target, at, namespace, troubled)
        async with self._at_once, Transport.open(self._gate, trust, self._proxies) as transport:

            async def read(at: ManifestURL, platform: str | None) -> Image:
                wishes = Wishes(
                    platform,
                    includes_referrers=bool(target.include_referrers),
                    ignores_unknown=bool(target.ignore_unknown_parts),
                )
                return await Walk(at, Repository(at, transport, keyring, troubled), wishes).image()

            image = await read(at, target.platform)
            spared = {
                each: await read(ManifestURL.of(each, scheme=self._gate.scheme_of), None)
                for each in target.keep_shared_with or ()
            }
        kept = {part.digest for each in spared.values() for part in each.parts}
        parts = tuple(part for part in image.parts if part.digest not in kept)
        unknown = (
            *image.unknown,
            *(
                replace(part, position=f"{part.position} in {image_name(each)} of keepSharedWith")
                for each, other in spared.items()
                for part in other.unknown
            ),
        )
        return replace(image, parts=parts, kept=len(image.parts) - len(parts), unknown=unknown)

    async def _read_secrets(
        self, target: Target, at: ManifestURL, namespace: str, troubled: Troubled
    ) -> tuple[Keyring, Trust]:
        keyring = Keyring()
        if target.pull_secret_ref is not None:
            name = target.pull_secret_ref.name
            data = await persistently(lambda: self._secrets.read(namespace, name), troubled=troubled)
            keyring = read_pull_secret(data, name=f"{namespace}/{name}", host=authority(at.url))
        ca, ca_name = None, ""
        if target.ca_secret_ref is not None:
            ca_name = target.ca_secret_ref.name
            ca = await persistently(lambda: self._secrets.read(namespace, ca_name), troubled=troubled)
        context = trusting(ca, namespace=namespace, name=ca_name)
        return keyring, Trust(context, canonical_host(at.url) if target.insecure_skip_tls_verify else None)
