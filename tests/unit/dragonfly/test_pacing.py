"""No peer is asked more often than it was agreed, whatever becomes of its connections."""

from __future__ import annotations

import asyncio
import random

import pytest

from dragonfly_task_operator.dragonfly import pacing
from dragonfly_task_operator.dragonfly.channels import ChannelPool
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.pacing import DEFAULT_REQUESTS_PER_SECOND, MAX_BURST, TOGETHER, Pace, Paces
from dragonfly_task_operator.dragonfly.peers import GrpcPeers
from dragonfly_task_operator.engine.clearing import look
from dragonfly_task_operator.engine.model import Host, HostType
from dragonfly_task_operator.errors import PeerError
from dragonfly_task_operator.settings import Settings
from tests.unit.clocks import SteppingClock
from tests.wires import wire_of

pytestmark = pytest.mark.usefixtures("each_transport")

RATES = [1, 2, 3, 7, 100, 250]
MORE_THAN_FLOATS_ROUND = 1e-9


async def times_of(pace: Pace, requests: int) -> list[float]:
    """When each of so many requests may go, in seconds from the first."""
    loop = asyncio.get_running_loop()
    begun, times = loop.time(), []
    for _ in range(requests):
        await pace.turn()
        times.append(loop.time() - begun)
    return times


def least_apart(times: list[float], requests: int) -> float:
    """The fewest seconds from one to the one that comes so many after it."""
    return min(later - earlier for earlier, later in zip(times, times[requests:], strict=False))


@pytest.mark.looptime
@pytest.mark.parametrize("rate", RATES)
async def test_no_second_has_more_requests_than_were_agreed(rate: int) -> None:
    times = await times_of(Pace(rate), 3 * rate + 3)

    assert least_apart(times, rate) >= 1 - MORE_THAN_FLOATS_ROUND


@pytest.mark.looptime
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("askers", [2, 7])
async def test_no_second_has_more_however_many_ask_and_however_they_come(rate: int, askers: int) -> None:
    pace, times = Pace(rate), list[float]()
    chance = random.Random(rate * askers)

    async def ask() -> None:
        for _ in range(2 * rate):
            if chance.random() < 0.1:
                await asyncio.sleep(chance.random() * 10 / rate)
            await pace.turn()
            times.append(asyncio.get_running_loop().time())

    await asyncio.gather(*(ask() for _ in range(askers)))

    assert least_apart(times, rate) >= 1 - MORE_THAN_FLOATS_ROUND


@pytest.mark.looptime
async def test_after_the_burst_a_few_go_together() -> None:
    times = await times_of(Pace(100), 43)

    assert len(set(times)) == 1 + (43 - 10) // TOGETHER


@pytest.mark.looptime
@pytest.mark.parametrize("rate", RATES)
async def test_pace_is_used_and_not_only_kept(rate: int) -> None:
    times = await times_of(Pace(rate), 3 * rate + 1)

    assert times[-1] <= 3 / 0.9


@pytest.mark.looptime
@pytest.mark.parametrize(("rate", "burst"), [(1, 1), (3, 1), (100, 10), (200, 20), (10_000, MAX_BURST)])
async def test_a_burst_goes_at_once(rate: int, burst: int) -> None:
    times = await times_of(Pace(rate), burst + 1)

    assert (times[burst - 1], times[burst] > 0) == (0, True)


@pytest.mark.looptime
async def test_peer_whose_connections_break_is_asked_no_faster() -> None:
    pool = ChannelPool()
    peers = GrpcPeers(
        wire_of(pool), memory=HostMemory(SteppingClock()), tls={}, timeout=1, in_flight=99, requests_per_second=4
    )
    nobody = Host("127.0.0.9-n0", "n0", "127.0.0.9", 1, HostType.NORMAL, 1, "default")
    for _ in range(9):
        with pytest.raises(PeerError):
            await look(peers, nobody, "a1" * 32)
    passed = asyncio.get_running_loop().time()
    await pool.aclose()

    assert passed >= 2 - MORE_THAN_FLOATS_ROUND


@pytest.mark.looptime
async def test_each_peer_has_a_pace_of_its_own() -> None:
    paces = Paces(1)

    for port in range(5):
        await paces.of("10.0.0.1", port).turn()

    assert asyncio.get_running_loop().time() == 0


@pytest.mark.looptime
async def test_paces_of_peers_that_are_asked_no_more_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "_FIRST_PRUNING", 4)
    paces = Paces(1)
    for port in range(40):
        await paces.of("10.0.0.1", port).turn()
        await asyncio.sleep(2)

    assert len(paces) <= 4


def test_setting_and_the_adapter_agree_on_the_default() -> None:
    assert Settings(scheduler=("x:1",)).peer_requests_per_second == DEFAULT_REQUESTS_PER_SECOND
