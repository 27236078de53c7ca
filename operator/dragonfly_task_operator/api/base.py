"""What every model of the API shares: camelCase names, and refusal of what the model does not know."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

GROUP = "tasks.d7y.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

_UPPER = {"id": "ID", "ids": "IDs", "url": "URL", "tls": "TLS"}


def camel(name: str) -> str:
    """Spell a name as Kubernetes does: `task_id` is `taskID`, `scheduler_cluster_ids` is `schedulerClusterIDs`."""
    first, *rest = name.split("_")
    return first + "".join(_UPPER.get(word, word.capitalize()) for word in rest)


class Model(BaseModel):
    """A piece of an object.

    A field that the model does not know is refused, not dropped: an older operator must not run a deletion whose
    newer manifest says, in a word it can't read, not to.
    """

    model_config = ConfigDict(
        alias_generator=camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    def to_json(self) -> dict[str, Any]:
        """Give the model as the API server keeps it: camelCase, absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def validations(*rules: tuple[str, str]) -> dict[str, Any]:
    """Make the schema entry that has the API server check CEL rules, each given as (rule, message)."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}
