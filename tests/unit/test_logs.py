"""What a line of the log is."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from dragonfly_task_operator.observability import logs
from dragonfly_task_operator.observability.logs import fields

log = logging.getLogger("dragonfly_task_operator.test")

SIGNED = "https://example.com/x?X-Amz-Signature=planted"


@pytest.fixture(autouse=True)
def root_logger_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level


def test_json_line_has_each_field_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json", "info")

    log.info("run.finished", extra=fields(object="TaskSearch a/b", peers=3, seconds=0.5, tasks=["a1", "b2"], run=None))

    line = json.loads(capsys.readouterr().err)
    del line["time"]
    assert line == {
        "level": "info",
        "logger": "dragonfly_task_operator.test",
        "event": "run.finished",
        "object": "TaskSearch a/b",
        "peers": 3,
        "seconds": 0.5,
        "tasks": ["a1", "b2"],
        "run": None,
    }


def test_text_line_has_the_fields_after_the_event(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("text", "info")

    log.info("run.finished", extra=fields(object="TaskSearch a/b", peers=3, tasks=["a1", "b2"]))

    assert capsys.readouterr().err.endswith('run.finished object="TaskSearch a/b" peers=3 tasks=a1,b2\n')


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_gets_into_a_line(capsys: pytest.CaptureFixture[str], log_format: logs.LogFormat) -> None:
    logs.set_up(log_format, "info")

    log.error("said %s", SIGNED, extra=fields(url=SIGNED, urls=[SIGNED]), exc_info=ValueError(SIGNED))

    lines = capsys.readouterr().err
    assert "planted" not in lines
    assert lines.count("X-Amz-Signature=REDACTED") == 4


def test_libraries_are_heard_from_warnings_on(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json", "info")

    logging.getLogger("aiohttp").info("chatter")
    logging.getLogger("aiohttp").warning("trouble")
    logging.getLogger("kopf").error("what the supervisor of watches tells in its own words")

    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["trouble"]


@pytest.mark.parametrize(("level", "heard"), [("info", ["told"]), ("debug", ["asked for", "told"])])
def test_operator_is_heard_from_the_level_on_that_was_asked_for(
    capsys: pytest.CaptureFixture[str], level: logs.LogLevel, heard: list[str]
) -> None:
    logs.set_up("json", level)

    log.debug("asked for")
    log.info("told")
    logging.getLogger("aiohttp").debug("chatter")

    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == heard
