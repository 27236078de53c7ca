"""A list of objects, read one object at a time: no more of it is in memory than the object that is being read.

A page of 500 objects with statuses of 132 KiB is 66 MB of text and several times that as Python's objects. The text
stays where it comes from, in the connection, until it is asked for.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

CHUNK_BYTES = 1 << 16
MAX_VALUE = 1 << 26
"""Characters of one object: far more than etcd takes. What goes on for longer is no list."""

_SPACE = " \t\r\n"
_ENDS = tuple(",]}" + _SPACE)


class MalformedDocument(ValueError):
    """This is no list of objects."""


class _Text:
    """JSON that arrives piecemeal."""

    def __init__(self, read: Callable[[], Awaitable[bytes]]) -> None:
        self._read = read
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at = "", 0
        self._parse = json.JSONDecoder().raw_decode

    async def value(self) -> Any:
        """Read one value."""
        await self.peek()
        while True:
            try:
                value, end = self._parse(self._text, self._at)
            except RecursionError:
                raise MalformedDocument("it is nested too deeply") from None
            except ValueError as error:
                # Cut off, most likely. As much again each time, so that the tries together cost what the last one does.
                pending = len(self._text) - self._at
                if pending > MAX_VALUE or not await self._more(max(pending, CHUNK_BYTES)):
                    raise MalformedDocument(str(error)) from None
                continue
            # The first digits of a number are a number, too.
            is_whole = not isinstance(value, int | float) or self._text[end : end + 1] in _ENDS
            if is_whole or not await self._more(1):
                self._at = end
                return value

    async def peek(self) -> str:
        """Tell the next character that is no space."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not await self._more(1):
                raise MalformedDocument("it ends too early")

    async def take(self, *expected: str) -> str:
        """Read the next character, which has to be one of these."""
        found = await self.peek()
        if found not in expected:
            raise MalformedDocument(f"{found!r} where {' or '.join(expected)} should be")
        self._at += 1
        return found

    async def _more(self, least: int) -> bool:
        parts, size = [self._text[self._at :]], 0
        while size < least:
            data = await self._read()
            if not data:
                break
            try:
                parts.append(self._decoder.decode(data))
            except UnicodeDecodeError as error:
                raise MalformedDocument(str(error)) from None
            size += len(data)
        if not size:
            return False
        self._text, self._at = "".join(parts), 0
        return True


async def read_list(read: Callable[[], Awaitable[bytes]], rest: dict[str, Any]) -> AsyncIterator[Any]:
    """Read a list, one object at a time.

    Args:
        read: gives the next bytes; none at the end.
        rest: is given what else the list has: `metadata`, `kind` and so on.

    Raises:
        MalformedDocument: this is no list of objects.
    """
    text = _Text(read)
    await text.take("{")
    while True:
        name = await text.value()
        await text.take(":")
        if name == "items" and await text.peek() == "[":
            await text.take("[")
            if await text.peek() == "]":
                await text.take("]")
            else:
                yield await text.value()
                while await text.take(",", "]") == ",":
                    yield await text.value()
        else:
            rest[str(name)] = await text.value()
        if await text.take(",", "}") == "}":
            return
