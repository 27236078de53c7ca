"""The operator, as it is, with a quicker heartbeat: how long its event loop did not come round, written to a file.

`python -m benchmarks.metered run …` takes what the operator takes. A line is the moment (`time.perf_counter`), the
seconds that a beat came late, and how much of that the loop's thread computed, for each that came later than
`LATE_SECONDS`. The rest is the machine's: on two cores the peers and the API server want to run, too.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dragonfly_task_operator.cli import main
from dragonfly_task_operator.observability.health import Heartbeat

FILE_VARIABLE = "BENCH_LATE_BEATS"
BEAT_SECONDS = 0.01
LATE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Late:
    """By how many seconds a beat came late, and for how many of them the loop computed."""

    seconds: float
    computed: float


async def _beat_forever(self: Heartbeat) -> None:  # noqa: ARG001 -- it takes the place of a method
    # A line is written at once: the operator may be killed. At most fifty a second.
    with Path(os.environ[FILE_VARIABLE]).open("a", buffering=1, encoding="ascii") as late_beats:  # noqa: ASYNC230
        while True:
            asked, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(BEAT_SECONDS)
            now = time.perf_counter()
            if (late := now - asked - BEAT_SECONDS) > LATE_SECONDS:
                late_beats.write(f"{now} {late} {min(time.thread_time() - worked, late)}\n")


def late_beats(file: Path, *, since: float) -> Iterator[Late]:
    """Give the beats that came late since then."""
    if file.exists():
        for line in file.read_text(encoding="ascii").splitlines():
            moment, seconds, computed = map(float, line.split())
            if moment >= since:
                yield Late(seconds, computed)


if __name__ == "__main__":
    Heartbeat.beat_forever = _beat_forever  # type: ignore[method-assign]
    main()
