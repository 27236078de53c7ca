"""Taking secrets out of text: query values, user info and fragments of URLs, wherever a URL turns up.

Signed URLs carry their secret in the query, and peers quote URLs in their errors. So every query value goes, not only
those with a suspicious name. What is known to be a URL is taken apart as one (`redact_url`). In other people's words
nothing says where a URL ends, or whether there is one: `redact` takes out rather too much.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

import ada_url

REDACTED = "REDACTED"

_TRIMMED = "".join(map(chr, range(0x21)))
_IGNORED = str.maketrans("", "", "\t\n\r")  # parsers of URLs leave them out, so they can stand anywhere in one

# After these schemes any number of slashes, either way round, begins an authority; after others, or none, it takes two.
_START = re.compile(r"(?P<special>(?:https?|wss?|ftp):[/\\]*)|[/\\]{2,}", re.IGNORECASE)
_END_OF_AUTHORITY = re.compile(r"[/\\?#]")
_TAIL = re.compile(r"[?#]")
# A URL, or a query, inside of another's path, encoded any number of times.
_SLASH = r"%(?:25)*(?:2F|5C)"
_NESTED = re.compile(rf"(?::{_SLASH}|%(?:25)*3A(?:{_SLASH}|[/\\])|%(?:25)*3F).*", re.IGNORECASE | re.DOTALL)
MAX_NESTED = 8
_NAME = re.compile(r"[A-Za-z0-9_.~\[\]-]{1,64}")
_RUN = re.compile(r"[^ \t\n\r\f\v]+")
_CLOSING = "\"'`<>()[]{},;:.!\\"
_SIGNS = frozenset("?@#%")


def redact_url(url: str) -> str:
    """Redact a text that is a URL, or was meant for one, whatever signs it holds.

    Of the query, names that look like names are kept. Where user info may hold signs that should have been encoded,
    everything up to the last `@` goes.
    """
    return _redact_url(url.strip(_TRIMMED).translate(_IGNORED))


def redact(text: str, urls: Iterable[str] = ()) -> str:
    """Redact every URL, whole or relative, that stands in a text.

    Args:
        text: anybody's words.
        urls: what they may quote, as it is, escaped, or normalised. Any other URL ends with white space, but what comes
            after it is taken out as well where it looks like more of a query.
    """
    if _SIGNS.isdisjoint(text):
        return text
    for spelling in sorted({each for url in urls for each in _spellings(url)}, key=len, reverse=True):
        text = text.replace(spelling, redact_url(spelling))
    in_query = False

    def redacted(run: re.Match[str]) -> str:
        nonlocal in_query
        if in_query and ("&" in run[0] or "=" in run[0]):
            return REDACTED
        found = _redact_run(run[0])
        in_query = "?" in found and found != run[0] and found[-1] not in _CLOSING
        return found

    return _RUN.sub(redacted, text)


def _spellings(url: str) -> Iterator[str]:
    yield from filter(None, (url, repr(url)[1:-1], json.dumps(url)[1:-1], json.dumps(url, ensure_ascii=False)[1:-1]))
    try:
        yield ada_url.normalize_url(url)
    except ValueError:
        return


def _redact_run(run: str) -> str:
    if _SIGNS.isdisjoint(run) or (_START.search(run) is None and "?" not in run and _NESTED.search(run) is None):
        return run  # no URL: an image's name by digest, #7, 50%
    url = run.rstrip(_CLOSING)
    return _redact_url(url) + run[len(url) :]


def _redact_url(url: str) -> str:
    """Redact a URL and those in its path, as far as any that may have user info goes."""
    done: list[str] = []
    for _ in range(MAX_NESTED):
        start, tail = _START.search(url), _TAIL.search(url)
        if "@" not in url or start is None or (tail is not None and tail.start() < start.start()):
            return "".join((*done, _redact_rest(url)))
        rest = url[start.end() :]
        hidden = _end_of_user_info(rest, is_special=start["special"] is not None)
        done.append(f"{url[: start.end()]}{REDACTED}@" if hidden else url[: start.end()])
        url = rest[hidden:]
    return "".join((*done, REDACTED))


def _end_of_user_info(rest: str, *, is_special: bool) -> int:
    """Tell how much of what follows a scheme and its slashes is, or may be, user info.

    Passwords hold slashes and question marks that should have been encoded. So what comes before a later `@` is taken
    for one where the URL can't be parsed, or its host has no dot, as names in public have; and where that `@` may as
    well stand in a query, all of it.
    """
    path = _TAIL.split(rest, maxsplit=1)[0]
    if not ada_url.check_url(f"https://{rest}"):
        return path.rfind("@") + 1 if "@" not in rest[len(path) :] else len(rest)
    authority = _END_OF_AUTHORITY.split(rest, maxsplit=1)[0]
    end = authority.rfind("@") + 1
    host = authority[end:]
    return path.rfind("@") + 1 if is_special and "." not in host and "[" not in host else end


def _redact_rest(rest: str) -> str:
    """Redact what follows the user info."""
    mark = _TAIL.search(rest)
    path, tail = (rest, "") if mark is None else (rest[: mark.start()], rest[mark.start() :])
    query, hash_, fragment = tail.partition("#")
    return f"{_NESTED.sub(REDACTED, path)}{_redact_query(query)}{hash_}{fragment and REDACTED}"


def _redact_query(query: str) -> str:
    """Redact a query, with its question mark, or nothing. What a semicolon parts may be one value, and is taken so."""
    return query[:1] + "&".join(_redact_pair(pair) for pair in query[1:].split("&"))


def _redact_pair(pair: str) -> str:
    name, _, value = pair.partition("=")
    if not pair:
        return ""
    # Without a value, or with one that is the padding of base64, the name is what is secret.
    return f"{name}={REDACTED}" if value.strip("=") and _NAME.fullmatch(name) else REDACTED


def cut(text: str, limit: int) -> str:
    """Shorten a text to at most `limit` characters, showing that something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
