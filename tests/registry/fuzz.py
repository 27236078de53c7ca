"""What registries, token servers and people might send: hypothesis strategies, near what is right and far from it."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

_HEADER = st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")
LINES = st.text(_HEADER, max_size=80).map(str.strip)
"""Whatever can stand in a header."""

JSON: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)

_HOSTS = st.sampled_from(
    ["r.example.com", "registry..example.com", "127.0.0.1", "169.254.169.254", "[::1]", "[::1", "xn--a", "a" * 70,
     "bücher.de", "h%41", "user:pw@r.example.com", "", ".", "r.example.com.", "10.0.0.1", "2130706433", "\\", "a b"]
) | st.text(max_size=12)  # fmt: skip
_PORTS = st.sampled_from(["", ":", ":0", ":443", ":5000", ":99999", ":-1", ":x", ":" + "9" * 40])
_SCHEMES = st.sampled_from(
    ["https://", "http://", "HTTPS://", "//", "", "/", "ftp://", "https:", "file:///", "?", "../"]
)
URLS = st.builds(
    lambda scheme, host, port, rest: f"{scheme}{host}{port}{rest}",
    _SCHEMES,
    _HOSTS,
    _PORTS,
    st.sampled_from(["", "/", "/f?a=%2F&b", "/a b", "#f", "?x", "/%", "/%zz"])
    | st.text(max_size=12).map(lambda t: f"/{t}"),
)
"""Locations and realms."""


def headers(text: SearchStrategy[str]) -> SearchStrategy[str]:
    """Make what can be sent as a header of anything."""
    return text.map(lambda value: value.encode("utf-8", "replace").decode("latin-1")).map(
        lambda value: "".join(c for c in value if c == "\t" or (c >= " " and c != "\x7f"))
    )


_PARAMETER = st.builds(
    lambda name, sign, value: f"{name}{sign}{value}",
    st.sampled_from(["realm", "service", "scope", "REALM", "error", "x", ""]),
    st.sampled_from(["=", " = ", "", "=="]),
    st.builds(lambda url: f'"{url}"', URLS) | st.sampled_from(['"', '""', "token", '"a\\"b,c"', "'", "abc=="]) | URLS,
)
_CHALLENGE = st.builds(
    lambda scheme, gap, parameters: f"{scheme}{gap}{','.join(parameters)}",
    st.sampled_from(["Bearer", "bEARER", "Basic", "Negotiate", "Digest", "X-Y", "", "Bearer Bearer"]),
    st.sampled_from([" ", "", "\t", "  ", ","]),
    st.lists(_PARAMETER, max_size=4),
)
CHALLENGES = st.lists(headers(_CHALLENGE | LINES), max_size=4)
"""Lines of WWW-Authenticate."""

_BASE64 = st.binary(max_size=30).map(lambda raw: base64.b64encode(raw).decode()) | st.text(max_size=20)
_ENTRY = (
    st.fixed_dictionaries(
        {},
        optional={
            "auth": _BASE64 | JSON,
            "username": st.text(max_size=10) | JSON,
            "password": st.text(max_size=10) | JSON,
            "identitytoken": st.text(max_size=10) | JSON,
            "registrytoken": st.text(max_size=10) | JSON,
        },
    )
    | JSON
)
ENTRIES = st.dictionaries(URLS | st.sampled_from(["r.example.com", "*.example.com"]), _ENTRY, max_size=4)
DOCKER_CONFIGS = (
    st.fixed_dictionaries({}, optional={"auths": ENTRIES | JSON, "credsStore": JSON, "credHelpers": ENTRIES | JSON})
    .map(json.dumps)
    .map(str.encode)
    | JSON.map(json.dumps).map(str.encode)
    | st.binary(max_size=60)
)

_TOKENS = st.fixed_dictionaries(
    {}, optional={"token": JSON | st.just("t0ken"), "access_token": JSON, "expires_in": JSON}
)
TOKEN_ANSWERS = _TOKENS.map(json.dumps).map(str.encode) | st.binary(max_size=40)
STATUSES = st.sampled_from(
    [200, 200, 200, 201, 204, 206, 301, 302, 307, 308, 400, 401, 401, 403, 404, 407, 429, 500, 503]
)
