"""The pool keeps to its limit, whoever waits, leaves, or is told to stop."""

from __future__ import annotations

import asyncio

from dragonfly_task_operator.dragonfly.channels import ChannelPool, Endpoint

LIMIT = 3
SOON = 5.0


def endpoint(number: int) -> Endpoint:
    return Endpoint(f"10.0.0.{number}", 4000, None, f"10.0.0.{number}")


async def test_no_more_connections_are_lent_than_may_be_open_and_everybody_has_a_turn() -> None:
    pool = ChannelPool(limit=LIMIT)
    lent, most, served = set[int](), 0, set[int]()

    async def ask(number: int) -> None:
        nonlocal most
        with await pool.connection(endpoint(number % 20)) as connection:
            lent.add(id(connection))
            most = max(most, len(lent))
            await asyncio.sleep(0)
            if connection.users == 1:
                lent.discard(id(connection))
        served.add(number)

    await asyncio.wait_for(asyncio.gather(*(ask(number) for number in range(60))), SOON)
    await pool.aclose()

    assert (most <= LIMIT, served) == (True, set(range(60)))


async def test_who_stops_waiting_leaves_the_place_to_the_next() -> None:
    pool = ChannelPool(limit=1)
    with await pool.connection(endpoint(1)):
        gives_up = asyncio.create_task(pool.connection(endpoint(2)))
        waits = asyncio.create_task(pool.connection(endpoint(3)))
        await asyncio.sleep(0)
        gives_up.cancel()

    with await asyncio.wait_for(waits, SOON) as connection:
        assert connection.endpoint == endpoint(3)
    await pool.aclose()


async def test_connection_is_kept_for_the_next_unless_somebody_waits() -> None:
    pool = ChannelPool(limit=1)
    with await pool.connection(endpoint(1)) as first:
        pass
    with await pool.connection(endpoint(1)) as again:
        assert again is first
        waits = asyncio.create_task(pool.connection(endpoint(2)))
        await asyncio.sleep(0)
    with await asyncio.wait_for(waits, SOON) as other:
        assert other is not first
    await pool.aclose()


async def test_those_that_have_been_idle_for_longest_are_closed_when_too_many_are() -> None:
    pool = ChannelPool(idle=2)
    kept = []
    for number in range(3):
        with await pool.connection(endpoint(number)) as connection:
            kept.append(connection)

    again = []
    for number in (2, 1, 0):
        with await pool.connection(endpoint(number)) as connection:
            again.append(connection)
    await pool.aclose()

    assert [now is before for now, before in zip(again, reversed(kept), strict=True)] == [True, True, False]


async def test_connections_that_are_held_for_long_leave_enough_for_peers() -> None:
    pool = ChannelPool(limit=8)
    held = []
    for number in range(4):
        with await pool.connection(endpoint(number)) as connection:
            held.append(pool.once_more(connection))
        if held[-1] is not None:
            held[-1].__enter__()

    assert [each is not None for each in held] == [True, True, False, False]
    for each in held[:2]:
        assert each is not None
        each.__exit__(None, None, None)
    await pool.aclose()
