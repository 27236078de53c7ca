"""What got worse since the reference, by more than the noise.

Ratios of several runs are compared and nothing else: both sides of one were measured in the same minutes on the same
machine, so it travels to another. The noise of a ratio is the spread of the runs that the reference recorded for it,
from the least to the greatest: by mere chance the median of five others is off by that much once in a thousand times.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results import Measurement, Report

LEAST_NOISE = 0.1
"""Of the reference's value: runs that were alike by luck shall not make the next ones look bad."""


def worse(now: Report, reference: Report) -> list[str]:
    """Say of each ratio that got worse what it was, what it is, and what the noise is."""
    known = {each.what: each for each in reference.figures}
    complaints: list[str] = []
    for each in now.figures:
        before = known.get(each.what)
        if not _ratios(each):
            continue
        if before is None or not _ratios(before):
            complaints.append(f"{each.what}: the reference has no such ratio; measure it there with REFERENCE=1")
        elif each.value > before.value + (noise := _noise(before)):
            runs = ", ".join(f"{ratio:.2f}" for ratio in _ratios(before))
            complaints.append(
                f"{each.what}: {each.value:.2f}, in the reference {before.value:.2f} of {runs}: worse by more than"
                f" the noise, which is {noise:.2f}"
            )
    return complaints


def _noise(figure: Measurement) -> float:
    ratios = _ratios(figure)
    return max(max(ratios) - min(ratios), LEAST_NOISE * figure.value)


def _ratios(figure: Measurement) -> Sequence[float]:
    """Give the runs that a ratio is the median of: the less, the better."""
    ratios: Sequence[float] = figure.detail.get("ratios", ())
    return ratios
