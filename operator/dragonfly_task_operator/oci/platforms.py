"""What images are for: platforms as indexes and configs spell them, and as users ask for them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_WORD = re.compile(r"[a-z0-9._-]{1,32}")
_UNKNOWN = "unknown"
_ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm"}
_NUMBER = re.compile(r"[0-9]")
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7", "amd64": "v1"}
"""What containerd takes an architecture without a variant for."""


def platform_of(value: object) -> str:
    """Read a platform of an index, or a config, as os/architecture or os/architecture/variant.

    Empty where it is not told: absent, no words, or unknown. What else stands beside these words counts for nothing.
    """
    if not isinstance(value, Mapping):
        return ""
    os, architecture, variant = (_word(value.get(key)) for key in ("os", "architecture", "variant"))
    architecture, variant = _architecture(architecture), _variant(variant)
    if os in {"", _UNKNOWN} or architecture in {"", _UNKNOWN}:
        return ""
    return "/".join(filter(None, (os, architecture, variant)))


def is_said_to_be_unknown(value: object) -> bool:
    """Tell whether a platform is the unknown/unknown that builders write on attestations."""
    return isinstance(value, Mapping) and value.get("os") == value.get("architecture") == _UNKNOWN


def read_platform(config: bytes) -> str | None:
    """Read from an image's config what it is for; empty where it does not say, None where it is no config."""
    try:
        read = json.loads(config)
    except (ValueError, RecursionError):
        return None
    # Clients in Go take any case of the names.
    return platform_of({name.lower(): value for name, value in read.items()}) if isinstance(read, dict) else None


def is_platform(platform: str, wanted: str) -> bool:
    """Tell whether a user who writes `wanted` means this platform. Without a variant, every variant is meant."""
    wanted_os, wanted_architecture, *wanted_variant = wanted.split("/")
    wants = [wanted_os, _architecture(wanted_architecture), *map(_variant, wanted_variant)]
    os, architecture, *variant = platform.split("/")
    if not variant and architecture in _DEFAULT_VARIANTS:
        variant = [_DEFAULT_VARIANTS[architecture]]
    return [os, architecture, *variant][: len(wants)] == wants


def _architecture(word: str) -> str:
    """Write an architecture as Go names it."""
    return _ARCHITECTURES.get(word, word)


def _variant(word: str) -> str:
    """Write a variant as containerd does: `8` is `v8`."""
    return f"v{word}" if _NUMBER.fullmatch(word) else word


def _word(value: object) -> str:
    word = value.strip().lower() if isinstance(value, str) else ""
    return word if _WORD.fullmatch(word) else ""
