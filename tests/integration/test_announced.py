"""Peers that announce what is no address: unreachable, and passed over where that is asked for."""

from __future__ import annotations

import grpc
import pytest

from dragonfly_task_operator.protos_gen.common_pb2 import Host
from dragonfly_task_operator.protos_gen.scheduler_pb2 import AnnounceHostRequest
from hack.kubectl import Kubectl
from tests.objects import Objects, condition, is_finished, manifest
from tests.simulator.control import Control, Simulation

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator")]

ANNOUNCE = "/scheduler.v2.Scheduler/AnnounceHost"
BAD = [("", 4000), ("some-node.example.com", 4000), ("0.0.0.0", 4000), ("fe80::1%eth0", 4000), ("127.9.9.9", 0)]


def announce(simulator: Simulation) -> None:
    for address in simulator.scheduler_addresses:
        with grpc.insecure_channel(address) as channel:
            ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(ANNOUNCE)
            for number, (ip, port) in enumerate(BAD):
                bad = Host(id=f"bad-{number}", hostname=f"bad-{number}", ip=ip, port=port, scheduler_cluster_id=1)
                ask(AnnounceHostRequest(host=bad).SerializeToString(), timeout=10)


@pytest.mark.parametrize(("unreachable", "reason"), [("Ignore", "Deleted"), ("Fail", "PeersFailed")])
def test_peer_without_an_address_is_unreachable(  # noqa: PLR0917 - fixtures
    kubectl: Kubectl, objects: Objects, world: Control, simulator: Simulation, unreachable: str, reason: str
) -> None:
    announce(simulator)
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
