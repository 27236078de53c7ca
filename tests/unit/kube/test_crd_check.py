"""A start before an API server that is busy. The loop's time is virtual."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from dragonfly_task_operator.api.base import API_VERSION
from dragonfly_task_operator.api.kinds import RESOURCES
from dragonfly_task_operator.errors import StartError
from dragonfly_task_operator.kube.connection import Busy, Line
from dragonfly_task_operator.kube.crd_check import require_crds

pytestmark = pytest.mark.looptime

SERVED: dict[str, Any] = {
    "/apis": {"groups": [{"versions": [{"groupVersion": API_VERSION}]}]},
    f"/apis/{API_VERSION}": {"resources": [{"kind": kind.name} for kind in RESOURCES]},
}


class Good:
    status = 200


class BusyLine:
    """Leads to an API server that is busy until then, and says for how long it wants to be left alone."""

    def __init__(self, *, until: float, says: float) -> None:
        self.until, self.says = until, says
        self.asked: list[float] = []

    async def ask(self, method: str, path: str) -> tuple[Good, bytes]:
        now = asyncio.get_running_loop().time()
        if now < self.until:
            self.asked.append(now)
            raise Busy(429, self.says)
        return Good(), json.dumps(SERVED[path]).encode()


async def test_api_server_that_is_busy_is_left_alone_for_as_long_as_it_says() -> None:
    line = BusyLine(until=20, says=20)

    await require_crds(cast("Line", line), "https://k")

    assert (line.asked, asyncio.get_running_loop().time()) == ([0], 20)


async def test_api_server_that_is_busy_for_longer_than_a_start_may_take_is_asked_a_last_time() -> None:
    line = BusyLine(until=1000, says=120)

    with pytest.raises(StartError, match="429, and to come back in 120 s"):
        await require_crds(cast("Line", line), "https://k")

    assert line.asked == [0, 30]
