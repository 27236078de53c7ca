"""Peers that announce what is no address, or another's id: unreachable, or asked as any other."""

from __future__ import annotations

import grpc
import pytest

from dragonfly_task_operator.protos_gen.common_pb2 import Host
from dragonfly_task_operator.protos_gen.scheduler_pb2 import AnnounceHostRequest, ListHostsRequest, ListHostsResponse
from hack.kubectl import Kubectl
from tests.objects import Objects, condition, is_finished, manifest
from tests.simulator.control import Control, Simulation, simulation

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

ANNOUNCE, LIST = (f"/scheduler.v2.Scheduler/{call}" for call in ("AnnounceHost", "ListHosts"))
BAD = [("", 4000), ("some-node.example.com", 4000), ("0.0.0.0", 4000), ("fe80::1%eth0", 4000), ("127.9.9.9", 0)]


def announce(scheduler: str, *hosts: Host) -> None:
    with grpc.insecure_channel(scheduler) as channel:
        ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(ANNOUNCE)
        for host in hosts:
            ask(AnnounceHostRequest(host=host).SerializeToString(), timeout=10)


def listed(simulator: Simulation, hostname: str) -> list[Host]:
    """Give a peer as each scheduler lists it."""
    found: list[Host] = []
    for address in simulator.scheduler_addresses:
        with grpc.insecure_channel(address) as channel:
            ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(LIST)
            answer = ListHostsResponse.FromString(ask(ListHostsRequest().SerializeToString(), timeout=10))
            found += [host for host in answer.hosts if host.hostname == hostname]
    return found


def test_peers_that_share_an_id_are_both_asked(
    kubectl: Kubectl, objects: Objects, world: Control, simulator: Simulation
) -> None:
    """As after a move, while one scheduler still lists the old address. Here, there is a peer at both."""
    task = "add2" * 16
    world.caches(task, on="n2")
    with simulation(peers=1, options=("--first-peer=50",)) as elsewhere:
        elsewhere.control.caches(task, on="n50")
        twin = listed(simulator, "n2")[0]
        twin.ip, _, port = elsewhere.control.describe()["peers"]["n50"].rpartition(":")
        twin.port = twin.download_port = int(port)
        announce(simulator.scheduler_addresses[0], twin)
        assert len({(host.id, host.ip) for host in listed(simulator, "n2")}) == 2  # of one id

        kubectl.apply(manifest("TaskDeletion", "one-id", {"taskID": task}))

        status = objects.until("TaskDeletion", "one-id", is_finished)
        assert condition(status, "Succeeded")["reason"] == "Deleted"
        assert (world.holders(task), elsewhere.control.holders(task)) == (set(), set())
        assert (status["peers"]["total"], status["peers"]["deleted"]) == (12, 2)


@pytest.mark.parametrize(("unreachable", "reason"), [("Ignore", "Deleted"), ("Fail", "PeersFailed")])
def test_peer_without_an_address_is_unreachable(  # noqa: PLR0917 - fixtures
    kubectl: Kubectl, objects: Objects, world: Control, simulator: Simulation, unreachable: str, reason: str
) -> None:
    bad = [
        Host(id=f"bad-{number}", hostname=f"bad-{number}", ip=ip, port=port, scheduler_cluster_id=1)
        for number, (ip, port) in enumerate(BAD)
    ]
    for scheduler in simulator.scheduler_addresses:
        announce(scheduler, *bad)
    task = ("add0" if unreachable == "Fail" else "add1") * 16
    world.caches(task, on="n1")

    name = f"no-address-{unreachable.lower()}"
    kubectl.apply(manifest("TaskDeletion", name, {"taskID": task}, unreachablePeers=unreachable))

    status = objects.until("TaskDeletion", name, is_finished)
    failures = {each["hostname"]: each for each in status["failures"] if each["hostname"].startswith("bad-")}
    assert condition(status, "Succeeded")["reason"] == reason
    assert sorted(failures) == [f"bad-{number}" for number in range(len(BAD))]
    assert {each["reason"] for each in failures.values()} == {"Unreachable"}
    assert all("announces no address" in each["description"] for each in failures.values())
    assert world.holders(task) == set()
