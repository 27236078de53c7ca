"""Which pods are peers, asked of a real API server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from dragonfly_task_operator.errors import LookupFailed
from dragonfly_task_operator.kube import pods
from dragonfly_task_operator.kube.pods import RunningPods
from dragonfly_task_operator.settings import PodSelector
from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl
from tests.clients import client_to

pytestmark = pytest.mark.controlplane

NAMESPACE = "running-pods"
SELECTOR = PodSelector(namespace=NAMESPACE, label_selector="app=dfdaemon")


@pytest.fixture
async def running(control_plane: ControlPlane) -> AsyncIterator[RunningPods]:
    async with client_to(control_plane.admin_kubeconfig) as client:
        yield RunningPods(client)


class Namespace:
    """Where a test has its pods."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl

    def has(self, name: str, ip: str, *, app: str = "dfdaemon", phase: str = "Running", **spec: Any) -> None:
        metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app": app}}
        pod_spec = {"containers": [{"name": "client", "image": "client"}], "nodeName": "node-1", **spec}
        self._kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec})
        status = {"status": {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}], "hostIPs": [], "conditions": []}}
        self._kubectl.must("patch", "pod", name, "-n", NAMESPACE, "--subresource=status", "-p", json.dumps(status))


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[Namespace]:
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    yield Namespace(kubectl)
    kubectl.must("delete", "pods", "--all", "-n", NAMESPACE, "--grace-period=0", "--force")


async def test_pod_in_the_network_of_its_host_has_the_name_of_the_node(
    namespace: Namespace, running: RunningPods
) -> None:
    namespace.has("client-x7k2p", "10.0.0.7", hostNetwork=True)
    assert await running.pods(SELECTOR) == [("10.0.0.7", "node-1", True)]


async def test_pod_in_the_network_of_pods_has_its_own_name(namespace: Namespace, running: RunningPods) -> None:
    namespace.has("client-0", "10.1.0.7")
    assert await running.pods(SELECTOR) == [("10.1.0.7", "client-0", True)]


async def test_pods_that_have_ended_or_are_of_another_kind_are_left_out_and_others_say_whether_they_run(
    kubectl: Kubectl, namespace: Namespace, running: RunningPods
) -> None:
    namespace.has("pending", "10.1.0.1", phase="Pending")
    namespace.has("failed", "10.1.0.2", phase="Failed")
    namespace.has("scheduler", "10.1.0.3", app="scheduler")
    namespace.has("ending", "10.1.0.4")
    kubectl.must("delete", "pod", "ending", "-n", NAMESPACE, "--grace-period=600", "--wait=false")

    listed = await running.pods(SELECTOR)

    assert sorted(listed) == [("10.1.0.1", "pending", False), ("10.1.0.4", "ending", False)]


async def test_pods_of_several_pages_are_all_listed(
    namespace: Namespace, running: RunningPods, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pods, "PAGE", 2)
    for n in range(5):
        namespace.has(f"client-{n}", f"10.1.0.{n}")

    assert {ip for ip, _, _ in await running.pods(SELECTOR)} == {f"10.1.0.{n}" for n in range(5)}


async def test_selector_that_is_none_is_refused_in_a_line(running: RunningPods) -> None:
    with pytest.raises(LookupFailed, match=r"pods running-pods/a=b=c: the API server answered 400: found '='"):
        await running.pods(PodSelector(namespace=NAMESPACE, label_selector="a=b=c"))
