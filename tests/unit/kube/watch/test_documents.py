"""Lists that arrive in pieces, cut anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragonfly_task_operator.kube.watch.documents import MalformedDocument, read_list


async def read(data: bytes, size: int) -> tuple[list[Any], dict[str, Any]]:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]

    async def next_piece() -> bytes:
        return pieces.pop(0) if pieces else b""

    rest: dict[str, Any] = {}
    return [item async for item in read_list(next_piece, rest)], rest


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)  # a busy machine is no defect
@given(
    items=st.lists(VALUES, max_size=4),
    others=st.tuples(VALUES, VALUES),
    size=st.integers(1, 40),
    indent=st.none() | st.integers(0, 2),
    ascii_only=st.booleans(),
)
async def test_list_is_read_as_it_was_written(
    items: list[Any], others: tuple[Any, Any], size: int, indent: int | None, ascii_only: bool
) -> None:
    before, after = others
    document = {"before": before, "items": items, "metadata": after}
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    if b"\xed" in text:  # half of a pair is no UTF-8
        return

    assert await read(text, size) == (items, {"before": before, "metadata": after})


async def test_list_of_nothing_may_be_null() -> None:
    assert await read(b'{"items":null,"kind":"L"}', 5) == ([], {"items": None, "kind": "L"})


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html><body>502 Bad Gateway</body></html>",
        b"[]",
        b"null",
        b'{"items":[{"a":1}',
        b'{"items":[{"a":1},',
        b'{"items":[{"a":1};{"a":2}]}',
        b'{"items":[{"a":1}] "kind":"L"}',
        b'{"items":[{"a":}]}',
        b'{"items":[\xff\xfe]}',
        b'{"items"',
        b'{"items":[' + b"[" * 5000,
        b'{"metadata":' * 5000,
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_what_is_no_list_is_told(text: bytes, size: int) -> None:
    with pytest.raises(MalformedDocument):
        await read(text, size)


async def test_no_more_is_read_than_the_object_at_hand_needs() -> None:
    item = json.dumps({"status": "x" * 100_000}).encode()
    pieces = [b'{"items":[', *[item + b"," for _ in range(100)], item + b"]}"]
    read_so_far = 0

    async def next_piece() -> bytes:
        nonlocal read_so_far
        read_so_far += 1
        return pieces.pop(0) if pieces else b""

    async for _ in read_list(next_piece, {}):
        break

    assert read_so_far <= 3
