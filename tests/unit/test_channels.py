"""The pool of channels, as far as no server is needed to see it."""

from __future__ import annotations

import asyncio

import pytest

from dragonfly_task_operator.dragonfly.channels import BURST, REQUESTS_PER_SECOND, ChannelPool, Endpoint

PEER = Endpoint("127.0.0.1", 4000, None, "127.0.0.1")


async def times_of(requests: int) -> list[float]:
    """When each of so many requests may go, in seconds from the first."""
    pool, loop = ChannelPool(), asyncio.get_running_loop()
    begun, times = loop.time(), []
    for _ in range(requests):
        with pool.connection(PEER) as connection:
            await connection.pace()
            times.append(loop.time() - begun)
    await pool.aclose()
    return times


@pytest.mark.looptime
async def test_a_burst_goes_at_once() -> None:
    assert (await times_of(BURST))[-1] == 0


@pytest.mark.looptime
async def test_no_peer_is_asked_more_often_than_it_can_take_in_any_second() -> None:
    times = await times_of(3 * REQUESTS_PER_SECOND)

    most = max(sum(start <= time < start + 1 for time in times) for start in times)

    assert most <= REQUESTS_PER_SECOND
