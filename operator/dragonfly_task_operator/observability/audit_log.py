"""Where records of the audit log go: a line of JSON each, to stdout, or to a file that is bounded in size."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from dragonfly_task_operator.errors import SettingsError
from dragonfly_task_operator.observability.logs import fields

log = logging.getLogger(__name__)

STDOUT = "-"
OLD_FILES = 4
"""Kept beside the one that is written: FILE.1, the newest, to FILE.4."""

_READABLE_BY_OWNER = 0o600


class AuditLog(Protocol):
    """Takes records."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Write one. Raises OSError: it is not there, or not all of it."""
        ...


class StreamAuditLog:
    """A stream that others collect."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a line. Raises OSError."""
        self._stream.write(_line(record))
        self._stream.flush()


class FileAuditLog:
    """A file, opened anew for each record: whoever moves it away gets a new one.

    Args:
        path: of the file, whose folder is there.
        max_bytes: of the file. Before it would grow larger it becomes FILE.1, and so on; the oldest goes.
    """

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._path, self._max_bytes = path, max_bytes

    def check(self) -> None:
        """Raises OSError where the file can't be written."""
        os.close(self._open())

    def write(self, record: Mapping[str, Any]) -> None:
        """Append a line. Raises OSError."""
        line = _line(record)
        file = self._open()
        try:
            size = os.fstat(file).st_size
            if size and size + len(line) > self._max_bytes:
                os.close(file)
                file = -1
                self._rotate()
                file, size = self._open(), 0
            if size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line  # the disk was full, or the process was killed, in the middle of the last one
            _write_all(file, line)
        finally:
            if file >= 0:
                os.close(file)

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _READABLE_BY_OWNER)

    def _rotate(self) -> None:
        for number in range(OLD_FILES, 0, -1):
            newer = self._path if number == 1 else self._old(number - 1)
            if newer.exists():
                newer.replace(self._old(number))

    def _old(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def open_audit_log(where: str, *, max_bytes: int) -> AuditLog | None:
    """Give the audit log that a setting names; None where it names none.

    Args:
        where: a file, `-` for stdout, or empty.
        max_bytes: of a file.

    Raises:
        SettingsError: the file can't be written.
    """
    if not where:
        return None
    if where == STDOUT:
        return StreamAuditLog(sys.stdout.buffer)
    file = FileAuditLog(Path(where), max_bytes=max_bytes)
    try:
        file.check()
    except OSError as error:
        raise SettingsError(
            f"setting audit_log: {where} can't be written: {error.strerror}; name a file in a folder that this process"
            " may write to, or - for stdout"
        ) from None
    return file


def keep(audit_log: AuditLog, record: Mapping[str, Any], about: Mapping[str, object]) -> None:
    """Write a record; where that can't be done, say so in the log. A run goes on without.

    Args:
        audit_log: where to.
        record: what to write.
        about: fields for the log, that say whose run it is.
    """
    try:
        audit_log.write(record)
    except OSError as error:
        log.error("audit.lost", extra=fields(**about, error=str(error)[:300]))  # noqa: TRY400 - it is no defect


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode(errors="replace") + b"\n"


def _write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
