"""Logs: one line an event, as text or JSON, on stderr, with every value redacted.

An event has a name and fields, not prose: `log.info("run.started", extra=fields(object=ref, run=key))`. Which there are
is a promise, docs/logs.md, and a test holds both to it.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from dragonfly_task_operator.observability.redaction import redact

LogFormat: TypeAlias = Literal["text", "json"]
LogLevel: TypeAlias = Literal["info", "debug"]

MAX_TASKS = 10
"""Ids of tasks in a line."""

_FIELDS = "fields"


def fields(**values: object) -> dict[str, object]:
    """Give an event its fields, for `extra`. Lists and numbers stay what they are; the rest is written as text."""
    return {_FIELDS: values}


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        lines = redact(super().format(record)).split("\n", 1)
        # Each by itself: where a URL ends is plain as long as nothing stands behind it.
        lines[0] += "".join(f" {name}={_quoted(_redacted(value))}" for name, value in _fields_of(record).items())
        return "\n".join(lines)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact(record.getMessage()),
            **{name: _redacted(value) for name, value in _fields_of(record).items()},
        }
        if record.exc_info:
            event["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(event, ensure_ascii=False)


def _fields_of(record: logging.LogRecord) -> Mapping[str, object]:
    found = getattr(record, _FIELDS, {})
    return found if isinstance(found, Mapping) else {}


def _redacted(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value if isinstance(value, int | float | None) else redact(str(value))


def _quoted(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(mark in text for mark in ' "=\n') else text


def set_up(log_format: LogFormat, level: LogLevel) -> None:
    """Send logs to stderr: the operator's from this level on, libraries' from warning."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if log_format == "json" else _Text("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("dragonfly_task_operator").setLevel(level.upper())
    # Whatever becomes of Kopf is told by its supervisor, in a line and not each second.
    logging.getLogger("kopf").setLevel(logging.CRITICAL)
