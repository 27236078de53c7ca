"""What schedulers answer, and what they don't: who the peers are, and what is known of a task."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any

import grpc
import pytest

from dragonfly_task_operator.dragonfly.channels import ChannelPool
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.dragonfly.schedulers import GrpcSchedulers
from dragonfly_task_operator.engine.model import Host, HostType
from dragonfly_task_operator.errors import NoSchedulerReachable
from dragonfly_task_operator.protos_gen import common_pb2
from dragonfly_task_operator.settings import ClusterSettings
from tests.simulator import Link, SimulatedCluster
from tests.simulator.hosts import CLIENT_VERSION, AnnouncedHost
from tests.unit.clocks import SteppingClock

TASK = "a1" * 32


@pytest.fixture
async def world() -> AsyncIterator[SimulatedCluster]:
    async with SimulatedCluster(schedulers=3, peers=3, seeds=1) as world:
        yield world


@asynccontextmanager
async def schedulers_of(world: SimulatedCluster, *more: str, timeout: float = 5.0) -> AsyncIterator[GrpcSchedulers]:
    """Give what asks all schedulers of this world, and as clusters of their own those of `more`."""
    pool = ChannelPool()
    clusters = [ClusterSettings(schedulers=tuple(world.scheduler_addresses))]
    clusters += [ClusterSettings(name=entry, schedulers=(entry,)) for entry in more]
    try:
        yield GrpcSchedulers(
            clusters,
            pool,
            memory=HostMemory(SteppingClock()),
            services=None,
            pods=None,
            tls={},
            timeout=timeout,
        )
    finally:
        await pool.aclose()


async def test_seed_peers_are_told_from_others(world: SimulatedCluster) -> None:
    async with schedulers_of(world) as schedulers:
        types = {host.hostname: host.type for host in (await schedulers.hosts()).hosts}

    assert (types["seed0"], types["n0"]) == (HostType.SUPER, HostType.NORMAL)


async def test_scheduler_that_hangs_is_not_waited_for_longer_than_a_request_may_take(world: SimulatedCluster) -> None:
    world.scheduler(1).hangs("list_hosts")

    # A second, because the two others have to answer within it on a machine that is busy.
    async with schedulers_of(world, timeout=1) as schedulers:
        listing = await schedulers.hosts()

    assert (len(listing.hosts), len(listing.silent)) == (4, 1)


async def test_scheduler_that_answers_garbage_is_silent(world: SimulatedCluster) -> None:
    world.scheduler(1).garbles("list_hosts")

    async with schedulers_of(world) as schedulers:
        (silent,) = (await schedulers.hosts()).silent

    assert "answered with 12 bytes that are no scheduler.v2.ListHostsResponse" in silent


async def test_restarted_scheduler_lists_nobody_and_that_is_an_answer(world: SimulatedCluster) -> None:
    for scheduler in world.schedulers:
        scheduler.forgets_hosts()

    async with schedulers_of(world) as schedulers:
        listing = await schedulers.hosts()

    assert (listing.hosts, listing.silent) == ((), ())


async def test_no_scheduler_at_all_is_an_error_that_names_each(world: SimulatedCluster) -> None:
    for scheduler in world.schedulers:
        await scheduler.goes_down()

    async with schedulers_of(world) as schedulers:
        with pytest.raises(NoSchedulerReachable) as unreachable:
            await schedulers.hosts()

    assert all(address in str(unreachable.value) for address in world.scheduler_addresses)
    assert str(unreachable.value).startswith('no scheduler of cluster "default" answered (')


async def test_cluster_without_a_scheduler_is_an_error_though_another_has_one(world: SimulatedCluster) -> None:
    async with SimulatedCluster(peers=0) as nobody, schedulers_of(world, *nobody.scheduler_addresses) as schedulers:
        await nobody.scheduler().becomes(Link.REFUSED)

        with pytest.raises(NoSchedulerReachable, match=nobody.scheduler_addresses[0]):
            await schedulers.hosts()


async def test_task_is_asked_of_each_scheduler_until_one_knows_it(world: SimulatedCluster) -> None:
    world.caches(TASK, content_length=99 << 20, url="https://example.com/model")

    async with schedulers_of(world) as schedulers:
        await schedulers.hosts()
        known = await schedulers.metadata(TASK)

    assert known is not None
    assert (known.url, known.content_length, known.type) == ("https://example.com/model", 99 << 20, "STANDARD")


async def test_task_that_no_scheduler_knows_says_nothing_and_raises_nothing(world: SimulatedCluster) -> None:
    async with schedulers_of(world) as schedulers:
        await schedulers.hosts()

        assert await schedulers.metadata(TASK) is None

    assert [scheduler.calls["stat_task"] for scheduler in world.schedulers] == [1, 1, 1]


async def test_scheduler_that_errs_about_a_task_does_not_hide_what_another_knows(world: SimulatedCluster) -> None:
    world.caches(TASK, content_length=99 << 20)
    for scheduler in world.schedulers:
        if scheduler is not world.scheduler_of(TASK):
            scheduler.fails("stat_task", code=grpc.StatusCode.INTERNAL)

    async with schedulers_of(world) as schedulers:
        await schedulers.hosts()

        assert await schedulers.metadata(TASK) is not None


@pytest.mark.parametrize(
    ("announced", "known"),
    [
        ("1.5.10", "1.5.10"),
        ("v2.1.0-rc.1+4f5e", "v2.1.0-rc.1+4f5e"),
        (None, None),
        ("", None),
        ("unknown", None),
        ("1.5.10\n- injected", None),
        ("1.5.10 <b>", None),
        ("\u0661.5", None),
        ("1" * 63, "1" * 63),
        ("1" * 100_000, None),
    ],
)
async def test_version_is_what_a_peer_announced_if_that_is_one(
    world: SimulatedCluster, announced: str | None, known: str | None
) -> None:
    world.peer("n0").is_of_version(announced)

    async with schedulers_of(world) as schedulers:
        versions = {host.hostname: host.client_version for host in (await schedulers.hosts()).hosts}

    assert (versions["n0"], versions["n1"]) == (known, CLIENT_VERSION)


async def test_peer_that_was_updated_in_place_is_known_by_its_new_version(world: SimulatedCluster) -> None:
    async with schedulers_of(world) as schedulers:
        await schedulers.hosts()
        world.peer("n0").is_of_version("1.6.0")
        hosts = (await schedulers.hosts()).hosts

    assert [host.client_version for host in hosts if host.hostname == "n0"] == ["1.6.0"]


def hears(world: SimulatedCluster, **announced: Any) -> None:
    """Have every scheduler hear of a host, which announces what is given and else what it always does."""
    usual: dict[str, Any] = {
        "id": "10.9.9.9-x",
        "hostname": "x",
        "ip": "10.9.9.9",
        "port": 4000,
        "scheduler_cluster_id": 1,
    }
    version = announced.pop("version", "1.5.10")
    host = common_pb2.Host(**(usual | announced), build=common_pb2.Build(git_version=version))
    for scheduler in world.schedulers:
        scheduler.hears_of_host(AnnouncedHost.of(host))


async def heard_of(schedulers: GrpcSchedulers) -> Host:
    (host,) = [host for host in (await schedulers.hosts()).hosts if host.id == "10.9.9.9-x"]
    return host


ANNOUNCED_ANEW: list[tuple[dict[str, Any], str, object]] = [
    ({"hostname": "y"}, "hostname", "y"),
    ({"ip": "10.9.9.8"}, "ip", "10.9.9.8"),
    ({"port": 4001}, "port", 4001),
    ({"type": 1}, "type", HostType.SUPER),
    ({"scheduler_cluster_id": 2}, "scheduler_cluster_id", 2),
    ({"scheduler_cluster_id": 2**64 - 1}, "scheduler_cluster_id", 2**63 - 1),
    ({"version": "1.6.0"}, "client_version", "1.6.0"),
    ({"version": ""}, "client_version", None),
    ({"version": "none"}, "client_version", None),
]


@pytest.mark.parametrize(("announced", "attribute", "known"), ANNOUNCED_ANEW)
async def test_host_that_announces_something_else_is_known_by_that(
    world: SimulatedCluster, announced: dict[str, Any], attribute: str, known: object
) -> None:
    hears(world)
    async with schedulers_of(world) as schedulers:
        before = await heard_of(schedulers)
        hears(world, **announced)
        after = await heard_of(schedulers)
        again = await heard_of(schedulers)

    assert getattr(before, attribute) != known
    assert (getattr(after, attribute), again) == (known, after)


def test_all_that_is_known_of_a_host_is_announced_anew_above() -> None:
    """An attribute that nobody compares would stay what it was."""
    anew = {attribute for _, attribute, _ in ANNOUNCED_ANEW}

    assert anew | {"id", "cluster"} == {field.name for field in fields(Host)}


async def test_host_that_announces_nothing_new_is_the_same_object(world: SimulatedCluster) -> None:
    async with schedulers_of(world) as schedulers:
        before = (await schedulers.hosts()).hosts
        after = (await schedulers.hosts()).hosts

    assert sorted(map(id, before)) == sorted(map(id, after))


async def test_id_at_two_addresses_stays_two_peers_however_often_it_is_listed(world: SimulatedCluster) -> None:
    hears(world)
    other = common_pb2.Host(id="10.9.9.9-x", hostname="x", ip="10.9.9.7", port=4000, scheduler_cluster_id=1)
    world.scheduler(1).hears_of_host(AnnouncedHost.of(other))

    async with schedulers_of(world) as schedulers:
        listed = [{host.ip for host in (await schedulers.hosts()).hosts} for _ in range(3)]

    assert all({"10.9.9.9", "10.9.9.7"} <= ips for ips in listed)


async def test_scheduler_that_is_too_old_is_told_the_version_it_needs(world: SimulatedCluster) -> None:
    world.scheduler(1).fails("list_hosts", code=grpc.StatusCode.UNIMPLEMENTED)

    async with schedulers_of(world) as schedulers:
        (silent,) = (await schedulers.hosts()).silent

    assert "ListHosts needs scheduler 2.2.0 or newer" in silent
