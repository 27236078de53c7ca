"""Reading JSON that another version may have written, a value at a time: what is not as expected is None, or empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any


def mapping(value: object) -> Mapping[str, Any]:
    """Give a mapping; an empty one for whatever is none."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    """Give a list; an empty one for whatever is none."""
    return value if isinstance(value, list | tuple) else ()


def mappings(value: object) -> list[Mapping[str, Any]]:
    """Give a list of mappings; an empty one for each that is none."""
    return [mapping(each) for each in items(value)]


def word(value: object) -> str | None:
    """Give a text, or a whole number as one."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)


def number(value: object) -> int | None:
    """Give a whole number of 64 bits."""
    text = word(value)
    if text is None or not text.removeprefix("-").isdecimal() or len(text) > 19:  # noqa: PLR2004 - digits of an int64
        return None
    return int(text)


def count(value: object) -> int:
    """Give how many; 0 for whatever is no number."""
    return max(number(value) or 0, 0)


def time(value: object) -> datetime | None:
    """Give a time with its zone."""
    try:
        read = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return read if read is not None and read.tzinfo is not None else None
