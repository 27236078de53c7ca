"""What a dfdaemon takes for a task's URL: the text that goes into the task's id, by the rule of each client version.

Peers parse with the Rust crate `url` 2.5, which follows the WHATWG standard but for a few details of 2.5.4 that `parse`
makes up for. The rules were read in the sources of dragonfly-client-util 1.5.10 (new) and 1.5.1 (legacy), and this
module compared with both on random URLs. Ids, options and candidates are `task_ids.py`'s.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from unicodedata import normalize
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

import ada_url

from dragonfly_task_operator.errors import InvalidTarget
from dragonfly_task_operator.observability.redaction import redact_url

_TRIMMED = "".join(map(chr, range(0x21)))  # what the standard cuts off at both ends
_IGNORED = str.maketrans("", "", "\t\n\r")  # and leaves out everywhere

# A URL that was trimmed, taken apart as far as the corrections need it. The standard calls these schemes special; hf:,
# s3: and the like are none. No peer downloads from file:, which has rules of its own and is left to the library.
_SPECIAL = re.compile(
    r"(?P<start>(?:https?|wss?|ftp):[/\\]*(?:[^/\\?#]*@)?)(?P<host>[^/\\?#@]*)(?P<path>[^?#]*)",
    re.ASCII | re.IGNORECASE,
)
_OTHER = re.compile(r"(?!file:)[^:]*:(?://[^/?#]*)?(?P<path>[^?#]*)", re.ASCII | re.IGNORECASE)
_KEPT_IN_PATH = "!$%&'()*+,/:;=@[\\]^|"  # and what quote() always keeps: A-Za-z0-9_.-~
_DRIVE_LETTER = re.compile(r"[A-Za-z][:|](?:\\|\Z)")


@dataclass(frozen=True, slots=True)
class PeerURL:
    """A URL as a peer's parser takes it apart. `query` and `fragment` are None where there are none, not even empty."""

    before_path: str
    path: str
    query: str | None
    fragment: str | None

    def __str__(self) -> str:
        query = "" if self.query is None else f"?{self.query}"
        fragment = "" if self.fragment is None else f"#{self.fragment}"
        return f"{self.before_path}{self.path}{query}{fragment}"

    def pairs(self) -> list[tuple[str, str]]:
        """Decode the query as a form: bytes that are no UTF-8 become U+FFFD, an escape that is none stays as it is."""
        return parse_qsl(self.query or "", keep_blank_values=True, errors="replace")


def parse(url: str) -> PeerURL:
    """Parse and normalise a URL as peers do; `str()` of the answer is what dfget makes of it before it asks.

    Raises:
        InvalidTarget: peers refuse it.
    """
    given = url.strip(_TRIMMED).translate(_IGNORED)
    special = _SPECIAL.match(given)
    if special and not given.isascii() and "%" not in special["host"]:
        # The library composes some accents wrongly, unless it is spared the work. (It would join the E of %7E.)
        given = f"{special['start']}{normalize('NFC', special['host'])}{given[special.end('host') :]}"
        special = _SPECIAL.match(given)
    try:
        parsed = ada_url.parse_url(given, attributes=("href", "hostname", "pathname"))
    except ValueError:
        raise _refused(url, "it can't be parsed") from None
    if special and "xn--" in parsed["hostname"]:
        _check_international(url, parsed["hostname"])
    before_fragment, hash_, fragment = parsed["href"].partition("#")
    before_query, mark, query = before_fragment.partition("?")
    path = parsed["pathname"]
    parts = special or _OTHER.match(given)
    return PeerURL(
        before_path=before_query.removesuffix(path),
        path=_path(parts["path"], special=special is not None) if parts and path.startswith("/") else path,
        query=query if mark else None,
        fragment=fragment if hash_ else None,
    )


def new_rule_url(url: str, filtered_query_params: Collection[str]) -> str:
    """Give what clients from 1.5.3 on take for a URL.

    Without names to filter that is the URL itself, to the byte, even one that can't be parsed. Otherwise its query is
    written anew, sorted by name; a piece of the query that holds a semicolon is dropped, as Go's parser does it; and a
    URL without a slash after its authority is left without a path.

    Raises:
        InvalidTarget: there are names to filter, and peers refuse the URL.
    """
    if not filtered_query_params:
        return url
    parsed = parse(url)
    pieces = (piece for piece in (parsed.query or "").split("&") if ";" not in piece)
    pairs = _unfiltered(replace(parsed, query="&".join(pieces)), filtered_query_params)
    pairs.sort(key=lambda pair: pair[0])
    # quote_plus keeps A-Za-z0-9_.-~ and writes a space as +: Go's query escaping.
    query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    return str(replace(parsed, path="" if _has_no_path(url) else parsed.path, query=query or None))


def legacy_rule_url(url: str, filtered_query_params: Collection[str]) -> str:
    """Give what clients up to 1.5.2 take for a URL.

    It is always parsed, and its query written anew in its own order. The slash of an empty path is cut off where the
    whole URL ends with one.

    Raises:
        InvalidTarget: peers refuse the URL.
    """
    parsed = parse(url)
    pairs = _unfiltered(parsed, filtered_query_params)
    # The standard's own form serialisation keeps `*` and encodes `~`; urlencode has it the other way round.
    query = urlencode(pairs, safe="*").replace("~", "%7E")
    form = str(replace(parsed, query=query or None))
    return form.rstrip("/") if parsed.path == "/" else form


def _unfiltered(url: PeerURL, filtered_query_params: Collection[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in url.pairs() if name not in filtered_query_params]


def _has_no_path(url: str) -> bool:
    """Tell whether the new rule sees no path in a URL as given: no `/` from the first `://` up to `?` or `#`."""
    _, authority, rest = url.partition("://")
    return bool(authority) and "/" not in re.split(r"[?#]", rest, maxsplit=1)[0]


def _path(given: str, *, special: bool) -> str:
    """Write a path as peers do.

    They leave `^` as it is, and let `..` not take away a segment that looks like a drive letter (`/c:/..`) under any
    scheme, where the standard says so of file: only.
    """
    segments: list[str] = []
    *directories, last = (given.replace("\\", "/") if special else given).removeprefix("/").split("/")
    for segment in directories:
        _step(segments, segment)
    if not _step(segments, last):
        segments.append("")
    return quote("/" + "/".join(segments), safe=_KEPT_IN_PATH)


def _step(segments: list[str], segment: str) -> bool:
    """Follow one segment of a path. Tells whether it is still there."""
    dots = segment.lower().replace("%2e", ".")
    if dots == "..":
        if segments and not _DRIVE_LETTER.match(segments[-1]):
            segments.pop()
        return False
    if dots == ".":
        return False
    segments.append(segment)
    return True


def _check_international(url: str, hostname: str) -> None:
    """Refuse a host with an `xn--` label that encodes no name, as peers do: the library lets it pass."""
    for label in hostname.split("."):
        if not label.startswith("xn--"):
            continue
        try:
            decoded = label.removeprefix("xn--").encode().decode("punycode")
            good = not decoded.isascii() and ada_url.idna.encode(decoded).decode() == label
        except UnicodeError:
            good = False
        if not good:
            raise _refused(url, f"{label} in its host is no international name")


def _refused(url: str, why: str) -> InvalidTarget:
    return InvalidTarget(
        f"the URL {redact_url(url)!r} names no task: {why}; give an absolute URL that a peer could download, as in"
        " https://example.com/model.bin"
    )
