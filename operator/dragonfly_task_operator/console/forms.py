"""The search form: what a person typed, made into a manifest, or into words on what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from dragonfly_task_operator.api.base import API_VERSION
from dragonfly_task_operator.api.kinds import TASK_DELETION, TASK_SEARCH, Kind

TTL_SECONDS = 86_400
"""For which what is made here stays after it has finished, unless the person says otherwise."""

PREFIXES = {TASK_SEARCH.name: "search-", TASK_DELETION.name: "deletion-"}
"""Of names that are made up."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to name tasks.

    Attributes:
        field: of a target.
        takes: further fields that make sense beside it.
    """

    field: str
    title: str
    hint: str
    takes: tuple[str, ...] = ()


_IDENTITY = ("tag", "application", "pieceLength", "filteredQueryParams")
_OF_IMAGES = ("platform", "pullSecret", "keepSharedWith")
WAYS = (
    Way("url", "URL", "https://models.example.com/llama.safetensors", (*_IDENTITY, "revision")),
    Way(
        "image",
        "Image",
        "nginx:1.27, or the URL of a manifest",
        (*_IDENTITY, *_OF_IMAGES),
    ),
    Way("taskID", "Task ID", "64 hex digits"),
    Way("contentForCalculatingTaskID", "Content", "what dfget was given by --content-for-calculating-task-id"),
)
"""The four ways of Dragonfly's console. An image is given by its name as well as by the URL of its manifest."""


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
            raise Refused({way.field: f"give {_a(way.title)}"})
        is_manifest_url = way.field == "image" and "://" in value
        target: dict[str, Any] = {"imageManifestURL" if is_manifest_url else way.field: value}
        for field in way.takes:
            if self[field]:
                target |= _part(field, self[field])
        if self["noFilter"] and "filteredQueryParams" in way.takes:
            target["filteredQueryParams"] = []
        return target

    def _common(self) -> dict[str, Any]:
        common: dict[str, Any] = {}
        words = self["schedulerClusterIDs"].replace(",", " ").split()
        if words:
            if not all(word.isdecimal() and word.isascii() for word in words):
                raise Refused({"schedulerClusterIDs": "give the numbers of scheduler clusters, as in 1, 2"})
            common["schedulerClusterIDs"] = [int(word) for word in words]
        if not self["keep"]:
            common["ttlSecondsAfterFinished"] = TTL_SECONDS
        return common


def _part(field: str, value: str) -> dict[str, Any]:
    match field:
        case "filteredQueryParams" | "keepSharedWith":
            return {field: value.replace(",", " ").split()}
        case "pullSecret":
            return {"pullSecretRef": {"name": value}}
        case _:
            return {field: value}


def _a(title: str) -> str:
    return {"URL": "a URL", "Image": "the name of an image", "Task ID": "the id of a task"}.get(title, "some content")


def _problems(error: ValidationError, way: Way) -> dict[str, str]:
    problems: dict[str, str] = {}
    for each in error.errors(include_input=False, include_url=False):
        fields = [str(step) for step in each["loc"] if isinstance(step, str) and step != "targets"]
        field = fields[0] if fields else way.field
        field = {"imageManifestURL": "image", "pullSecretRef": "pullSecret"}.get(field, field)
        problems.setdefault(field, each["msg"].removeprefix("Value error, "))
    return problems
