"""From an image target to what its image is made of; what other images use is left out."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.model import Image
from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.engine.subject import image_name
from dragonfly_task_operator.observability.metrics import Metrics
from dragonfly_task_operator.oci.access import Access
from dragonfly_task_operator.oci.addresses import Gate
from dragonfly_task_operator.oci.locations import authority, canonical_host
from dragonfly_task_operator.oci.proxies import NO_PROXIES, Proxies
from dragonfly_task_operator.oci.registry import Repository
from dragonfly_task_operator.oci.transport import Transport, Trust
from dragonfly_task_operator.oci.urls import ManifestURL
from dragonfly_task_operator.oci.walking import Walk, Wishes


class RegistryImages:
    """`dragonfly.planning.Images` from registries.

    Args:
        gate: which registries may be asked.
        access: gives credentials and certificates.
        proxies: where requests go through.
        at_once: most images read at once; the rest wait in line.
        metrics: where requests are counted.
    """

    def __init__(
        self,
        *,
        gate: Gate,
        access: Access,
        proxies: Proxies = NO_PROXIES,
        at_once: int = 16,
        metrics: Metrics | None = None,
    ) -> None:
        self._gate = gate
        self._proxies = proxies
        self._access = access
        self._at_once = asyncio.Semaphore(at_once)
        self._metrics = metrics or Metrics()  # counted all the same, for nobody

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
        self._gate.check(at.url)  # before any credentials are read for it
        keyring, context = await self._access.to(target, host=authority(at.url), namespace=namespace, troubled=troubled)
        trust = Trust(context, canonical_host(at.url) if target.insecure_skip_tls_verify else None)
        async with self._at_once, Transport.open(self._gate, trust, self._proxies, self._metrics) as transport:

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
