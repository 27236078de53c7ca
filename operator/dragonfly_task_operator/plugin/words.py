"""Times, sizes and counts as people read them; and others' words without what a terminal would obey."""

from __future__ import annotations

from datetime import datetime

_AGES = ((2 * 60, 1, "s"), (3 * 3600, 60, "m"), (2 * 86400, 3600, "h"), (2 * 365 * 86400, 86400, "d"))
"""(up to how many seconds, of how many seconds the unit is, its sign): 119s, but 2m after two minutes."""
_KILO = 1024
_SIZES = ("KiB", "MiB", "GiB", "TiB")


def plain(text: str) -> str:
    """Put a text into one line, and show signs that a terminal would obey, or not show, as what they are: none."""
    return visible(" ".join(text.split()))


def visible(text: str) -> str:
    """Do the second only: spaces are as they were set."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def age(since: datetime | None, now: datetime) -> str:
    """Tell how long ago something was, as kubectl does: 5s, 12m, 3h, 2d; a dash where nobody knows."""
    if since is None:
        return "-"
    return duration((now - since).total_seconds())


def duration(seconds: float) -> str:
    """Tell how long something took."""
    left = max(int(seconds), 0)
    for limit, size, unit in _AGES:
        if left < limit:
            return f"{left // size}{unit}"
    return f"{left // (365 * 86400)}y"


def bytes_of(count: int) -> str:
    """Tell a size: 512 B, 28.0 MiB."""
    if count < _KILO:
        return f"{count} B"
    power = min((count.bit_length() - 1) // 10, len(_SIZES))
    return f"{count / _KILO**power:.1f} {_SIZES[power - 1]}"


def counted(count: int, what: str) -> str:
    """Tell how many, in one or many: 1 peer, 2 peers."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
