"""The lease on a real API server, with clocks in the test's hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from dragonfly_task_operator.kube.lease import LEASE_SECONDS, MANDATE_SECONDS, Lease
from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.clients import client_to

pytestmark = pytest.mark.controlplane

LOOKS = 0.7
"""Seconds for one look at the lease, and not for a second one: one that takes longer comes to its end all the same."""

PATIENCE = 30.0
"""Seconds for what takes two, on a machine that is busy with other things."""


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


class MakeLease(Protocol):
    def __call__(self, identity: str, *, clock: Clock | None = None) -> Lease: ...


@pytest.fixture
def lease_name(request: pytest.FixtureRequest) -> str:
    return f"lease-{abs(hash(request.node.nodeid))}"


@pytest.fixture
async def candidate(control_plane: ControlPlane, lease_name: str) -> AsyncIterator[MakeLease]:
    async with client_to(control_plane.admin_kubeconfig) as client:

        def make(identity: str, *, clock: Clock | None = None) -> Lease:
            return Lease(client, namespace="default", name=lease_name, identity=identity, clock=clock or Clock())

        yield make


async def gets(lease: Lease) -> bool:
    """Let it look once."""
    stop = asyncio.Event()
    acquiring = asyncio.create_task(lease.acquire(stop))
    await asyncio.wait({acquiring}, timeout=LOOKS)
    stop.set()
    return await acquiring


async def test_first_one_gets_it_and_the_second_does_not(candidate: MakeLease) -> None:
    assert await gets(candidate("a"))
    assert not await gets(candidate("b"))


async def test_of_many_at_once_one_gets_it(candidate: MakeLease) -> None:
    got = await asyncio.gather(*(gets(candidate(str(number))) for number in range(8)))

    assert got.count(True) == 1


async def test_mandate_ends_before_anybody_else_can_take_the_lease(candidate: MakeLease) -> None:
    clock = Clock()
    lease = candidate("a", clock=clock)
    await gets(lease)

    clock.time += MANDATE_SECONDS

    assert not lease.is_proven
    assert MANDATE_SECONDS < LEASE_SECONDS


async def test_mandate_that_has_ended_holds_up_whoever_asks(candidate: MakeLease) -> None:
    clock = Clock()
    lease = candidate("a", clock=clock)
    await gets(lease)
    clock.time += MANDATE_SECONDS

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lease.proven(), 0.1)


async def test_renewal_lets_those_go_on_that_were_held_up(candidate: MakeLease) -> None:
    clock = Clock()
    lease = candidate("a", clock=clock)
    await gets(lease)
    clock.time += 10 * LEASE_SECONDS
    waiting = asyncio.create_task(lease.proven())

    async with lease.kept(lost=asyncio.Event()):
        await asyncio.wait_for(waiting, PATIENCE)

    assert lease.is_proven


async def test_lease_is_free_when_no_renewal_was_seen_for_its_length(candidate: MakeLease) -> None:
    clock = Clock()
    await gets(candidate("a"))
    standby = candidate("b", clock=clock)
    await gets(standby)

    clock.time += LEASE_SECONDS

    assert await gets(standby)


async def test_lease_is_not_free_just_before(candidate: MakeLease) -> None:
    clock = Clock()
    await gets(candidate("a"))
    standby = candidate("b", clock=clock)
    await gets(standby)

    clock.time += LEASE_SECONDS - 0.01

    assert not await gets(standby)


async def test_renewal_starts_the_wait_of_others_anew(candidate: MakeLease) -> None:
    clock = Clock()
    leader, standby = candidate("a"), candidate("b", clock=clock)
    await gets(leader)
    await gets(standby)
    clock.time += LEASE_SECONDS - 1
    await gets(leader)
    await gets(standby)
    clock.time += LEASE_SECONDS - 1

    assert not await gets(standby)


async def test_released_lease_is_taken_at_once(candidate: MakeLease) -> None:
    leader = candidate("a")
    await gets(leader)

    await leader.release()

    assert await gets(candidate("b"))
    assert not leader.is_proven


async def test_release_by_one_who_has_lost_it_changes_nothing(candidate: MakeLease) -> None:
    clock, standby_clock = Clock(), Clock()
    leader, standby = candidate("a", clock=clock), candidate("b", clock=standby_clock)
    await gets(leader)
    await gets(standby)
    clock.time += LEASE_SECONDS
    standby_clock.time += LEASE_SECONDS
    await gets(standby)

    await leader.release()

    assert not await gets(candidate("c"))


async def test_loser_is_told(candidate: MakeLease) -> None:
    clock, lost = Clock(), asyncio.Event()
    leader, standby = candidate("a"), candidate("b", clock=clock)
    await gets(leader)
    await gets(standby)
    clock.time += LEASE_SECONDS
    await gets(standby)

    async def lead() -> None:
        async with leader.kept(lost=lost):
            await asyncio.wait_for(lost.wait(), PATIENCE)

    with pytest.raises(Exception, match="is held by b now"):
        await lead()


async def test_lease_that_somebody_deleted_stays_its_holders_as_long_as_it_may_act(
    candidate: MakeLease, kubectl: Kubectl, lease_name: str
) -> None:
    standby = candidate("b")
    await gets(candidate("a"))
    await gets(standby)

    kubectl.must("delete", "lease", lease_name)

    assert not await gets(standby)


async def test_wait_for_the_lease_ends_when_told_to_stop(candidate: MakeLease) -> None:
    stop = asyncio.Event()
    await gets(candidate("a"))
    waiting = asyncio.create_task(candidate("b").acquire(stop))

    stop.set()

    assert not await asyncio.wait_for(waiting, PATIENCE)


async def test_candidate_that_gets_no_answer_says_why(candidate: MakeLease, control_plane: ControlPlane) -> None:
    lease = candidate("a")
    control_plane.stop_apiserver()
    try:
        got = await gets(lease)
    finally:
        control_plane.start_apiserver()

    assert not got
    assert "can't be reached" in (lease.trouble() or "")
