"""Templates into HTML. What anybody else has written is escaped, whatever it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from dragonfly_task_operator.api import loose
from dragonfly_task_operator.client.errors import ClientError

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP = 1024


class ExtraMissing(ClientError):
    """The console's libraries are not installed."""


class Renderer:
    """Makes pages.

    Args:
        always: what every page is given.

    Raises:
        ExtraMissing.
    """

    def __init__(self, always: Mapping[str, Any]) -> None:
        try:
            import jinja2  # noqa: PLC0415 - an extra's
        except ImportError:
            raise ExtraMissing(
                "kubectl dragonfly console needs more: pip install 'dragonfly-task-operator[kubectl,console]'"
            ) from None

        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader(__package__),
            autoescape=True,
            undefined=jinja2.ChainableUndefined,  # objects have fields that others leave out
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"count": count, "size": size, "percent": percent}
        self._templates.globals |= always

    def page(self, template: str, **given: Any) -> str:
        """Make a page."""
        return self._templates.get_template(template).render(given)


def count(number: int, what: str) -> str:
    """Say how many of something there are."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def size(value: object) -> str:
    """Say how many bytes there are, in three digits or so; nothing where it is no number."""
    known = loose.number(value)
    if known is None:
        return ""
    length = float(known)
    for unit in _UNITS:
        if length < _STEP or unit == _UNITS[-1]:
            break
        length /= _STEP
    return f"{length:.0f} {unit}" if unit == "B" else f"{length:.1f} {unit}"


def percent(share: float) -> str:
    """Say a share, never 100 % of what is not whole."""
    return f"{int(share * 100)} %"


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # ten times as fast, where it is
    """Writes what is shared twice: anchors are for machines."""

    def ignore_aliases(self, data: object) -> bool:
        """Say that nothing is to be an alias."""
        del data
        return True


def as_yaml(body: Mapping[str, Any]) -> str:
    """Write an object as people commit it."""
    return yaml.dump(dict(body), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
