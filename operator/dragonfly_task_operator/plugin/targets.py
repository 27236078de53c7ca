"""What a person typed, as a spec: URLs and flags, or a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import click
from pydantic import ValidationError

from dragonfly_task_operator.api.base import GROUP
from dragonfly_task_operator.api.kinds import KINDS, Kind
from dragonfly_task_operator.api.manifests import read_documents
from dragonfly_task_operator.api.targets import BELONGS_TO, Target
from dragonfly_task_operator.client.making import KEPT
from dragonfly_task_operator.errors import InvalidManifest

_FLAGS = {
    "pieceLength": "--piece-length",
    "tag": "--tag",
    "application": "--application",
    "filteredQueryParams": "--filtered-query-param",
    "revision": "--revision",
    "platform": "--platform",
    "keepSharedWith": "--keep-shared-with",
    "includeReferrers": "--include-referrers",
    "pullSecretRef": "--pull-secret",
    "caSecretRef": "--ca-secret",
    "insecureSkipTLSVerify": "--insecure-skip-tls-verify",
}


@dataclass(frozen=True, slots=True)
class Named:
    """The tasks that a person named, in each of the ways."""

    urls: Sequence[str] = ()
    images: Sequence[str] = ()
    task_ids: Sequence[str] = ()
    contents: Sequence[str] = ()

    def __bool__(self) -> bool:
        """Whether anything is named."""
        return bool(self.urls or self.images or self.task_ids or self.contents)

    def targets(self, options: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Make targets: each option goes to those that it makes sense for.

        Args:
            options: fields of a target, by their names in the API; those that were not given are None.

        Raises:
            UsageError: a target names no task, or an option makes sense for none.
        """
        given = {field: value for field, value in options.items() if value not in (None, (), [], False)}
        if options.get("filteredQueryParams") == []:
            given["filteredQueryParams"] = []
        targets = [
            *({"url": url} for url in self.urls),
            *({"imageManifestURL" if "://" in image else "image": image} for image in self.images),
            *({"taskID": task_id} for task_id in self.task_ids),
            *({"contentForCalculatingTaskID": content} for content in self.contents),
        ]
        for field, value in given.items():
            fitting = [target for target in targets if any(way in target for way in BELONGS_TO[field])]
            if not fitting:
                ways = ", ".join(BELONGS_TO[field])
                raise click.UsageError(f"{_FLAGS[field]} goes only with {ways}, and there is none")
            for target in fitting:
                target[field] = value
        for target in targets:
            _check(target)
        return targets


def _check(target: dict[str, Any]) -> None:
    try:
        Target.model_validate(target)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        message = str(first["msg"]).removeprefix("Value error, ")
        hint = f"; for an image write --image {target['url']}" if "://" not in target.get("url", "://") else ""
        raise click.UsageError(f"{message}{hint}") from None


def read_manifest(file: IO[bytes], kind: Kind) -> tuple[dict[str, Any], str | None]:
    """Read the one TaskSearch or TaskDeletion of a file, as an object of a kind.

    Returns:
        the object, and what a person has to know about it, if there is anything.

    Raises:
        UsageError: the file has no such object, or several.
    """
    source = getattr(file, "name", "<stdin>")
    try:
        documents = read_documents(file.read(), source=source)
    except InvalidManifest as error:
        raise click.UsageError(str(error)) from None
    if len(documents) != 1:
        raise click.UsageError(f"{source} has {len(documents)} objects: give one; kubectl apply -f takes several")
    (body,) = documents
    written = next((each for each in KINDS if isinstance(body, dict) and body.get("kind") == each.name), None)
    if written is None or not str(body.get("apiVersion", "")).startswith(f"{GROUP}/"):
        raise click.UsageError(f"{source} is neither a TaskSearch nor a TaskDeletion of {GROUP}")
    if not isinstance(body.get("spec"), dict) or not isinstance(body.setdefault("metadata", {}), dict):
        raise click.UsageError(f"{source} has no spec, or metadata that are none")
    if written is kind:
        return body, None
    left_out = sorted(field for field in body["spec"] if field not in KEPT)
    rest = f", without {', '.join(left_out)}" if left_out else ""
    spec = {field: body["spec"][field] for field in KEPT if field in body["spec"]}
    note = f"{source} is a {written.name}: its targets are taken for a {kind.name}{rest}"
    return {**body, "kind": kind.name, "spec": spec}, note
