"""Reading a spec that an API server has taken, maybe by the CRDs of another version than this operator's."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.specs import Spec
from dragonfly_task_operator.errors import OperatorError

_UNKNOWN_FIELD = "extra_forbidden"
_UNKNOWN_WORD = frozenset({"enum", "literal_error"})
_OF_A_RULE = "value_error"
"""What the rules in words say. All the rest is in the schema, too: an API server with the CRDs of this version refuses
it, so what gets here has been taken by those of another, that has another type or a wider bound."""


class UnreadableSpec(OperatorError):
    """A spec that this operator's models refuse although the API server took it.

    Attributes:
        reason: OperatorTooOld where it has a field, a value, a type or a size that this version's CRDs don't have; else
            InvalidSpec.
        known: the spec without the fields that are unknown; None where there is no reading the rest, either.
    """

    def __init__(self, message: str, *, reason: Reason, known: Spec | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.known = known


def read_spec(model: type[Spec], raw: object) -> Spec:
    """Read a spec. Raises UnreadableSpec."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
    fields = [each["loc"] for each in found if each["type"] == _UNKNOWN_FIELD]
    words = [each["loc"] for each in found if each["type"] in _UNKNOWN_WORD]
    others = [each for each in found if each["type"] not in {_UNKNOWN_FIELD, _OF_A_RULE, *_UNKNOWN_WORD}]
    if not fields and not words and not others:
        message = found[0]["msg"].removeprefix("Value error, ")
        raise UnreadableSpec(f"{_path(found[0]['loc'])}: {message}", reason=Reason.INVALID_SPEC)
    newer = [f"{_path(at)} is a field" for at in fields] + [f"{_path(at)} has a value" for at in words]
    newer += [f"{_path(each['loc'])} has a form ({each['msg']})" for each in others]
    more = f" (and {len(newer) - 1} more)" if len(newer) > 1 else ""
    raise UnreadableSpec(
        f"{newer[0]} that this version of the operator does not know{more}; nothing is begun:"
        " upgrade the operator to the version that the CRDs are of, or take back what it does not know",
        reason=Reason.OPERATOR_TOO_OLD,
        known=_known(model, raw, fields),
    )


def _known(model: type[Spec], raw: object, unknown: Sequence[tuple[int | str, ...]]) -> Spec | None:
    rest = copy.deepcopy(raw)
    for *path, name in unknown:
        part: Any = rest
        for step in path:
            part = part[step]
        if isinstance(part, dict):
            part.pop(name, None)
    try:
        return model.model_validate(rest)
    except ValidationError:
        return None


def _path(at: Sequence[int | str]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in ("spec", *at)).removeprefix(".")
