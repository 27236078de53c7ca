"""Reads images as the operator does, with Secrets from a dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.model import Image
from dragonfly_task_operator.errors import RunError, SecretNotFound
from dragonfly_task_operator.observability.metrics import Metrics
from dragonfly_task_operator.oci.access import BySecrets
from dragonfly_task_operator.oci.addresses import Gate
from dragonfly_task_operator.oci.images import RegistryImages
from dragonfly_task_operator.oci.proxies import NO_PROXIES, Proxies
from dragonfly_task_operator.settings import load


@dataclass
class Reader:
    """`allow`: entries of the allowlist. `troubles`: what held a reading up. `seconds_left`: of the run."""

    allow: tuple[str, ...] = ()
    secrets: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    proxies: Proxies = NO_PROXIES
    seconds_left: float | None = None
    metrics: Metrics = field(default_factory=Metrics)
    troubles: list[RunError] = field(default_factory=list)
    secrets_read: list[str] = field(default_factory=list)

    async def __call__(self, url: str, **target: Any) -> Image:
        settings = load({"scheduler": ("s:8002",), "registry_allowlist": self.allow})
        images = RegistryImages(
            gate=Gate(settings.registry_allowlist),
            access=BySecrets(self),
            proxies=self.proxies,
            metrics=self.metrics,
        )
        return await images.read(
            Target.model_validate({"imageManifestURL": url, **target}), namespace="team", troubled=self._note
        )

    def _note(self, trouble: RunError | None) -> float | None:
        if trouble is not None:
            self.troubles.append(trouble)
        return self.seconds_left

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        self.secrets_read.append(f"{namespace}/{name}")
        if name not in self.secrets:
            raise SecretNotFound(f"there is no Secret {namespace}/{name}")
        return self.secrets[name]
