"""How figures are told, kept and put into the reference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import __main__ as program
from benchmarks.errors import BenchError
from benchmarks.results import Measurement, Report, table

MACHINE = {"cores": 2, "cpu": "some", "python": "3.11", "date": "2026-11-25"}
GOOD = Measurement(what="memory", value=160, unit=" MiB", at_most=160)
BAD = Measurement(what="time", value=1.25, unit=" x", at_most=1.2, obstacle="the pace", detail={"ratios": [1.25]})
FASTER = Measurement(what="faster", value=3.0, unit=" x", at_least=4)
NOTHING = Measurement(what="measured", value=0, at_least=1)
TOLD = Measurement(what="seconds", value=12.3, unit=" s")


def test_a_bound_that_is_missed_stays_in_the_table_as_missed() -> None:
    lines = table(Report(MACHINE, {"a": [GOOD, BAD], "b": [FASTER, NOTHING, TOLD]})).splitlines()[1:]

    assert [" ".join(line.split()) for line in lines] == [
        "memory 160 MiB at most 160 MiB ok",
        "time 1.25 x at most 1.2 x MISSED",
        "faster 3 x at least 4 x MISSED",
        "measured 0 at least 1 MISSED",
        "seconds 12 s",
        "MISSED: time: the pace",
    ]


def test_what_is_written_is_read_again_with_whether_each_is_ok(tmp_path: Path) -> None:
    report = Report(MACHINE, {"a": [GOOD, BAD], "b": [NOTHING, TOLD]})

    report.write(tmp_path)

    assert Report.read(tmp_path) == report
    written = json.loads((tmp_path / "bench.json").read_text())
    assert [figure["ok"] for figure in written["rows"]["a"]] == [True, False]
    assert "1.25 x (at most 1.2 x)" in (tmp_path / "bench.svg").read_text()


def test_a_row_that_is_measured_again_takes_the_place_of_itself_alone() -> None:
    updated = Report(MACHINE, {"a": [GOOD], "b": [TOLD]}).updated(Report(MACHINE | {"date": "later"}, {"b": [BAD]}))

    assert (updated.rows, updated.machine["date"]) == ({"a": [GOOD], "b": [BAD]}, "later")


@pytest.mark.parametrize("other", [{"cores": 8}, {"cpu": "another"}, {"python": "3.12"}])
def test_rows_of_another_machine_are_not_mixed_in(other: dict[str, object]) -> None:
    updated = Report(MACHINE | other, {"a": [GOOD]}).updated(Report(MACHINE, {"b": [TOLD]}))

    assert updated.rows == {"b": [TOLD]}


class NoControlPlane:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    def fails(*_: object) -> list[Measurement]:
        raise BenchError("the run ended PeersFailed, not Found")

    rows = {"good": lambda *_: [GOOD, TOLD], "bad": lambda *_: [BAD], "broken": fails}
    monkeypatch.setattr(program, "ROWS", rows)
    monkeypatch.setattr(program, "control_plane", NoControlPlane)
    monkeypatch.setattr(program, "program", lambda: Path("peers"))
    monkeypatch.setattr(program, "REFERENCE", tmp_path / "reference")
    Report(MACHINE, {"bad": [BAD]}).write(tmp_path / "reference")
    return CliRunner()


@pytest.mark.parametrize(("rows", "code"), [("good", 0), ("bad", 1), ("good,bad", 1), ("broken", 1), ("all", 1)])
def test_a_missed_bound_is_a_failure(run: CliRunner, tmp_path: Path, rows: str, code: int) -> None:
    assert run.invoke(program.main, ["--rows", rows, "--out", str(tmp_path)]).exit_code == code


def test_a_row_that_breaks_is_told_and_keeps_no_other_from_being_measured(run: CliRunner, tmp_path: Path) -> None:
    done = run.invoke(program.main, ["--rows", "broken,good", "--out", str(tmp_path)])

    assert "broken: measured; BenchError: the run ended PeersFailed, not Found" in done.stdout
    assert set(Report.read(tmp_path).rows) == {"broken", "good"}


def test_the_reference_is_written_when_asked_and_only_then(run: CliRunner, tmp_path: Path) -> None:
    run.invoke(program.main, ["--rows", "good", "--out", str(tmp_path)])
    assert set(Report.read(tmp_path / "reference").rows) == {"bad"}

    run.invoke(program.main, ["--rows", "good", "--out", str(tmp_path), "--reference"])

    assert "good" in Report.read(tmp_path / "reference").rows


@pytest.mark.parametrize(("before", "code"), [(1.25, 0), (1.0, 1)])
def test_a_check_fails_on_what_got_worse_whatever_the_bounds(
    run: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: float, code: int
) -> None:
    unbound = Measurement(what="time", value=1.25, unit=" x", detail={"ratios": [1.25]})
    monkeypatch.setattr(program, "ROWS", {"row": lambda *_: [unbound]})
    known = Measurement(what="time", value=before, unit=" x", detail={"ratios": [before]})
    Report(MACHINE, {"row": [known]}).write(tmp_path / "reference")

    done = run.invoke(program.main, ["--rows", "row", "--out", str(tmp_path), "--check"])

    assert done.exit_code == code
    assert ("worse by more than the noise" in done.stdout) is bool(code)
