"""What `make bench-check` fails on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.checking import worse
from benchmarks.results import Measurement, Report

RUNS = [1.10, 1.00, 1.05, 1.20, 1.10]
MEDIAN = 1.10
SPREAD = 0.20


def report(value: float, *, ratios: Sequence[float] = (), what: str = "search", unit: str = " x") -> Report:
    figure = Measurement(what=what, value=value, unit=unit, at_most=9, detail={"ratios": list(ratios)})
    return Report({"cpu": "any"}, {"row": [figure]})


REFERENCE = report(MEDIAN, ratios=RUNS)


@pytest.mark.parametrize("value", [0.5, 1.0, MEDIAN, MEDIAN + SPREAD - 0.01])
def test_what_is_better_or_worse_by_no_more_than_the_runs_differ_is_well(value: float) -> None:
    assert worse(report(value, ratios=[value]), REFERENCE) == []


def test_what_is_worse_by_more_is_told_with_both_figures_and_the_noise() -> None:
    (complaint,) = worse(report(MEDIAN + SPREAD + 0.02, ratios=[1.32]), REFERENCE)

    assert complaint.startswith("search: 1.32, in the reference 1.10 of 1.10, 1.00, 1.05, 1.20, 1.10")
    assert complaint.endswith("the noise, which is 0.20")


@pytest.mark.parametrize(("value", "complaints"), [(1.09, 0), (1.11, 1)])
def test_runs_that_were_alike_by_luck_allow_a_tenth(value: float, complaints: int) -> None:
    alike = report(1.0, ratios=[1.0, 1.0, 1.0])

    assert len(worse(report(value, ratios=[value]), alike)) == complaints


def test_a_ratio_that_the_reference_lacks_is_no_pass() -> None:
    (complaint,) = worse(report(1.0, ratios=[1.0], what="another"), REFERENCE)

    assert "REFERENCE=1" in complaint


def test_figures_of_the_machine_are_not_compared() -> None:
    seconds = report(1.0, unit=" s")

    assert worse(report(100.0, unit=" s"), seconds) == []


def test_rows_that_were_not_measured_are_not_missed() -> None:
    assert worse(Report({}, {}), REFERENCE) == []
