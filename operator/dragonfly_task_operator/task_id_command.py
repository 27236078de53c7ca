"""`task-id`: every id that targets can have, without a cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.dragonfly.targets import candidates
from dragonfly_task_operator.dragonfly.task_ids import Candidate
from dragonfly_task_operator.errors import ImageUnresolvable, InvalidManifest, InvalidTarget


def read_targets(content: bytes) -> list[Any]:
    """Read a YAML list of targets, or the targets of a manifest. Raises InvalidManifest."""
    from dragonfly_task_operator.api.manifests import read_documents  # noqa: PLC0415 - flags need no YAML

    documents = read_documents(content, source="the file")
    found = documents[0] if documents else None
    if isinstance(found, Mapping):
        spec = found.get("spec", found)
        found = spec.get("targets") if isinstance(spec, Mapping) else None
    if len(documents) != 1 or not isinstance(found, list) or not found:
        raise InvalidManifest("the file holds no list of targets, as in `- url: https://example.com/model.bin`")
    return found


def candidates_of(targets: Sequence[Any]) -> list[tuple[Candidate, ...]]:
    """Give the candidates of each target. Raises InvalidTarget, which names the target."""
    found = []
    for index, given in enumerate(targets):
        try:
            found.append(candidates(Target.model_validate(given)))
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(str(part) for part in (f"targets[{index}]", *first["loc"]))
            raise InvalidTarget(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None
        except (InvalidTarget, ImageUnresolvable) as error:
            raise InvalidTarget(f"targets[{index}]: {error}") from None
    return found


def render(found: Sequence[tuple[Candidate, ...]], output: str) -> str:
    """Write candidates as `json` or as `text`: id and identity, a line each."""
    if output == "json":
        return json.dumps(
            [[{"taskID": each.task_id, "identity": each.identity} for each in candidates] for candidates in found],
            indent=2,
        )
    lines: list[str] = []
    for index, candidates_ in enumerate(found):
        if len(found) > 1:
            lines.append(f"# targets[{index}]")
        lines.extend(f"{each.task_id}  {each.identity}" for each in candidates_)
    return "\n".join(lines)
