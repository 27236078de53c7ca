"""Lengths of time as people type them: 90s, 5m, 12h, 1d, 1h30m, or seconds."""

from __future__ import annotations

import re
from typing import Any

import click

_PART = re.compile(r"(\d+)(d|h|m|s)")
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


class Duration(click.ParamType[int | str]):
    """Whole seconds. With `never`, that word stands for None."""

    name = "duration"

    def __init__(self, *, never: str | None = None) -> None:
        self._never = never

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Read it; what stands for never is left as it is."""
        if isinstance(value, int) or value == self._never:
            return value  # type: ignore[no-any-return]
        text = str(value)
        if text.isdecimal():
            return int(text)
        parts = _PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            never = f", or {self._never}" if self._never else ""
            self.fail(f"{text!r} is no length of time: write 90s, 5m, 12h or 1d{never}", param, ctx)
        return sum(int(number) * _SECONDS[unit] for number, unit in parts)
