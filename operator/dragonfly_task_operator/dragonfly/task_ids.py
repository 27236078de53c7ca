"""Task ids as dfdaemons calculate them: the rule of a peer's own client version is the one that counts.

A task's id is the SHA-256 of its URL, tag, application, revision, piece length and the word STANDARD, with nothing in
between. What is taken for its URL differs between clients: those from 1.5.3 on follow the new rule, those up to 1.5.1
the old one, and both are in the field, sometimes in one cluster. So a URL has candidates, and peers are asked for all.
URLs are parsed by the WHATWG standard, as the peers do; Python's urllib differs from it in dozens of ways.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote_plus, urlencode

import ada_url

from dragonfly_task_operator.engine.model import Identity
from dragonfly_task_operator.errors import InvalidTarget

DEFAULT_FILTERED_QUERY_PARAMS: tuple[str, ...] = (
    *(
        f"X-Amz-{name}"
        for name in (
            "Algorithm",
            "Credential",
            "Date",
            "Expires",
            "SignedHeaders",
            "Signature",
            "Security-Token",
            "User-Agent",
        )
    ),
    *(f"X-Goog-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")),
    *("OSSAccessKeyId", "Expires", "Signature", "SecurityToken"),
    *("AccessKeyId", "X-Obs-Date", "X-Obs-Security-Token"),
    *("q-sign-algorithm", "q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list", "q-signature"),
    *("x-cos-security-token", "ns"),
)
"""What dfget and the proxy filter when they are given no list: parameters that sign a URL for a while."""

_AUTHORITY_ONLY = re.compile(r"^\s*[A-Za-z][A-Za-z0-9+.-]*:[/\\]{2}[^/\\?#]*(?=[?#]|\s*$)")
_BLOB_DIGEST = re.compile(r"/blobs/sha256:([^/?#]{64})(?:[?#]|$)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An id that a task may have, and the rule that makes it."""

    task_id: str
    identity: Identity


def url_candidates(
    url: str,
    *,
    tag: str = "",
    application: str = "",
    revision: str = "",
    piece_length: int | None = None,
    filtered_query_params: Sequence[str] | None = None,
) -> tuple[Candidate, ...]:
    """Give every id that the download of a URL can have, each once, the new rule's first.

    Args:
        url: as the user gave it. dfget normalises it before it asks, downloads through gRPC or the proxy do not.
        tag: as the download was given it; empty for none, as the next two.
        application: likewise.
        revision: likewise.
        piece_length: bytes, when it was asked for explicitly.
        filtered_query_params: None for Dragonfly's default list.

    Raises:
        InvalidTarget: the URL is none that a peer would take.
    """
    filtered = DEFAULT_FILTERED_QUERY_PARAMS if filtered_query_params is None else filtered_query_params
    normalised = str(_parse_whole(url).href)
    rest = f"{tag}{application}{revision}{'' if piece_length is None else piece_length}STANDARD"
    forms = (
        (new_rule_url(url, filtered), Identity.URL),
        (new_rule_url(normalised, filtered), Identity.URL),
        (old_rule_url(url, filtered), Identity.URL_LEGACY),
    )
    found: dict[str, Candidate] = {}
    for form, identity in forms:
        task_id = _sha256(form + rest)
        found.setdefault(task_id, Candidate(task_id, identity))
    return tuple(found.values())


def content_candidates(content: str) -> tuple[Candidate, ...]:
    """Give the id of a download that was given content to calculate its id from: all else is ignored."""
    return (Candidate(_sha256(content), Identity.CONTENT),)


def task_id_candidates(task_id: str) -> tuple[Candidate, ...]:
    """Give an id that is given as it is."""
    return (Candidate(task_id, Identity.TASK_ID),)


def blob_digest_id(url: str) -> str:
    """Give the id of a blob of an image where task ids are based on blob digests: the digest, without its algorithm.

    Raises:
        InvalidTarget: the URL has no SHA-256 digest of 64 characters.
    """
    match = _BLOB_DIGEST.search(url)
    if match is None:
        raise InvalidTarget(f"the blob URL {url!r} has no digest of 64 digits, as in .../blobs/sha256:<64 hex digits>")
    return match[1]


def new_rule_url(url: str, filtered: Sequence[str]) -> str:
    """Give what clients 1.5.3 and later take for a URL. Raises InvalidTarget."""
    if not filtered:
        return url
    parsed = _parse(url)
    # A piece with a semicolon is dropped, not split there.
    pieces = "&".join(piece for piece in parsed.query.split("&") if ";" not in piece)
    names = set(filtered)
    pairs = sorted((pair for pair in _pairs(pieces) if pair[0] not in names), key=lambda pair: pair[0].encode())
    # Each part keeps only A-Za-z0-9-._~, which is what quote_plus keeps.
    parsed.query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    if _AUTHORITY_ONLY.match(url) and parsed.pathname == "/":
        parsed.pathname = ""
    return parsed.href


def old_rule_url(url: str, filtered: Sequence[str]) -> str:
    """Give what clients 1.5.1 and earlier take for a URL. Raises InvalidTarget."""
    parsed = _parse(url)
    names = set(filtered)
    pairs = [pair for pair in _pairs(parsed.query) if pair[0] not in names]
    # The standard's own serialisation keeps `*`, and encodes `~`, which urlencode has the other way round.
    parsed.query = urlencode(pairs, safe="*").replace("~", "%7E")
    return parsed.href.rstrip("/") if parsed.pathname == "/" and parsed.href.endswith("/") else parsed.href


class _Url:
    """A parsed URL whose parts can be changed and put together again."""

    def __init__(self, parsed: ada_url.URL) -> None:
        self.pathname = str(parsed.pathname)
        self.query = str(parsed.search)[1:]
        self.fragment = str(parsed.hash)
        before_fragment = str(parsed.href).partition("#")[0]
        # What stands before the path, whatever the scheme: user info, host and port as the parser writes them.
        self.start = before_fragment.partition("?")[0].removesuffix(self.pathname)

    @property
    def href(self) -> str:
        """The whole URL."""
        return f"{self.start}{self.pathname}{'?' if self.query else ''}{self.query}{self.fragment}"


def _parse(url: str) -> _Url:
    return _Url(_parse_whole(url))


def _parse_whole(url: str) -> ada_url.URL:
    try:
        return ada_url.URL(url)
    except ValueError:
        raise InvalidTarget(
            f"the URL {url!r} can't be parsed; it must be absolute, as in https://example.com/model.bin"
        ) from None


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=None)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
