"""URLs that users and servers write: requested byte for byte as they were written, and compared by what they lead to.

A URL may be signed, and a signature is over its bytes: so nothing is decoded, encoded anew or put in order here. What
can't stand in a request line (spaces, letters outside of ASCII) is percent-encoded, as browsers do it.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

from yarl import URL

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_URL = re.compile(
    r"(?P<scheme>https?)://(?:(?P<user>[^/?#]*)@)?(?P<host>\[[^\]/?#]*\]|[^:/?#@]*)(?::(?P<port>[0-9]{0,5}))?(?P<rest>(?:[/?][^#]*)?)(?:#.*)?",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_DOTS = re.compile(r"\.\.?/")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNWRITABLE = re.compile(r"[^\x21-\x7e]")
_MAX_NAME = 253
_MAX_PORT = 65535


def as_written(text: str) -> URL:
    """Read an absolute URL. What follows a `#` is for no server, and left out.

    Raises:
        ValueError: it is none, or its host or port can't be connected to. Never with anything out of it.
    """
    found = _URL.fullmatch(text)
    if found is None and _SCHEME.match(text) and not re.match("https?:", text, re.IGNORECASE):
        # Of another scheme: whoever checks what may be contacted says so.
        return URL.build(scheme=text.partition(":")[0].lower(), path="")
    if found is None or _CONTROL.search(text):
        raise ValueError("no URL")
    port = int(found["port"] or 0)
    if (found["port"] and not port) or port > _MAX_PORT:
        raise ValueError("no port that can be connected to")
    user = "" if found["user"] is None else "user@"  # refused where it is checked, and so of no further use
    written = f"{found['scheme'].lower()}://{user}{_host(found['host'])}{f':{port}' if port else ''}"
    return URL(written + _UNWRITABLE.sub(_percent_encoded, found["rest"]), encoded=True)


def follow(base: URL, location: str) -> URL:
    """Tell where a server at `base` sends whoever asks. Raises ValueError where that is no URL."""
    location = location.strip(" \t")
    if _SCHEME.match(location):
        return as_written(location)
    if not location:
        raise ValueError("no URL")
    if location.startswith("//"):
        return as_written(f"{base.scheme}:{location}")
    origin = f"{base.scheme}://{base.raw_authority}"
    if location.startswith("/"):
        return as_written(origin + location)
    if location.startswith("?"):
        return as_written(origin + base.raw_path + location)
    folder = base.raw_path.rpartition("/")[0]
    while step := _DOTS.match(location):
        folder = folder.rpartition("/")[0] if step[0].startswith("..") else folder
        location = location[step.end() :]
    return as_written(f"{origin}{folder}/{location}")


def canonical_host(url: URL) -> str:
    """Give a URL's host as every spelling of it is compared: in lower case, without the dot of the root."""
    host = (url.raw_host or "").rstrip(".").lower()
    return f"[{host}]" if ":" in host else host


def authority(url: URL) -> str:
    """Give HOST[:PORT], in the spelling that is compared: the default port of the scheme is none."""
    port = "" if url.is_default_port() or url.port is None else f":{url.port}"
    return f"{canonical_host(url)}{port}"


def is_same_server(one: URL, other: URL) -> bool:
    """Tell whether two URLs lead to the same scheme, host and port."""
    return (one.scheme, authority(one)) == (other.scheme, authority(other))


def _host(text: str) -> str:
    if text.startswith("["):
        if "%" in text:
            raise ValueError("an address within one link")
        return f"[{IPv6Address(text[1:-1])}]"
    name = text if text.isascii() else URL.build(scheme="http", host=text).raw_host or ""
    labels = name.removesuffix(".").split(".")
    if len(name) > _MAX_NAME + 1 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("no host")
    if _NUMBER.fullmatch(labels[-1]) and not _is_ipv4(name):
        # No name ends in a number: some libraries take it for an address (127.1), others for nothing.
        raise ValueError("neither a name nor an address")
    # A label that says that it is encoded may not be: the library that connects finds out, and later.
    URL.build(scheme="http", host=name).host  # noqa: B018
    return name


def _is_ipv4(name: str) -> bool:
    try:
        IPv4Address(name.removesuffix("."))
    except ValueError:
        return False
    return True


def _percent_encoded(found: re.Match[str]) -> str:
    return quote(found[0], errors="surrogateescape")
