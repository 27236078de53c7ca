"""The documents quote the reference, and nothing but the reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.quoting import DOCUMENTS, SELECTIONS, quoted
from benchmarks.results import REFERENCE, Measurement, Report

MACHINE = {"cores": 2, "cpu": "some", "python": "3.11.7", "grpcio": "1.85", "date": "2026-11-25T01:02:03"}
TEXT = "before\n<!-- figures: readme -->\nold\n<!-- end of figures -->\nafter\n"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_quotes_the_reference(document: Path) -> None:
    text = document.read_text()

    assert "<!-- figures: " in text
    assert quoted(text, Report.read(REFERENCE)) == text, "run python -m benchmarks.quoting"


def test_a_figure_is_quoted_with_its_bound_and_a_missed_one_as_missed() -> None:
    about, figure = SELECTIONS["readme"][0]
    missed = Measurement(what=f"{about}: {figure}", value=1.31, unit=" x", at_most=1.2, obstacle="the pace")

    text = quoted(TEXT, Report(MACHINE, {"search": [missed]}))

    assert text.startswith("before\n<!-- figures: readme -->\n2 cores of some, Python 3.11.7, grpcio 1.85, 2026-11-25:")
    assert f"| {about}: {figure} | 1.31 x | at most 1.2 x | missed |" in text
    assert f"MISSED: {about}: {figure}: the pace" in text
    assert "not measured yet" in text
    assert "old" not in text
    assert text.endswith("<!-- end of figures -->\nafter\n")


def test_a_selection_that_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyError):
        quoted(TEXT.replace("readme", "flattery"), Report(MACHINE, {}))
