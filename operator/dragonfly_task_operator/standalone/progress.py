"""How far runs are, on stderr: a bar that is drawn over on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Protocol, TextIO

from dragonfly_task_operator.api.manifests import Manifest
from dragonfly_task_operator.api.record import Record
from dragonfly_task_operator.api.specs import deletes
from dragonfly_task_operator.api.status import Status
from dragonfly_task_operator.engine.verdict import Verdict

BAR_SECONDS = 0.2
LINE_SECONDS = 5.0
"""Between two looks at a run that goes on."""

MAX_BAR = 24
"""Characters of a bar; fewer where the terminal is narrow."""

_COLUMNS = 80
"""Of a terminal that does not say."""

_ERASE = "\r\x1b[2K"


class Progress(Protocol):
    """Told how far runs are. Each line is about one run."""

    interval: float
    """Seconds between two looks."""

    def show(self, manifest: Manifest, results: Status, verdict: Verdict, *, seconds: float) -> None:
        """Say how far a run is that began so long ago."""
        ...

    def end(self, manifest: Manifest, record: Record, *, seconds: float) -> None:
        """Say what has become of an object, after so long."""
        ...


def progress_on(stream: TextIO, environment: Mapping[str, str]) -> Progress:
    """Choose what suits a stream."""
    return Bar(stream) if stream.isatty() and environment.get("TERM") != "dumb" else Lines(stream)


class Lines:
    """`Progress` for a log."""

    interval = LINE_SECONDS

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, manifest: Manifest, results: Status, verdict: Verdict, *, seconds: float) -> None:
        """Write a line; none about a run that has only just begun."""
        del results
        if seconds >= LINE_SECONDS / 2:
            _write(self._stream, f"{manifest}: {legible(verdict.message)} ({seconds:.0f} s)\n")

    def end(self, manifest: Manifest, record: Record, *, seconds: float) -> None:
        """Write a line."""
        _write(self._stream, _end(manifest, record, seconds))


class Bar:
    """`Progress` for a person at a terminal."""

    interval = BAR_SECONDS

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, manifest: Manifest, results: Status, verdict: Verdict, *, seconds: float) -> None:
        """Draw the bar over the one before."""
        _write(self._stream, _ERASE + bar(manifest, results, verdict, seconds=seconds, columns=_width(self._stream)))

    def end(self, manifest: Manifest, record: Record, *, seconds: float) -> None:
        """Put a line in the place of the bar."""
        _write(self._stream, _ERASE + _end(manifest, record, seconds))


def bar(manifest: Manifest, results: Status, verdict: Verdict, *, seconds: float, columns: int) -> str:
    """Draw a bar of a run, no wider than this; what keeps a run from going on in its place, if something does."""
    settled, _, pairs = (results.progress or "").partition("/")
    peers = results.peers
    room = columns - 1  # some terminals go to the next line where the last column is written to
    if not pairs or peers is None or verdict.is_held_up:
        return _cut(f"{manifest.name}  {legible(verdict.message)}  {seconds:.0f} s", room)
    found = f"{peers.deleted} deleted" if deletes(manifest.spec) else f"{peers.caching} caching"
    after = f"{results.progress}  {found}  {peers.failed + peers.unreachable} failed  {seconds:.0f} s"
    width = min(MAX_BAR, room - len(after) - len("  []  ") - min(len(manifest.name), 24))
    if width < 1:
        return _cut(after, room)
    full = width * int(settled) // max(int(pairs), 1)
    name = _cut(manifest.name, room - len(after) - len("  []  ") - width)
    return f"{name}  [{'#' * full}{'-' * (width - full)}]  {after}"


def legible(text: str) -> str:
    """Replace what could move a terminal's cursor, or worse: some of the words are a peer's."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _end(manifest: Manifest, record: Record, seconds: float) -> str:
    took = f" ({seconds:.1f} s)" if record.has_begun else ""
    return f"{manifest}: {record.reason}: {legible(record.message)}{took}\n"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room - 1, 0)] + "…"


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS


def _write(stream: TextIO, text: str) -> None:
    """Write; where nobody reads any more, the runs go on all the same."""
    with contextlib.suppress(OSError):
        stream.write(text)
        stream.flush()
