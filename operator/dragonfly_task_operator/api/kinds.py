"""The kinds: their names, their models and their columns in `kubectl get`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dragonfly_task_operator.api.base import Model
from dragonfly_task_operator.api.page import Page
from dragonfly_task_operator.api.specs import Spec, TaskDeletionSpec, TaskSearchSpec

CATEGORY = "dragonfly-tasks"


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column. `wide`: only with `-o wide`."""

    name: str
    json_path: str
    type: str = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A custom resource of this API."""

    name: str
    plural: str
    short_name: str
    columns: Sequence[Column]

    @property
    def singular(self) -> str:
        """The lower-case name that kubectl accepts."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Resource):
    """A resource that asks for something: it has a spec, and a status that tells what came of it."""

    spec: type[Spec]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Resource):
    """A resource that only says something, in a field of its own. Nothing reconciles it."""

    field: str
    content: type[Model]


def _of_succeeded(name: str, field: str, *, wide: bool = False) -> Column:
    return Column(name, f'.status.conditions[?(@.type=="Succeeded")].{field}', wide=wide)


TASK_SEARCH = Kind(
    name="TaskSearch",
    plural="tasksearches",
    short_name="tsearch",
    spec=TaskSearchSpec,
    columns=(
        _of_succeeded("Succeeded", "status"),
        _of_succeeded("Reason", "reason"),
        Column("Caching", ".status.peers.caching", "integer"),
        Column("Peers", ".status.peers.total", "integer"),
        Column("Unreachable", ".status.peers.unreachable", "integer"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        _of_succeeded("Message", "message", wide=True),
        # Not of spec: there the query values that sign a URL are legible.
        Column("First-URL", ".status.tasks[0].url", wide=True),
        Column("Image", ".status.images[0].summary", wide=True),
    ),
)

TASK_DELETION = Kind(
    name="TaskDeletion",
    plural="taskdeletions",
    short_name="tdel",
    spec=TaskDeletionSpec,
    columns=(
        _of_succeeded("Succeeded", "status"),
        _of_succeeded("Reason", "reason"),
        Column("Progress", ".status.progress"),
        Column("Deleted", ".status.peers.deleted", "integer"),
        Column("Failed", ".status.peers.failed", "integer"),
        Column("Completed", ".status.completionTime", "date"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        _of_succeeded("Message", "message", wide=True),
        Column("Run-ID", ".status.runID", wide=True),
    ),
)

TASK_REPORT = Document(
    name="TaskReport",
    plural="taskreports",
    short_name="treport",
    field="report",
    content=Page,
    columns=(
        Column("Of", ".report.of.name"),
        Column("Page", ".report.page", "integer"),
        Column("Peers", ".report.rows", "integer"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Complete", ".report.complete", "boolean", wide=True),
    ),
)

KINDS = (TASK_SEARCH, TASK_DELETION)
"""Those that the operator watches, and works for."""

RESOURCES = (*KINDS, TASK_REPORT)
"""All that have a CRD."""
