"""How a registry wants to be logged in at: what it says in WWW-Authenticate, read as RFC 9110 has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import authchallenge

NAMED: Final = {"digest": "Digest", "negotiate": "Negotiate", "ntlm": "NTLM", "aws4-hmac-sha256": "AWS4-HMAC-SHA256"}
"""Ways that the operator knows by name, and no more: what else a registry writes is not repeated."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token is wanted, to be had from `realm`. What is absent is empty."""

    realm: str
    service: str
    scope: str


@dataclass(frozen=True, slots=True)
class Basic:
    """A name and a password are wanted."""


@dataclass(frozen=True, slots=True)
class Other:
    """Only ways that the operator has not. `names`: those it knows by name."""

    names: tuple[str, ...]


def choose(headers: Sequence[str]) -> Bearer | Basic | Other | None:
    """Choose among all challenges of an answer: Bearer where it is offered, else Basic; None where there are none.

    Of several Bearer challenges the first that says where tokens are to be had is taken.
    """
    offered = authchallenge.parse_challenges(headers)
    bearers = [each.params for each in offered if each.scheme.lower() == "bearer"]
    if bearers:
        chosen = next((params for params in bearers if params.get("realm")), bearers[0])
        return Bearer(chosen.get("realm", ""), chosen.get("service", ""), chosen.get("scope", ""))
    schemes = [each.scheme.lower() for each in offered]
    if "basic" in schemes:
        return Basic()
    return Other(tuple(NAMED[scheme] for scheme in dict.fromkeys(schemes) if scheme in NAMED)) if offered else None
