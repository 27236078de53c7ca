"""Several simulated schedulers, and what of them cannot be asked of real ones at will; see also tests/conformance."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]  # grpcio-health-checking ships no types

from dragonfly_task_operator.protos_gen import common_pb2, scheduler_pb2
from tests.simulator import Scheduler, SimulatedCluster, wire

TASK = "a1" * 32
FOUR_MEBIBYTES = 4 * 1024 * 1024
EVERYBODY = {"n0", "n1", "seed0"}


@pytest.fixture
async def world() -> AsyncIterator[SimulatedCluster]:
    async with SimulatedCluster(schedulers=3, peers=2, seeds=1) as world:
        yield world


async def names_on(scheduler: Scheduler) -> set[str]:
    return {host.hostname for host in await wire.list_hosts(scheduler.target)}


async def schedulers_that_know(world: SimulatedCluster, task_id: str) -> list[Scheduler]:
    known = []
    for scheduler in world.schedulers:
        try:
            await wire.stat_task(scheduler.target, task_id)
            known.append(scheduler)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
    return known


async def test_every_scheduler_lists_every_host(world: SimulatedCluster) -> None:
    assert [await names_on(each) for each in world.schedulers] == [EVERYBODY] * 3


async def test_task_is_known_to_exactly_one_scheduler(world: SimulatedCluster) -> None:
    world.caches(TASK)

    assert await schedulers_that_know(world, TASK) == [world.scheduler_of(TASK)]


async def test_tasks_are_spread_over_schedulers(world: SimulatedCluster) -> None:
    assert {world.scheduler_of(f"{number:064x}") for number in range(100)} == set(world.schedulers)


async def test_task_is_told_with_its_metadata(world: SimulatedCluster) -> None:
    world.peer("n0").caches(TASK, url="https://h/f", tag="t", content_length=100_000_000, piece_length=4_000_000)

    task = await wire.stat_task(world.scheduler_of(TASK).target, TASK)

    assert (task.url, task.tag, task.content_length, task.piece_count, task.peer_count) == (
        "https://h/f",
        "t",
        100_000_000,
        25,
        1,
    )


async def test_no_scheduler_hears_of_tasks_of_a_peer_that_does_not_share(world: SimulatedCluster) -> None:
    world.peer("n0").disables_sharing()
    world.peer("n0").caches(TASK)

    assert (await schedulers_that_know(world, TASK), world.holders(TASK)) == ([], {"n0"})


async def test_task_outlives_its_peers_on_the_scheduler(world: SimulatedCluster) -> None:
    world.peer("n0").caches(TASK)
    await wire.delete(world.peer("n0").target, TASK)

    task = await wire.stat_task(world.scheduler_of(TASK).target, TASK)

    assert (task.peer_count, task.state) == (0, "Succeeded")


async def test_task_that_nobody_has_whole_yet_is_running(world: SimulatedCluster) -> None:
    world.peer("n0").downloads(TASK)
    running = await wire.stat_task(world.scheduler_of(TASK).target, TASK)
    world.peer("n0").finishes(TASK)

    succeeded = await wire.stat_task(world.scheduler_of(TASK).target, TASK)

    assert (running.state, succeeded.state) == ("Running", "Succeeded")


async def test_host_that_announces_itself_over_the_wire_is_listed(world: SimulatedCluster) -> None:
    request = scheduler_pb2.AnnounceHostRequest(host=common_pb2.Host(id="10.0.0.1-x", hostname="x", ip="10.0.0.1"))
    await wire.ask(world.scheduler().target, wire.SCHEDULER + "AnnounceHost", request, Empty)

    assert await names_on(world.scheduler()) == {*EVERYBODY, "x"}


async def test_host_that_is_deleted_over_the_wire_is_listed_no_more(world: SimulatedCluster) -> None:
    request = scheduler_pb2.DeleteHostRequest(host_id=world.peer("n0").host_id)
    await wire.ask(world.scheduler().target, wire.SCHEDULER + "DeleteHost", request, Empty)

    assert await names_on(world.scheduler()) == EVERYBODY - {"n0"}


async def test_deletion_told_by_an_unknown_host_is_not_found(world: SimulatedCluster) -> None:
    request = scheduler_pb2.DeleteTaskRequest(host_id="nobody", task_id=TASK)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await wire.ask(world.scheduler().target, wire.SCHEDULER + "DeleteTask", request, Empty)

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_scheduler_answers_health_checks(world: SimulatedCluster) -> None:
    answer = await wire.ask(
        world.scheduler().target,
        "/grpc.health.v1.Health/Check",
        health_pb2.HealthCheckRequest(),
        health_pb2.HealthCheckResponse,
    )

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_other_methods_are_unimplemented(world: SimulatedCluster) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await wire.ask(world.scheduler().target, wire.SCHEDULER + "StatPeer", Empty(), Empty)

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["StatFile", "StatImage", "PreheatFile", "PreheatImage"])
async def test_jobs_without_redis_crash_the_scheduler(world: SimulatedCluster, method: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await wire.ask(world.scheduler().target, wire.SCHEDULER + method, Empty(), Empty)

    assert (refused.value.code(), world.scheduler().crashed_by) == (
        grpc.StatusCode.UNAVAILABLE,
        [wire.SCHEDULER + method],
    )


async def test_restarted_scheduler_lists_no_hosts(world: SimulatedCluster) -> None:
    await world.scheduler(1).restarts()

    assert [await names_on(each) for each in world.schedulers] == [EVERYBODY, set(), EVERYBODY]


async def test_restarted_scheduler_knows_no_tasks_even_when_hosts_are_back(world: SimulatedCluster) -> None:
    world.caches(TASK)
    await world.scheduler_of(TASK).restarts()
    world.announce()

    assert await schedulers_that_know(world, TASK) == []


async def test_announcements_fill_a_restarted_scheduler(world: SimulatedCluster) -> None:
    await world.scheduler(1).restarts()

    world.announce()

    assert await names_on(world.scheduler(1)) == EVERYBODY


async def test_peers_that_are_down_do_not_announce_themselves(world: SimulatedCluster) -> None:
    await world.peer("n0").goes_down()
    await world.scheduler(1).restarts()

    world.announce()

    assert await names_on(world.scheduler(1)) == EVERYBODY - {"n0"}


async def test_schedulers_can_disagree_on_hosts(world: SimulatedCluster) -> None:
    world.scheduler(0).forgets_hosts([world.peer("n0").host_id])

    assert [await names_on(each) for each in world.schedulers] == [EVERYBODY - {"n0"}, EVERYBODY, EVERYBODY]


async def test_dead_hosts_stay_listed(world: SimulatedCluster) -> None:
    names = world.lists_dead_hosts(2)

    assert await names_on(world.scheduler()) == {*EVERYBODY, *names}


async def test_killed_peer_stays_listed(world: SimulatedCluster) -> None:
    await world.peer("n0").goes_down()

    assert await names_on(world.scheduler()) == EVERYBODY


async def test_peer_that_leaves_in_good_order_is_listed_no_more(world: SimulatedCluster) -> None:
    await world.peer("n0").leaves()

    assert await names_on(world.scheduler()) == EVERYBODY - {"n0"}


async def test_scheduler_that_is_down_refuses_connections(world: SimulatedCluster) -> None:
    await world.scheduler(0).goes_down()

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await wire.list_hosts(world.scheduler_addresses[0])

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_scheduler_can_hang(world: SimulatedCluster) -> None:
    world.scheduler(0).hangs("stat_task")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await wire.ask(
            world.scheduler_addresses[0],
            wire.SCHEDULER + "StatTask",
            scheduler_pb2.StatTaskRequest(task_id=TASK),
            common_pb2.Task,
            seconds=0.2,
        )

    assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_host_at_an_ipv6_address_is_listed() -> None:
    async with SimulatedCluster(peers=1, ipv6=True) as world:
        listed = {host.ip for host in await wire.list_hosts(world.scheduler_addresses[0])}

    assert listed == {"127.1.0.1", "::1"}


async def test_five_thousand_hosts_fill_half_of_what_a_grpc_client_takes_by_default() -> None:
    async with SimulatedCluster(peers=1) as world:
        world.lists_dead_hosts(4999)
        answer = await wire.ask(
            world.scheduler().target,
            wire.SCHEDULER + "ListHosts",
            scheduler_pb2.ListHostsRequest(),
            scheduler_pb2.ListHostsResponse,
        )

    assert answer.ByteSize() > FOUR_MEBIBYTES / 2
