"""Many questions to one peer in one go: each answered, none sent in vain, and memory told no more than it must be."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import grpc
import pytest

from dragonfly_task_operator.dragonfly.channels import ChannelPool, Endpoint
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.peers import TOLD_AT_ONCE, GrpcPeers
from dragonfly_task_operator.dragonfly.rpc_error import RpcError
from dragonfly_task_operator.dragonfly.wire import Answered, GrpcWire, Ready, Request
from dragonfly_task_operator.engine.fanout import TASKS_AT_ONCE
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import ABSENT, Cached, Host, HostType, Presence
from dragonfly_task_operator.errors import OwnKind, OwnTrouble, PeerError, PeerReason
from tests.simulator import Peer, SimulatedCluster
from tests.unit.clocks import SteppingClock

TASKS = [f"{number:064x}" for number in range(40)]
FAST = 10_000

NOT_FOUND = RpcError(grpc.StatusCode.NOT_FOUND, "task not found")
REFUSED = RpcError(grpc.StatusCode.UNAVAILABLE, "connection refused")
BROKEN = RpcError(grpc.StatusCode.INTERNAL, "disk on fire")
OUT_OF_FILES = OwnTrouble(OwnKind.FILES, "the operator has run out of files")

HOST = Host("10.0.0.1-n0", "n0", "10.0.0.1", 4000, HostType.NORMAL, 1, "default")


def host_of(peer: Peer) -> Host:
    ip, port = peer.address
    return Host(f"{ip}-n0", "n0", ip, port, HostType.NORMAL, 1, "default")


@dataclass
class Told:
    """What was told of each task."""

    answers: dict[TaskID, Presence | PeerError] = field(default_factory=dict)

    def __call__(self, task: TaskID, answer: Presence | PeerError) -> None:
        assert task not in self.answers, "told twice"
        self.answers[task] = answer

    def kinds(self) -> Counter[str]:
        """Count by reason, or by what there is."""
        return Counter(
            answer.reason if isinstance(answer, PeerError) else type(answer).__name__
            for answer in self.answers.values()
        )


# On real sockets


@pytest.fixture
async def world() -> AsyncIterator[SimulatedCluster]:
    async with SimulatedCluster(peers=1) as world:
        yield world


@pytest.fixture
def peer(world: SimulatedCluster) -> Peer:
    return world.peer("n0")


@asynccontextmanager
async def peers(timeout: float = 5) -> AsyncIterator[GrpcPeers]:
    pool = ChannelPool()
    try:
        yield GrpcPeers(
            GrpcWire(pool),
            memory=HostMemory(SteppingClock()),
            tls={},
            timeout=timeout,
            in_flight=1,
            requests_per_second=FAST,
        )
    finally:
        await pool.aclose()


async def test_every_task_is_asked_about_and_told_of_once_on_one_connection(peer: Peer) -> None:
    peer.caches(TASKS[7])
    told = Told()

    async with peers() as asking:
        await asking.stat(host_of(peer), TASKS, told)

    assert (peer.calls["stat"], len(peer.clients)) == (len(TASKS), 1)
    assert set(told.answers) == set(TASKS)
    assert [task for task, answer in told.answers.items() if answer is not ABSENT] == [TASKS[7]]
    assert isinstance(told.answers[TASKS[7]], Cached)


async def test_peer_that_answers_nothing_is_not_waited_for_once_for_each_of_many_tasks(peer: Peer) -> None:
    peer.hangs("stat")
    told = Told()

    async with peers(timeout=0.5) as asking:
        await asking.stat(host_of(peer), TASKS, told)

    assert peer.calls["stat"] <= TASKS_AT_ONCE
    assert told.kinds() == {PeerReason.TIMEOUT: len(TASKS)}


async def test_peer_that_breaks_a_connection_on_the_way_is_asked_the_rest_on_another(peer: Peer) -> None:
    peer.resets("stat", times=1, skip=10)
    told = Told()

    async with peers() as asking:
        await asking.stat(host_of(peer), TASKS, told)

    assert len(peer.clients) >= 2
    lost = told.kinds()[PeerReason.UNREACHABLE]
    assert 1 <= lost <= TASKS_AT_ONCE
    assert told.kinds()["Absent"] == len(TASKS) - lost


async def test_no_task_is_no_request(peer: Peer) -> None:
    async with peers() as asking:
        await asking.stat(host_of(peer), (), Told())

    assert peer.calls["stat"] == 0


# On a wire that says what it is told to


@dataclass
class ScriptedWire:
    """`Wire` that gives one answer after another, the last of them for ever. `asked`: what was sent."""

    answers: list[bytes | RpcError | OwnTrouble]
    asked: list[TaskID] = field(default_factory=list)
    given: list[Sequence[Request]] = field(default_factory=list)

    async def ask(
        self,
        endpoint: Endpoint,
        method: str,
        requests: Sequence[Request],
        *,
        timeout: float,
        ready: Ready,
        answered: Answered,
    ) -> None:
        self.given.append(requests)
        for task, _ in requests:
            await ready()
            self.asked.append(task)
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, OwnTrouble):
                raise answer
            if not answered(task, answer, 0.5):
                return


class Noting(HostMemory):
    """A memory that keeps in order what it was told."""

    def __init__(self) -> None:
        super().__init__(SteppingClock())
        self.told: list[str] = []

    def answered(self, host: Host) -> None:
        self.told.append("answered")
        super().answered(host)

    def silent(self, host: Host, *, vacant: bool) -> None:
        self.told.append("silent")
        super().silent(host, vacant=vacant)


@pytest.mark.parametrize(
    ("answers", "sent", "kinds", "heard"),
    [
        pytest.param([NOT_FOUND], 5, {"Absent": 5}, ["answered", "answered"], id="answers everything"),
        pytest.param([REFUSED], 1, {"Unreachable": 5}, ["silent"], id="can't be asked at all"),
        pytest.param(
            [NOT_FOUND, REFUSED], 5, {"Absent": 1, "Unreachable": 4}, ["answered", "silent"], id="answers, then is lost"
        ),
        pytest.param(
            [NOT_FOUND, NOT_FOUND, REFUSED, REFUSED, NOT_FOUND],
            5,
            {"Absent": 3, "Unreachable": 2},
            ["answered", "answered"],
            id="is lost for a while",
        ),
        pytest.param([BROKEN], 5, {"Internal": 5}, ["answered", "answered"], id="answers with errors"),
        pytest.param([b"\xff"], 5, {"Internal": 5}, ["answered", "answered"], id="answers with garbage"),
    ],
)
async def test_peer_is_asked_on_once_it_has_answered_anything(
    answers: list[bytes | RpcError | OwnTrouble], sent: int, kinds: dict[str, int], heard: list[str]
) -> None:
    wire, memory, told = ScriptedWire(answers), Noting(), Told()
    asking = GrpcPeers(wire, memory=memory, tls={}, timeout=5, in_flight=1, requests_per_second=FAST)

    await asking.stat(HOST, TASKS[:5], told)

    assert (len(wire.asked), dict(told.kinds()), memory.told) == (sent, kinds, heard)


@pytest.mark.parametrize("before", [0, 2])
async def test_own_trouble_leaves_the_rest_untold_and_what_was_heard_remembered(before: int) -> None:
    wire, memory, told = ScriptedWire([*[NOT_FOUND] * before, OUT_OF_FILES]), Noting(), Told()
    asking = GrpcPeers(wire, memory=memory, tls={}, timeout=5, in_flight=1, requests_per_second=FAST)

    with pytest.raises(OwnTrouble):
        await asking.stat(HOST, TASKS, told)

    assert dict(told.kinds()) == ({"Absent": before} if before else {})
    assert memory.told == ["answered"] * before


async def test_telling_of_many_tasks_that_nobody_asks_about_lets_others_have_their_turn() -> None:
    told, turns = Told(), 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    waiting = asyncio.create_task(others())
    asking = GrpcPeers(ScriptedWire([REFUSED]), memory=Noting(), tls={}, timeout=5, in_flight=1)
    await asking.stat(HOST, TASKS, told)
    waiting.cancel()

    assert (len(told.answers), turns >= len(TASKS) // TOLD_AT_ONCE) == (len(TASKS), True)


async def test_peer_without_an_address_is_told_of_every_task_and_sent_nothing() -> None:
    wire, told = ScriptedWire([NOT_FOUND]), Told()
    asking = GrpcPeers(wire, memory=Noting(), tls={}, timeout=5, in_flight=1)
    nowhere = Host("n0", "n0", "no address", 4000, HostType.NORMAL, 1, "default")

    await asking.stat(nowhere, TASKS, told)

    assert (wire.asked, told.kinds()) == ([], {PeerReason.UNREACHABLE: len(TASKS)})


async def test_what_is_asked_of_every_peer_of_a_run_is_made_once() -> None:
    """Of ten thousand peers and an image of 150 ids, what is made anew for each is there a million times."""
    wire = ScriptedWire([NOT_FOUND])
    asking = GrpcPeers(wire, memory=Noting(), tls={}, timeout=5, in_flight=1, requests_per_second=FAST)

    await asking.stat(HOST, TASKS[:5], Told())
    await asking.stat(replace(HOST, id="another"), tuple(TASKS[:5]), Told())
    await asking.stat(HOST, TASKS[5:7], Told())

    assert wire.given[0] is wire.given[1]
    assert wire.asked == TASKS[:5] * 2 + TASKS[5:7]


async def test_right_to_act_is_proven_before_each_request() -> None:
    class Counting:
        proofs = 0
        is_proven = True

        async def proven(self) -> None:
            self.proofs += 1

    mandate = Counting()
    asking = GrpcPeers(
        ScriptedWire([NOT_FOUND]),
        memory=Noting(),
        tls={},
        timeout=5,
        in_flight=1,
        requests_per_second=FAST,
        mandate=mandate,
    )

    await asking.stat(HOST, TASKS, Told())

    assert mandate.proofs == len(TASKS)
