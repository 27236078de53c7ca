"""Both transports read the same out of a gRPC server in Go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from benchmarks.fleet import Fleet, fleet
from dragonfly_task_operator.errors import PeerError, PeerReason
from tests.lean.peers import asking, host_at
from tests.wires import WIRES

pytestmark = [pytest.mark.controlplane, pytest.mark.parametrize("transport", sorted(WIRES))]

TASKS = [f"{number:064x}" for number in range(300)]
PEERS = 40


@pytest.fixture(scope="module")
def world() -> Iterator[Fleet]:
    with fleet(clusters=[PEERS], schedulers=0) as there:
        yield there


@pytest.fixture
def peers(world: Fleet) -> Iterator[Fleet]:
    yield world
    world.hang(every=0)
    world.attack(0, "")
    world.cache(TASKS, 0)
    world.forget_calls()


async def test_many_tasks_are_told_in_one_go(peers: Fleet, transport: str) -> None:
    peers.cache(TASKS[100:102], 1)

    async with asking(transport) as operator:
        kinds = await operator.kinds(peers.targets[0], TASKS)

    assert kinds == ["Absent"] * 100 + ["Cached"] * 2 + ["Absent"] * 198


async def test_many_peers_are_asked_at_once(peers: Fleet, transport: str) -> None:
    peers.cache(TASKS[:1], PEERS)

    async with asking(transport) as operator:
        for _ in range(2):  # on new connections, and on those that are there
            told = await asyncio.gather(*(operator.kinds(target, TASKS[:2]) for target in peers.targets))
            assert told == [["Cached", "Absent"]] * PEERS


async def test_deletion_and_what_is_not_there(peers: Fleet, transport: str) -> None:
    peers.cache(TASKS[:1], 1)
    host = host_at(peers.targets[0])

    async with asking(transport) as operator:
        await operator.peers.delete(host, TASKS[0])
        with pytest.raises(PeerError) as refused:
            await operator.peers.delete(host, TASKS[0])

    assert (refused.value.reason, refused.value.description) == (PeerReason.INTERNAL, f"task {TASKS[0]} not found")
    assert peers.still_held(TASKS[:1]) == 0


async def test_peer_that_hangs_times_out_and_its_neighbour_answers(peers: Fleet, transport: str) -> None:
    peers.hang(every=PEERS)

    async with asking(transport, timeout=2.0) as operator:
        hung, well = await asyncio.gather(*(operator.kinds(target, TASKS[:3]) for target in peers.targets[:2]))

    assert (hung, well) == (["Timeout"] * 3, ["Absent"] * 3)


@pytest.mark.parametrize("how", ["garbage", "flood", "trickle"])
async def test_hostile_peer_is_never_said_to_have_nothing(peers: Fleet, transport: str, how: str) -> None:
    peers.attack(0, how)

    async with asking(transport, timeout=2.0) as operator:
        hostile, well = await asyncio.gather(*(operator.kinds(target, TASKS[:3]) for target in peers.targets[:2]))

    assert set(hostile) <= {"Unreachable", "Timeout", "Internal"}
    assert well == ["Absent"] * 3
