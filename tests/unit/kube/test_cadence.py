"""When runs write their statuses, by how many of them are going."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from dragonfly_task_operator.kube.cadence import Cadence


@pytest.mark.parametrize(
    ("going", "first", "next_"),
    [
        (1, 0.5, 1.0),
        (50, 0.5, 1.0),
        (100, 0.5, 2.0),  # the first status comes in less than a second while 100 other runs go
        (101, 0.505, 2.02),
        (1000, 5.0, 20.0),
        (3000, 15.0, 60.0),
    ],
)
def test_runs_share_the_writes_that_an_api_server_takes(going: int, first: float, next_: float) -> None:
    cadence = Cadence()
    with ExitStack() as stack:
        for _ in range(going):
            stack.enter_context(cadence.joined())

        assert (cadence.first(), cadence.next()) == pytest.approx((first, next_))

    assert (cadence.first(), cadence.next()) == (0.5, 1.0)
