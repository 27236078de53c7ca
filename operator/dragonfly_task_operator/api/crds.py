"""CustomResourceDefinitions, made from the models.

pydantic writes JSON schemas with references, titles and nulls; the API server takes structural schemas, which have none
of them. What a schema can't say travels in the models' `json_schema_extra`.
"""

from __future__ import annotations

from typing import Any

import yaml

from dragonfly_task_operator.api.base import GROUP, VERSION
from dragonfly_task_operator.api.kinds import CATEGORY, Document, Kind
from dragonfly_task_operator.api.status import Status

_DROPPED = {"title", "additionalProperties", "exclusiveMinimum", "exclusiveMaximum"}

UNTOUCHED_STATUS: dict[str, Any] = {
    "observedGeneration": -1,
    "reason": "Pending",
    "conditions": [
        {
            "type": "Succeeded",
            "status": "Unknown",
            "reason": "Pending",
            "message": "waiting for the operator",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }
    ],
}
"""The status of an object that no operator has seen yet, as Gateway API does it."""


def structural(schema: dict[str, Any], definitions: dict[str, Any] | None = None) -> dict[str, Any]:
    """Turn pydantic's JSON schema into a structural one: references resolved, nulls and titles gone."""
    if definitions is None:
        definitions = schema.get("$defs", {})
    schema = dict(schema)
    if "$ref" in schema:
        name = schema.pop("$ref").rpartition("/")[2]
        schema = {**definitions[name], **schema}
    if "anyOf" in schema:
        (only,) = (choice for choice in schema.pop("anyOf") if choice != {"type": "null"})
        # What stands beside anyOf is about the field, and more to the point than what its type says of itself.
        return structural({**only, **schema}, definitions)
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _DROPPED or key == "$defs" or (key == "default" and value is None):
            continue
        if key == "properties":
            result[key] = {name: structural(field, definitions) for name, field in value.items()}
        elif key == "items":
            result[key] = structural(value, definitions)
        else:
            result[key] = value
    if "description" in result:
        result["description"] = " ".join(result["description"].split())
    return result


def crd(resource: Kind | Document) -> dict[str, Any]:
    """Make the CustomResourceDefinition of a resource."""
    description, content, more = _of_kind(resource) if isinstance(resource, Kind) else _of_document(resource)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": resource.name,
                "listKind": f"{resource.name}List",
                "plural": resource.plural,
                "singular": resource.singular,
                "shortNames": [resource.short_name],
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    **more,
                    "additionalPrinterColumns": [
                        {
                            "name": column.name,
                            "type": column.type,
                            "jsonPath": column.json_path,
                            **({"priority": 1} if column.wide else {}),
                        }
                        for column in resource.columns
                    ],
                    "schema": {
                        "openAPIV3Schema": {
                            "description": " ".join(description.split()),
                            "type": "object",
                            "required": [next(iter(content))],
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object"},
                                **content,
                            },
                        }
                    },
                }
            ],
        },
    }


_Parts = tuple[str, dict[str, Any], dict[str, Any]]
"""What a resource is, the schemas of its fields, the first of which is required, and what its version has besides."""


def _of_kind(kind: Kind) -> _Parts:
    status = structural(Status.model_json_schema(by_alias=True))
    status["default"] = UNTOUCHED_STATUS
    del status["properties"]["conditions"]["default"]
    spec = structural(kind.spec.model_json_schema(by_alias=True))
    more = {"subresources": {"status": {}}, "selectableFields": [{"jsonPath": ".status.reason"}]}
    return kind.spec.__doc__ or "", {"spec": spec, "status": status}, more


def _of_document(document: Document) -> _Parts:
    schema = structural(document.content.model_json_schema(by_alias=True))
    return document.content.__doc__ or "", {document.field: schema}, {}


class _Dumper(yaml.SafeDumper):
    """Writes what is shared twice: anchors are for machines."""

    def ignore_aliases(self, data: object) -> bool:
        """Say that nothing is to be an alias."""
        del data
        return True


def to_yaml(resource: Kind | Document) -> str:
    """Write the CustomResourceDefinition of a resource."""
    return yaml.dump(crd(resource), Dumper=_Dumper, sort_keys=False, width=110)
