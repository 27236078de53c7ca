"""Taking secrets out of text: query values and user info of URLs, wherever a URL turns up.

Signed URLs carry their secret in the query, and peers quote URLs in their errors. So every query value goes, not only
those with a suspicious name.
"""

from __future__ import annotations

import re

REDACTED = "REDACTED"

_USER_INFO = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
_QUERY = re.compile(r"\?[^\s\"'<>#]*")
_PAIR = re.compile(r"([^?&;=]+)=[^&;]*")


def redact(text: str) -> str:
    """Replace query values and user info in every URL, whole or relative, that stands in a text."""
    if "?" in text:
        text = _QUERY.sub(lambda query: _PAIR.sub(rf"\1={REDACTED}", query[0]), text)
    if "@" in text:
        text = _USER_INFO.sub(f"{REDACTED}@", text)
    return text


def cut(text: str, limit: int) -> str:
    """Shorten a text to at most `limit` characters, showing that something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
