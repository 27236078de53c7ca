"""How large a spec may be, so that the API server has room for a status beside it.

etcd takes no object over 1.5 MiB, and says so only when one is written: a spec that just fits leaves an object on which
nothing can ever be told. So the texts of all targets together are bounded, by a CEL rule of the schema. A schema counts
characters. JSON takes up to six bytes for one, as for `<`, so that at the worst 1.1 MiB are a spec's, 256 KiB the
annotations', and 128 KiB are left for a status and the rest. Mostly a character is a byte, and a whole status has room.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dragonfly_task_operator.api.base import Model, validations

MAX_TEXT = 192 << 10
"""Characters of the texts of all targets of an object."""

MAX_OBJECT_BYTES = 1536 << 10
"""What etcd takes if nobody told it otherwise (`--max-request-bytes`)."""

MIN_ROOM_BYTES = 64 << 10
"""What has to be left beside a spec for a run to be begun: a short status, and what the API server notes about it."""


def text_rule(target: type[Model]) -> dict[str, Any]:
    """Make the rule for a list of targets that bounds all their texts together."""
    properties = target.model_json_schema(by_alias=True)["properties"]
    lengths = []
    for name, schema in properties.items():
        kinds = [schema, *schema.get("anyOf", ())]
        if any(kind.get("type") == "string" for kind in kinds):
            lengths.append(f"(has(t.{name}) ? t.{name}.size() : 0)")
        elif any(kind.get("type") == "array" for kind in kinds):
            lengths.append(f"(has(t.{name}) ? t.{name}.map(s, s.size()).sum() : 0)")
    return validations(
        (
            f"self.map(t, {' + '.join(lengths)}).sum() <= {MAX_TEXT}",
            (
                f"the texts of all targets are longer than {MAX_TEXT} characters together, which leaves no room for a"
                " status in the object: use several objects"
            ),
        )
    )


def has_room(body: Mapping[str, Any], kept: Mapping[str, Any]) -> bool:
    """Tell whether an object leaves room for a status beside what it was made of.

    Args:
        body: the object.
        kept: of its status, what every later one holds as well.
    """
    rest = {name: value for name, value in body.items() if name != "status"} | {"status": kept}
    return stored_bytes(rest) <= MAX_OBJECT_BYTES - MIN_ROOM_BYTES


def most_bytes(value: object) -> int:
    """Give no fewer bytes than any JSON of this takes, whoever writes it: with spaces, and all but ASCII escaped."""
    text = json.dumps(value)
    return len(text) + 5 * sum(text.count(sign) for sign in "<>&")


def stored_bytes(value: object) -> int:
    """Give the bytes of the JSON that the API server stores: three signs take six, as Go writes them."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode()) + 5 * sum(text.count(sign) for sign in "<>&")
