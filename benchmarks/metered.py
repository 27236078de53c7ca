"""The operator, as it is, with a quicker heartbeat: how long its event loop did not come round, written to a file.

`python -m benchmarks.metered run …` takes what the operator takes. A line is the moment (`time.perf_counter`) and the
seconds that a beat came late, for each that came later than `LATE_SECONDS`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

from dragonfly_task_operator.cli import main
from dragonfly_task_operator.observability.health import Heartbeat

FILE_VARIABLE = "BENCH_LATE_BEATS"
BEAT_SECONDS = 0.01
LATE_SECONDS = 0.02


async def _beat_forever(self: Heartbeat) -> None:  # noqa: ARG001 -- it takes the place of a method
    # A line is written at once: the operator may be killed. At most fifty a second.
    with Path(os.environ[FILE_VARIABLE]).open("a", buffering=1, encoding="ascii") as late_beats:  # noqa: ASYNC230
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(BEAT_SECONDS)
            now = time.perf_counter()
            if (late := now - asked - BEAT_SECONDS) > LATE_SECONDS:
                late_beats.write(f"{now} {late}\n")


def late_beats(file: Path, *, since: float) -> Iterator[float]:
    """Give by how many seconds beats came late since then."""
    if file.exists():
        for line in file.read_text(encoding="ascii").splitlines():
            moment, late = map(float, line.split())
            if moment >= since:
                yield late


if __name__ == "__main__":
    Heartbeat.beat_forever = _beat_forever  # type: ignore[method-assign]
    main()
