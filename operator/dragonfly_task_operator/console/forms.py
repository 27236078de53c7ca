"""The search form: what a person typed, made into a manifest, or into words on what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dragonfly_task_operator.api import loose
from dragonfly_task_operator.api.base import API_VERSION
from dragonfly_task_operator.api.kinds import TASK_DELETION, Kind
from dragonfly_task_operator.api.targets import BELONGS_TO
from dragonfly_task_operator.client.making import PREFIXES, TTL_SECONDS


@dataclass(frozen=True, slots=True)
class Way:
    """A way to name tasks: a field of a target, and what it is called."""

    field: str
    title: str
    hint: str
    article: str


WAYS = (
    Way("url", "URL", "https://models.example.com/llama.safetensors", "a URL"),
    Way("image", "Image", "nginx:1.27, or the URL of a manifest", "the name of an image"),
    Way("taskID", "Task ID", "64 hex digits", "the id of a task"),
    Way("contentForCalculatingTaskID", "Content", "what dfget --content-for-calculating-task-id was given", "content"),
)
"""The four ways of Dragonfly's console. An image is given by its name as well as by the URL of its manifest."""

_FIELDS = {
    **{name: name for name in ("tag", "application", "pieceLength", "filteredQueryParams", "revision", "platform")},
    "noFilter": "filteredQueryParams",
    "keepSharedWith": "keepSharedWith",
    "includeReferrers": "includeReferrers",
    "pullSecret": "pullSecretRef",
    "caSecret": "caSecretRef",
}
"""Of the form, and the fields of a target that they give."""


def ways_of(field: str) -> list[str]:
    """Tell beside which ways a field of the form makes sense."""
    return [way.field for way in WAYS if way.field in BELONGS_TO[_FIELDS[field]]]


class Refused(Exception):
    """What was typed makes no manifest.

    Args:
        problems: by the field that each is about.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed, by the names of the form's fields."""

    typed: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.typed.get(name, "").strip()

    @property
    def way(self) -> Way:
        """The way that was chosen; the first where none was."""
        return next((way for way in WAYS if way.field == self["way"]), WAYS[0])

    @property
    def has_more(self) -> bool:
        """Whether anything was given besides what names the task."""
        return any(value for name, value in self.typed.items() if name not in {"way", *(way.field for way in WAYS)})

    def manifest(self, kind: Kind, *, namespace: str, default_name: str = "") -> dict[str, Any]:
        """Make the object: a search, or a deletion's dry run.

        Args:
            kind: of the object.
            namespace: of the object.
            default_name: where none was given; empty: the API server is to make one up.

        Raises:
            Refused.
        """
        spec: dict[str, Any] = {"targets": [self._target()], **self._common()}
        if kind is TASK_DELETION:
            spec["dryRun"] = True
        try:
            kind.spec.model_validate(spec)
        except ValidationError as error:
            raise Refused(_problems(error, self.way)) from None
        return {
            "apiVersion": API_VERSION,
            "kind": kind.name,
            "metadata": {**self._names(kind, default_name), "namespace": namespace},
            "spec": spec,
        }

    def _names(self, kind: Kind, default: str) -> dict[str, str]:
        name = self["name"] or default
        return {"name": name} if name else {"generateName": PREFIXES[kind.name]}

    def _target(self) -> dict[str, Any]:
        way, value = self.way, self[self.way.field]
        if not value:
            raise Refused({way.field: f"give {way.article}"})
        is_manifest_url = way.field == "image" and "://" in value
        target: dict[str, Any] = {"imageManifestURL" if is_manifest_url else way.field: value}
        for field in _FIELDS:
            if self[field] and way.field in ways_of(field):
                target |= _part(field, self[field])
        return target

    def _common(self) -> dict[str, Any]:
        common: dict[str, Any] = {}
        words = self["schedulerClusterIDs"].replace(",", " ").split()
        if words:
            if not all(word.isdecimal() and loose.number(word) is not None for word in words):
                raise Refused({"schedulerClusterIDs": "give the numbers of scheduler clusters, as in 1, 2"})
            common["schedulerClusterIDs"] = [int(word) for word in words]
        if not self["keep"]:
            common["ttlSecondsAfterFinished"] = TTL_SECONDS
        return common


def _part(field: str, value: str) -> dict[str, Any]:
    match field:
        case "filteredQueryParams" | "keepSharedWith":
            return {field: value.replace(",", " ").split()}
        case "pullSecret" | "caSecret":
            return {_FIELDS[field]: {"name": value}}
        case "noFilter":
            return {"filteredQueryParams": []}
        case "includeReferrers":
            return {field: True}
        case _:
            return {field: value}


_NAMES = {"imageManifestURL": "image", "pullSecretRef": "pullSecret", "caSecretRef": "caSecret"}
"""Where a problem with a field of a target is told, if it is not called so in the form."""


def _problems(error: ValidationError, way: Way) -> dict[str, str]:
    problems: dict[str, str] = {}
    for each in error.errors(include_input=False, include_url=False):
        fields = [str(step) for step in each["loc"] if isinstance(step, str) and step != "targets"]
        field = fields[0] if fields else way.field
        field = _NAMES.get(field, field)
        problems.setdefault(field, each["msg"].removeprefix("Value error, "))
    return problems
