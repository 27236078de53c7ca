"""A made-up version of the operator that is newer than this one: `python -m tests.integration.newer_version run …`.

Its specs have more fields, with defaults and without, of the work and otherwise, at the top and in targets. `crds()`
has them, and more fields in a status.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field

from dragonfly_task_operator.api import kinds
from dragonfly_task_operator.api.crds import crd
from dragonfly_task_operator.api.specs import Spec, TaskDeletionSpec, TaskSearchSpec
from dragonfly_task_operator.api.targets import TARGET_RULES, Target
from hack.kubectl import Kubectl
from tests.objects import manifest, wait_for


class NewerTarget(Target):
    """A target with one more field."""

    layers: str = "All"


_Targets = Annotated[
    list[Annotated[NewerTarget, Field(json_schema_extra=TARGET_RULES)]], Field(min_length=1, max_length=100)
]


class NewerSearch(TaskSearchSpec):
    """A search with more fields."""

    WORK: ClassVar[frozenset[str]] = TaskSearchSpec.WORK | {"exclude_peers"}
    targets: _Targets  # type: ignore[assignment]
    exclude_peers: list[str] | None = None
    pace: str = "Normal"


class NewerDeletion(TaskDeletionSpec):
    """A deletion with more fields."""

    WORK: ClassVar[frozenset[str]] = TaskDeletionSpec.WORK | {"exclude_peers"}
    targets: _Targets  # type: ignore[assignment]
    exclude_peers: list[str] | None = None
    pace: str = "Normal"


_SPECS: dict[str, type[Spec]] = {"TaskSearch": NewerSearch, "TaskDeletion": NewerDeletion}


def newer(kind: kinds.Kind) -> kinds.Kind:
    return replace(kind, spec=_SPECS[kind.name])


def crds() -> list[dict[str, Any]]:
    """Give the CRDs of that version."""
    made = []
    for kind in kinds.KINDS:
        definition = crd(newer(kind))
        status = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
        status["properties"]["phase"] = {"type": "string"}
        status["properties"]["peers"]["properties"]["asleep"] = {"type": "integer"}
        status["properties"]["conditions"]["items"]["properties"]["severity"] = {"type": "string"}
        status["properties"]["history"]["items"]["properties"]["by"] = {"type": "string"}
        made.append(definition)
    return made


def serve(kubectl: Kubectl, *, seconds: float) -> None:
    """Apply these CRDs, and wait until the API server heeds them for both kinds, which takes a while."""
    kubectl.must("apply", "-f", "-", stdin=json.dumps({"kind": "List", "apiVersion": "v1", "items": crds()}))
    probes = [manifest(kind.name, "probe", {"taskID": "a0" * 32}) for kind in kinds.KINDS]

    def are_served() -> bool:
        made = (
            kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(each)) for each in probes
        )
        return all('"pace"' in each.stdout for each in made)

    wait_for(are_served, "the newer CRDs", seconds=seconds)


def main() -> None:
    """Run the operator with these kinds."""
    search, deletion = kinds.KINDS
    kinds.KINDS = newer(search), newer(deletion)  # before anything else of the operator is imported
    from dragonfly_task_operator import cli  # noqa: PLC0415

    cli.main()


if __name__ == "__main__":
    main()
