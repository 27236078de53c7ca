"""What is watched by itself: one kind, in one namespace or in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dragonfly_task_operator.api.base import GROUP, VERSION
from dragonfly_task_operator.api.kinds import KINDS, Kind


@dataclass(frozen=True, slots=True)
class Scope:
    """One kind in one namespace; None for all namespaces."""

    kind: Kind
    namespace: str | None

    @property
    def path(self) -> str:
        """Where it is listed and watched."""
        where = f"namespaces/{self.namespace}/" if self.namespace else ""
        return f"/apis/{GROUP}/{VERSION}/{where}{self.kind.plural}"

    def __str__(self) -> str:
        return f"{self.kind.plural} in namespace {self.namespace}" if self.namespace else self.kind.plural


def scopes_of(namespaces: Sequence[str]) -> list[Scope]:
    """Give every kind in each of these namespaces, or in all where none is named."""
    return [Scope(kind, namespace) for namespace in dict.fromkeys(namespaces) or (None,) for kind in KINDS]
