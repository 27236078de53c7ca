"""What controllers and kubelets would write down, where there are none: endpoints of a Service, and a pod that runs."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from hack.kubectl import Kubectl


def own_address() -> str:
    """Give an address of this machine that is not loopback: EndpointSlices can't hold those that are."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no IPv4 address but loopback, which EndpointSlices can't hold")
        return str(probe.getsockname()[0])


def scheduler_is_ready(kubectl: Kubectl, service: str, address: str, *, namespace: str) -> None:
    """Have a Service of one scheduler that is ready, at `ip:port`, and one that is not."""
    ip, _, port = address.rpartition(":")
    kubectl.apply(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{service}-1",
                "namespace": namespace,
                "labels": {"kubernetes.io/service-name": service},
            },
            "addressType": "IPv4",
            "ports": [{"name": "grpc", "port": int(port), "protocol": "TCP"}],
            "endpoints": [
                {"addresses": [ip], "conditions": {"ready": True}},
                {"addresses": ["192.0.2.77"], "conditions": {"ready": False}},
            ],
        }
    )


def pod_runs(kubectl: Kubectl, name: str, ip: str, *, namespace: str, node: str, labels: dict[str, str]) -> None:
    """Have a pod of a dfdaemon in the network of its host."""
    spec: dict[str, Any] = {
        "nodeName": node,
        "hostNetwork": True,
        "containers": [{"name": "client", "image": "dragonflyoss/client"}],
    }
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    status = {"status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "hostIP": ip}}
    kubectl.must("patch", "pod", name, "-n", namespace, "--subresource=status", "-p", json.dumps(status))
