"""Reading manifests that a person wrote, where no API server looks at them first: what it would refuse is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from dragonfly_task_operator.api.base import API_VERSION
from dragonfly_task_operator.api.kinds import KINDS, Kind
from dragonfly_task_operator.api.specs import Spec
from dragonfly_task_operator.errors import InvalidManifest

MAX_TROUBLES = 10
"""Told of at once."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_NAME = 253
_FIELDS = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})


@dataclass(frozen=True, slots=True)
class Manifest:
    """An object that was asked for, without what a status says of it.

    Attributes:
        body: apiVersion, kind, metadata and spec, as they were written.
    """

    kind: Kind
    name: str
    namespace: str
    body: Mapping[str, Any]
    spec: Spec

    def __str__(self) -> str:
        return f"{self.kind.name} {self.name}"


def read_manifests(content: bytes, *, source: str) -> list[Manifest]:
    """Read every TaskSearch and TaskDeletion of a file of YAML or JSON: documents, and the items of a List.

    Args:
        content: all of it.
        source: to speak of it in an error.

    Raises:
        InvalidManifest: with everything that is wrong with any of them, a line each.
    """
    found: list[Manifest] = []
    troubles: list[str] = []
    for index, document in enumerate(_items(read_documents(content, source=source)), start=1):
        where = f"{source}: document {index}"
        try:
            found.append(_manifest(document))
        except InvalidManifest as error:
            troubles += [f"{where}{line}" for line in str(error).splitlines()]
    if troubles:
        more = [f"and {len(troubles) - MAX_TROUBLES} more"] if len(troubles) > MAX_TROUBLES else []
        raise InvalidManifest("\n".join(troubles[:MAX_TROUBLES] + more))
    if not found:
        raise InvalidManifest(f"{source}: holds no manifest; write a TaskSearch or a TaskDeletion of {API_VERSION}")
    return found


def read_documents(content: bytes, *, source: str) -> list[Any]:
    """Read the documents of a file of YAML, but for empty ones. Raises InvalidManifest."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidManifest(f"{source}: no YAML: it is no text in UTF-8") from None
    try:
        return [each for each in yaml.load_all(text, _Loader) if each is not None]
    except yaml.YAMLError as error:
        raise InvalidManifest(f"{source}: no YAML: {' '.join(str(error).split())}") from None
    except (RecursionError, ValueError) as error:  # nested without end; a number that is none
        raise InvalidManifest(f"{source}: can't be read ({type(error).__name__}); write plain YAML") from None


class _Loader(yaml.SafeLoader):
    """YAML as kubectl takes it: a date is a text, and no key stands twice in a mapping, where one would not count."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise yaml.constructor.ConstructorError(None, None, f"{twice!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for sign, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _items(documents: Sequence[Any]) -> Iterator[Any]:
    """Give objects, those of Lists among them."""
    for document in documents:
        if isinstance(document, Mapping) and document.get("kind") == "List" and document.get("apiVersion") == "v1":
            items = document.get("items")
            yield from items if isinstance(items, list) else ()
        else:
            yield document


def _manifest(body: Any) -> Manifest:
    """Read an object. Raises InvalidManifest: lines that begin where the name of the file and the document ends."""
    if not isinstance(body, Mapping):
        raise InvalidManifest(": is no object, as it has no fields")
    kind = next((kind for kind in KINDS if kind.name == body.get("kind")), None)
    if kind is None or body.get("apiVersion") != API_VERSION:
        raise InvalidManifest(
            f": is {body.get('kind') or 'of no kind'} of {body.get('apiVersion') or 'no apiVersion'}; only"
            f" {' and '.join(kind.name for kind in KINDS)} of {API_VERSION} can be run"
        )
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping) or not isinstance(name, str) or not _is_name(name):
        said = "has no metadata.name" if name is None else f"metadata.name: {name!r} is none"
        raise InvalidManifest(f" ({kind.name}): {said}; use lower case letters, digits and hyphens")
    what = f" ({kind.name} {name})"
    namespace = metadata.get("namespace", "default")
    if not isinstance(namespace, str) or not _is_name(namespace):
        raise InvalidManifest(f"{what}: metadata.namespace: {namespace!r} is none")
    unknown = sorted(str(field) for field in body if field not in _FIELDS)
    if unknown:
        raise InvalidManifest(f"{what}: {unknown[0]} is no field of an object")
    spec = _spec(kind, body.get("spec"), what)
    return Manifest(kind, name, namespace, {field: body[field] for field in body if field != "status"}, spec)


def _is_name(text: str) -> bool:
    return len(text) <= _MAX_NAME and _NAME.fullmatch(text) is not None


def _spec(kind: Kind, raw: object, what: str) -> Spec:
    """Read a spec as strictly as an API server: `"true"` is no boolean. Raises InvalidManifest."""
    if raw is None:
        raise InvalidManifest(f"{what}: has no spec")
    try:
        return kind.spec.model_validate_json(json.dumps(raw, allow_nan=False), strict=True)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
    except (TypeError, ValueError):  # a set, or bytes; not a number
        raise InvalidManifest(f"{what}: spec holds what JSON can't") from None
    lines = [f"{what}: {_path(each['loc'])}: {_words(kind, each['type'], each['msg'])}" for each in problems]
    raise InvalidManifest("\n".join(dict.fromkeys(lines)))


def _path(at: Sequence[int | str]) -> str:
    return "spec" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in at)


def _words(kind: Kind, type_: str, message: str) -> str:
    match type_:
        case "extra_forbidden":
            return f"is no field that a {kind.name} has there"
        case "missing":
            return "is missing"
    return message.removeprefix("Value error, ")
