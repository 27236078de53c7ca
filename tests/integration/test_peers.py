"""Every peer is asked: whoever lists it, wherever schedulers are, and over mutual TLS."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import ROOT, running_operator
from hack.kubectl import Kubectl
from tests.controllers import own_address, pod_runs, scheduler_is_ready
from tests.integration.conftest import Finished
from tests.objects import manifest, succeeded
from tests.simulator.control import Control, Simulation, simulation
from tests.simulator.tls.authority import Authority

pytestmark = pytest.mark.controlplane

NAMES = [f"127.{kind}.0.{n}" for kind in (1, 3) for n in range(1, 11)]
NAMESPACE = "dragonfly-system"
SELECTOR = "app=dragonfly,component in (client,seed-client)"
"""That of docs/settings.md, which finds the pods of Dragonfly's chart."""

OperatorWith = Callable[..., AbstractContextManager[object]]


@pytest.fixture(scope="module", autouse=True)
def rights_to_list_pods(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Apply an overlay with the component, as users do."""
    overlay = tmp_path_factory.mktemp("overlay")
    deploy = os.path.relpath(ROOT / "deploy", overlay)
    (overlay / "kustomization.yaml").write_text(
        json.dumps({"resources": [deploy], "components": [f"{deploy}/components/pod-peers"]})
    )
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    kubectl.must("apply", "-k", overlay)


@pytest.fixture
def operator_with(control_plane: ControlPlane, kubectl: Kubectl, tmp_path: Path) -> OperatorWith:
    """Run an operator that remembers nothing, with one cluster and the rights of `deploy/` and the component."""

    def run(**cluster: Any) -> AbstractContextManager[object]:
        config = tmp_path / "config.yaml"
        config.write_text(json.dumps({"rpcTimeout": "1s", "clusters": [{"name": "default", **cluster}]}))
        return running_operator(control_plane, [f"--config={config}"])

    return run


@pytest.fixture
def search(kubectl: Kubectl, finished: Finished) -> Callable[..., dict[str, Any]]:
    """Search for a task under a name of its own and give the status that it ends with."""

    def run(name: str, task: str, **spec: Any) -> dict[str, Any]:
        kubectl.apply(manifest("TaskSearch", name, {"taskID": task}, **spec))
        return finished("tsearch", name)

    return run


Search = Callable[..., dict[str, Any]]


def holders(status: dict[str, Any]) -> set[str]:
    return {peer["hostname"] for task in status["tasks"] for peer in task.get("cachedBy", ())}


def message(status: dict[str, Any]) -> str:
    return str(next(c["message"] for c in status["conditions"] if c["type"] == "Succeeded"))


@contextmanager
def pod(kubectl: Kubectl, world: Control, name: str, **labels: str) -> Iterator[None]:
    """Have a pod in the host's network, whose node is called as the peer, at the peer's address."""
    ip = world.describe()["peers"][name].rpartition(":")[0]
    pod_runs(kubectl, f"client-{name}", ip, namespace=NAMESPACE, node=name, labels=labels)
    try:
        yield
    finally:
        kubectl.must("delete", "pod", f"client-{name}", "-n", NAMESPACE, "--grace-period=0", "--force")


def selector(world: Control, *, namespace: str = NAMESPACE) -> dict[str, Any]:
    port = int(world.describe()["peers"]["n0"].rpartition(":")[2])
    return {"namespace": namespace, "labelSelector": SELECTOR, "port": port}


def test_pod_that_no_scheduler_lists_is_asked(
    kubectl: Kubectl, simulator: Simulation, world: Control, operator_with: OperatorWith, search: Search
) -> None:
    world.forget_hosts("n3")
    world.caches("b1" * 32, on="n3,n4")

    with (
        pod(kubectl, world, "n3", app="dragonfly", component="client"),
        pod(kubectl, world, "n4", app="dragonfly", component="seed-client"),
        operator_with(schedulers=simulator.scheduler_addresses, peers=selector(world)),
    ):
        status = search("pods", "b1" * 32)

    assert (holders(status), status["peers"]["total"]) == ({"n3", "n4"}, 11)


def test_run_goes_on_with_pods_when_no_scheduler_answers_and_says_so(
    kubectl: Kubectl, simulator: Simulation, world: Control, operator_with: OperatorWith, search: Search
) -> None:
    world.caches("b2" * 32, on="n3")
    world.goes_down("schedulers")

    with (
        pod(kubectl, world, "n3", app="dragonfly", component="client"),
        operator_with(schedulers=simulator.scheduler_addresses, peers=selector(world)),
    ):
        status = search("pods-only", "b2" * 32)

    said = 'no scheduler of cluster "default" answered: its peers are the pods of' in message(status)
    assert (succeeded(status), holders(status), said) == (("True", "Found"), {"n3"}, True)


def test_pods_that_may_not_be_listed_are_noted(
    simulator: Simulation, world: Control, operator_with: OperatorWith, search: Search
) -> None:
    with operator_with(schedulers=simulator.scheduler_addresses, peers=selector(world, namespace="default")):
        status = search("pods-forbidden", "b3" * 32)

    note = f"pods default/{SELECTOR}: the API server answered 403: "
    assert (succeeded(status), note in message(status)) == (("True", "NotFound"), True)


def test_schedulers_of_a_service_are_found_by_its_endpoint_slices(
    kubectl: Kubectl, operator_with: OperatorWith, search: Search
) -> None:
    with simulation(schedulers=0, peers=2, options=[f"--scheduler-at={own_address()}"]) as running:
        running.control.caches("b4" * 32, on="n1")
        scheduler_is_ready(kubectl, "dragonfly-scheduler", running.scheduler_addresses[0], namespace=NAMESPACE)
        service = {"namespace": NAMESPACE, "name": "dragonfly-scheduler", "port": "grpc"}
        with operator_with(schedulers=[{"service": service}]):
            status = search("by-service", "b4" * 32)

    assert (succeeded(status), message(status)) == (("True", "Found"), "cached on 1 of 2 peers")


def test_scheduler_that_is_down_is_noted_in_a_run_that_succeeds(
    simulator: Simulation, world: Control, operator_with: OperatorWith, search: Search
) -> None:
    world.goes_down("scheduler1")

    with operator_with(schedulers=simulator.scheduler_addresses):
        status = search("one-down", "b5" * 32)

    note = f"1 of 3 schedulers did not answer ({simulator.scheduler_addresses[1]}: "
    assert (succeeded(status), note in message(status)) == (("True", "NotFound"), True)


def test_schedulers_that_disagree_are_united(
    simulator: Simulation, world: Control, operator_with: OperatorWith, search: Search
) -> None:
    world.caches("b6" * 32, on="n1,n2")
    for scheduler, hosts in (("scheduler0", "n1"), ("scheduler1", "n2"), ("scheduler2", "n1,n2")):
        world.forget_hosts(hosts, on=scheduler)

    with operator_with(schedulers=simulator.scheduler_addresses):
        status = search("disagree", "b6" * 32)

    assert (holders(status), status["peers"]["total"]) == ({"n1", "n2"}, 11)


def test_schedulers_that_restart_between_two_runs_cost_no_peer(
    simulator: Simulation, world: Control, operator_with: OperatorWith, search: Search
) -> None:
    with operator_with(schedulers=simulator.scheduler_addresses):
        search("before-restart", "b7" * 32)
        world.caches("b7" * 32, on="n1")
        world.restarts()
        status = search("after-restart", "b7" * 32)

    assert (holders(status), status["peers"]["total"]) == ({"n1"}, 11)


def test_schedulers_that_list_nobody_are_no_success(
    simulator: Simulation, world: Control, operator_with: OperatorWith, search: Search
) -> None:
    world.restarts()

    with operator_with(schedulers=simulator.scheduler_addresses):
        status = search("nobody", "b8" * 32, activeDeadlineSeconds=4)

    assert succeeded(status) == ("False", "NoPeersKnown")


def test_dead_peer_that_is_still_listed_is_unreachable_with_when_it_was_seen(
    simulator: Simulation, world: Control, operator_with: OperatorWith, search: Search
) -> None:
    world.goes_down("n4")

    with operator_with(schedulers=simulator.scheduler_addresses):
        (failure,) = search("dead", "b9" * 32)["failures"]

    words = "(last listed by a scheduler less than a minute ago, never answered this operator)"
    assert (failure["hostname"], failure["reason"], words in failure["description"]) == ("n4", "Unreachable", True)


@pytest.fixture
def ca() -> Authority:
    return Authority()


@pytest.fixture
def tls_world(tmp_path: Path, ca: Authority) -> Iterator[Simulation]:
    folder = ca.signs(*NAMES).write(tmp_path / "server", ca=ca.cert)
    with simulation(schedulers=1, peers=3, options=[f"--tls-folder={folder}"]) as running:
        yield running


@pytest.fixture
def tls(tmp_path: Path, ca: Authority) -> dict[str, str]:
    """The setting, for files that `ca` signed."""
    folder = ca.signs("operator").write(tmp_path / "operator", ca=ca.cert)
    return {"ca": str(folder / "ca.crt"), "cert": str(folder / "tls.crt"), "key": str(folder / "tls.key")}


def test_search_over_mutual_tls_goes_on_after_every_certificate_has_been_replaced(
    tmp_path: Path, tls_world: Simulation, tls: dict[str, str], operator_with: OperatorWith, search: Search
) -> None:
    tls_world.control.caches("c1" * 32, on="n2")
    new = Authority("new")

    with operator_with(schedulers=tls_world.scheduler_addresses, tls=tls):
        before = search("tls", "c1" * 32)
        new.signs(*NAMES).write(tmp_path / "server", ca=new.cert)
        new.signs("operator").write(tmp_path / "operator", ca=new.cert)
        tls_world.control.goes_down("everything")
        tls_world.control.comes_back("everything")
        tls_world.control.announce()
        after = search("tls-rotated", "c1" * 32)

    assert [(succeeded(status), holders(status)) for status in (before, after)] == [(("True", "Found"), {"n2"})] * 2


def test_peer_with_a_certificate_of_another_ca_fails_with_reason_tls(
    tls_world: Simulation, tls: dict[str, str], operator_with: OperatorWith, search: Search
) -> None:
    tls_world.control.becomes("wrong-tls", on="n1")

    with operator_with(schedulers=tls_world.scheduler_addresses, tls={"schedulers": tls, "peers": tls}):
        (failure,) = search("tls-stranger", "c2" * 32)["failures"]

    words = f"its certificate is not signed by the CA in {tls['ca']}"
    assert (failure["hostname"], failure["reason"], words in failure["description"]) == ("n1", "TLS", True)


def test_plaintext_operator_is_told_that_the_scheduler_speaks_tls(
    tls_world: Simulation, operator_with: OperatorWith, search: Search
) -> None:
    with operator_with(schedulers=tls_world.scheduler_addresses):
        status = search("plaintext", "c3" * 32, activeDeadlineSeconds=4)

    said = "TLS: it speaks TLS and the operator plaintext: set clusters[].tls" in message(status)
    assert (succeeded(status), said) == (("False", "NoSchedulerReachable"), True)
