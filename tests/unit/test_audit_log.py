"""Where records go: whole lines, in files of a bounded size, or a word of why not."""

from __future__ import annotations

import io
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from dragonfly_task_operator.api.audit import AuditRecord
from dragonfly_task_operator.errors import SettingsError
from dragonfly_task_operator.observability import audit_log
from dragonfly_task_operator.observability.audit_log import FileAuditLog, StreamAuditLog, keep, open_audit_log

DOCUMENT = Path(__file__).parents[2] / "docs" / "audit.md"


def record(number: int) -> dict[str, Any]:
    return {"logger": "audit", "number": number, "word": "ü" * 40}


def numbers(path: Path) -> list[int]:
    return [json.loads(line)["number"] for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.log"


def test_record_is_a_line_and_follows_those_before(path: Path) -> None:
    for number in range(3):
        FileAuditLog(path, max_bytes=1 << 20).write(record(number))

    assert numbers(path) == [0, 1, 2]


def test_file_is_its_owners_alone(path: Path) -> None:
    FileAuditLog(path, max_bytes=1 << 20).write(record(0))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_file_does_not_grow_over_its_bound_and_some_old_ones_are_kept(path: Path) -> None:
    log = FileAuditLog(path, max_bytes=400)
    for number in range(20):
        log.write(record(number))

    files = sorted(path.parent.iterdir(), reverse=True)
    assert [file.name for file in files] == [*(f"audit.log.{number}" for number in (4, 3, 2, 1)), "audit.log"]
    assert all(file.stat().st_size <= 400 for file in files)
    kept = [number for file in files for number in numbers(file)]
    assert kept == list(range(20 - len(kept), 20))


def test_record_that_is_larger_than_a_file_may_be_has_one_for_itself(path: Path) -> None:
    log = FileAuditLog(path, max_bytes=10)
    for number in range(2):
        log.write(record(number))

    assert (numbers(path), numbers(path.with_name("audit.log.1"))) == ([1], [0])


def test_file_that_somebody_moved_away_is_begun_anew(path: Path) -> None:
    log = FileAuditLog(path, max_bytes=1 << 20)
    log.write(record(0))
    path.rename(path.with_name("moved"))
    log.write(record(1))

    assert (numbers(path), numbers(path.with_name("moved"))) == ([1], [0])


def test_line_that_was_cut_off_spoils_no_other(path: Path) -> None:
    path.write_text('{"number": 0}\n{"numb')
    FileAuditLog(path, max_bytes=1 << 20).write(record(1))

    assert [json.loads(line)["number"] for line in path.read_text().splitlines() if line.endswith("}")] == [0, 1]


def test_stream_gets_whole_lines() -> None:
    stream = io.BytesIO()
    StreamAuditLog(stream).write(record(0))
    assert json.loads(stream.getvalue()) == record(0)
    assert stream.getvalue().endswith(b"\n")


def test_record_that_cannot_be_kept_is_told_of_in_the_log(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = FileAuditLog(path, max_bytes=1 << 20)
    path.mkdir()

    keep(log, record(0), {"object": "TaskDeletion a/b"})

    (told,) = caplog.records
    assert (told.getMessage(), told.levelname) == ("audit.lost", "ERROR")
    assert told.__dict__["fields"]["object"] == "TaskDeletion a/b"


def test_stream_that_is_closed_is_told_of_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb", buffering=0) as stream:
        keep(StreamAuditLog(stream), record(0), {})

    assert [told.getMessage() for told in caplog.records] == ["audit.lost"]


def test_no_audit_log_is_kept_unless_asked_for() -> None:
    assert open_audit_log("", max_bytes=1) is None


def test_stdout_is_a_place_for_it() -> None:
    assert isinstance(open_audit_log("-", max_bytes=1), StreamAuditLog)


@pytest.mark.parametrize("where", ["missing/audit.log", "."])
def test_file_that_cannot_be_written_is_told_at_once(tmp_path: Path, where: str) -> None:
    with pytest.raises(SettingsError, match=r"^setting audit_log: .* can't be written: .*; name a file "):
        open_audit_log(str(tmp_path / where), max_bytes=1)


def test_bound_is_as_documented() -> None:
    assert audit_log.OLD_FILES == 4


def test_every_field_of_a_record_is_documented_in_its_order() -> None:
    rows = DOCUMENT.read_text().split("\n| field |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    documented = [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert documented == [str(field.alias or name) for name, field in AuditRecord.model_fields.items()]


def test_record_that_is_shown_is_one() -> None:
    shown = DOCUMENT.read_text().split("```json\n", 1)[1].split("```", 1)[0]
    record = json.loads(shown)
    assert json.loads(AuditRecord.model_validate(record).model_dump_json(by_alias=True, exclude_none=True)) == record
