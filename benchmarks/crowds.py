"""What is told of many objects that were applied at once."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.results import Measurement
from benchmarks.stage import Ended


def throughput(what: str, ended: Sequence[Ended]) -> list[Measurement]:
    """Give the runs a second, and how long the last one applied waited: at most twice its fair share, the mean."""
    seconds = max(each.finished for each in ended) - min(each.sent for each in ended)
    waits = [each.seconds for each in ended]
    return [
        Measurement(
            what=f"{what}: runs a second, from the first apply to the last end",
            value=len(ended) / seconds,
            detail={"seconds": seconds},
        ),
        Measurement(
            what=f"{what}: wait of the last applied, to the mean",
            value=waits[-1] / statistics.mean(waits),
            unit=" x",
            at_most=2,
            detail={"last": waits[-1], "mean": statistics.mean(waits), "longest": max(waits)},
        ),
    ]
