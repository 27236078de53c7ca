"""Kubernetes quantities, as far as a number of bytes is written with them."""

from __future__ import annotations

import re
from decimal import Decimal

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,3})|([KMGTPE]i|[kMGTPE]|m|))")
_SUFFIX = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    **{letter: Decimal(1000 ** (power + 2)) for power, letter in enumerate("MGTPE")},
    **{f"{letter}i": Decimal(1024 ** (power + 1)) for power, letter in enumerate("KMGTPE")},
}


def parse_bytes(value: object) -> int:
    """Read a whole number of bytes: an int, or a quantity such as `16Mi`, `16M`, `4194304`, `1.5Gi` or `8e6`.

    Raises:
        ValueError: it is none, or not whole.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is no quantity")  # noqa: TRY004 - pydantic turns only ValueError into its report
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        raise ValueError(f"{value!r} is no quantity")
    number, exponent, suffix = match.groups()
    amount = Decimal(number + (exponent or "")) * _SUFFIX[suffix or ""]
    if amount != amount.to_integral_value():
        raise ValueError(f"{value!r} is not a whole number")
    return int(amount)
