"""Both transports read the same out of the same dfdaemon: simulated on C-core's server, and real."""

from __future__ import annotations

import pytest

from dragonfly_task_operator.engine.model import Cached
from dragonfly_task_operator.errors import PeerError, PeerReason
from tests.conformance.stage import Stage
from tests.lean.peers import asking, host_at
from tests.wires import WIRES

pytestmark = pytest.mark.parametrize("transport", sorted(WIRES))

ABSENT = [f"{number:064x}" for number in range(60)]
PACE = 100
"""A real dfdaemon refuses more than its limit, whoever asks."""


async def test_each_state_of_a_task_is_told_from_the_others(stage: Stage, transport: str) -> None:
    tasks = [stage.caches("n0", content_length=12345), stage.begins("n0"), stage.fails_to_start("n0"), ABSENT[0]]

    async with asking(transport) as peers:
        assert await peers.kinds(stage.peers["n0"], tasks) == ["Cached", "Downloading", "FailedStart", "Absent"]
        cached = (await peers.stat(stage.peers["n0"], tasks))[tasks[0]]

    assert isinstance(cached, Cached)
    assert (cached.content_length, cached.piece_length) == (12345, 4 * 1024 * 1024)
    stage.finishes(tasks[1])


async def test_many_tasks_are_told_in_one_go(stage: Stage, transport: str) -> None:
    task = stage.caches("n1")
    tasks = [*ABSENT[:30], task, *ABSENT[30:]]

    async with asking(transport, requests_per_second=PACE) as peers:
        assert await peers.kinds(stage.peers["n1"], tasks) == ["Absent"] * 30 + ["Cached"] + ["Absent"] * 30


async def test_deletion_is_proved_by_the_next_question(stage: Stage, transport: str) -> None:
    task = stage.caches("n2")

    async with asking(transport) as peers:
        await peers.peers.delete(host_at(stage.peers["n2"]), task)
        assert await peers.kinds(stage.peers["n2"], [task]) == ["Absent"]

    assert stage.holders(task) == set()


async def test_deletion_of_what_is_not_there_is_refused_in_the_same_words(stage: Stage, transport: str) -> None:
    async with asking(transport) as peers:
        with pytest.raises(PeerError) as refused:
            await peers.peers.delete(host_at(stage.peers["n0"]), ABSENT[0])

    assert (refused.value.reason, refused.value.description) == (PeerReason.INTERNAL, f"task {ABSENT[0]} not found")


@pytest.mark.parametrize("end", ["kills", "stops"])
async def test_peer_that_goes_is_unreachable_and_reached_again_when_it_is_back(
    stage: Stage, transport: str, end: str
) -> None:
    async with asking(transport) as peers:
        target = stage.peers["n1"]
        assert await peers.kinds(target, ABSENT[:3]) == ["Absent"] * 3
        getattr(stage, end)("n1")
        assert await peers.kinds(target, ABSENT[:1]) == ["Unreachable"]
        stage.revives("n1")
        assert await peers.kinds(target, ABSENT[:3]) == ["Absent"] * 3
