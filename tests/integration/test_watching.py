"""Watches that bring what no watch should, that hang, and that break: the operator sees, or says so, or ends."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import NAMESPACE, SERVICE_ACCOUNT
from hack.kubectl import Kubectl
from tests.apiserver_proxy import HTML, ApiServerProxy, status
from tests.integration.replicas import Replica, Start, replicas
from tests.objects import Objects, is_finished, manifest, wait_for
from tests.simulator.control import Simulation

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("kubectl")]

WATCHES = "watch=true"
LISTS_AND_WATCHES = "GET .*/task(searches|deletions)"

NO_WATCH: dict[str, Any] = {
    "no leader": {"type": "ERROR", "object": status(500, "InternalError", "etcdserver: no leader")},
    "forbidden": {"type": "ERROR", "object": status(403, "Forbidden", "no longer")},
    "timeout": {"type": "ERROR", "object": status(504, "Timeout", "too large resource version")},
    "expired": {"type": "ERROR", "object": status(410, "Expired", "too old resource version")},
    "gone": {"type": "ERROR", "object": status(410, "Gone", "compacted")},
    "an error without a code": {"type": "ERROR", "object": {"kind": "Status"}},
    "an error without a status": {"type": "ERROR", "object": None},
    "an error and no more": {"type": "ERROR"},
    "half a line": b'{"type":"MODIFIED","object":{"metadata":{"na',
    "HTML": HTML,
    "bytes": b"\xff\xfe\x00",
    "a number": b"42",
    "a list": b"[]",
    "nothing known": {"type": "RENAMED", "object": {"metadata": {"resourceVersion": "1"}}},
    "no type": {"object": {"metadata": {"resourceVersion": "1"}}},
    "an object without metadata": {"type": "ADDED", "object": {"spec": {}}},
    "an object without a uid": {"type": "MODIFIED", "object": {"metadata": {"name": "a", "resourceVersion": "1"}}},
    "no object": {"type": "MODIFIED", "object": "gone"},
    "a bookmark of nothing": {"type": "BOOKMARK", "object": {}},
}


@pytest.fixture(scope="module")
def proxy(control_plane: ControlPlane, kubectl: Kubectl) -> Iterator[ApiServerProxy]:
    del kubectl  # has installed the operator's account
    own = control_plane.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT)
    with ApiServerProxy(own).running() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def start(
    control_plane: ControlPlane,
    simulator: Simulation,
    proxy: ApiServerProxy,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Start]:
    folder: Path = tmp_path_factory.mktemp("operator")
    through = proxy.kubeconfig(folder / "kubeconfig", user={"token": "anything"})
    arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    with replicas(control_plane, [*arguments, f"--kubeconfig={through}"], folder) as start:
        yield start


@pytest.fixture(scope="module")
def operator(start: Start) -> Replica:
    return start()


@pytest.fixture(autouse=True)
def behaved(proxy: ApiServerProxy) -> Iterator[None]:
    """Leave nothing that was said to the proxy to the next test."""
    yield
    proxy.behaves()


@pytest.fixture
def ready(operator: Replica) -> Replica:
    """The operator, which watches both kinds."""
    is_ready(operator)
    return operator


def is_ready(operator: Replica) -> float:
    return wait_for(lambda: operator.probe("/readyz") == (200, "ok"), "readiness", seconds=120)


def is_blind(operator: Replica) -> float:
    return wait_for(lambda: operator.probe("/readyz")[0] == 503, "the truth", seconds=20)


@pytest.mark.parametrize("what", NO_WATCH)
def test_watch_that_brings_nonsense_is_begun_anew(
    ready: Replica, proxy: ApiServerProxy, kubectl: Kubectl, objects: Objects, what: str
) -> None:
    name = "after-" + "".join(each if each.isalnum() else "-" for each in what.lower())
    wait_for(lambda: proxy.open_watches() == 2, "watches of both kinds")

    proxy.tells_watches(NO_WATCH[what])
    proxy.ends_watches()

    kubectl.apply(manifest("TaskSearch", name, {"taskID": "c1" * 32}))
    objects.until("TaskSearch", name, is_finished, seconds=30)
    assert ready.process.poll() is None


def test_watches_that_hang_are_told_within_15_seconds_and_seen_again_when_they_do_not(
    ready: Replica, proxy: ApiServerProxy, kubectl: Kubectl, objects: Objects
) -> None:
    proxy.freezes(WATCHES)
    proxy.ends_watches()

    told = {"tasksearches: not watched for", "taskdeletions: not watched for"}
    assert wait_for(lambda: all(each in ready.probe("/readyz")[1] for each in told), "the truth", seconds=20) < 15
    assert ready.probe("/livez") == (200, "ok")
    proxy.behaves()
    assert is_ready(ready) < 20
    kubectl.apply(manifest("TaskSearch", "after-hanging", {"taskID": "c2" * 32}))
    objects.until("TaskSearch", "after-hanging", is_finished, seconds=30)


def test_connections_that_go_dead_without_a_word_are_told_within_15_seconds(
    ready: Replica, proxy: ApiServerProxy
) -> None:
    proxy.freezes_connections(new_ones=True)

    assert is_blind(ready) < 15
    proxy.behaves()
    assert is_ready(ready) < 30


def test_requests_are_not_repeated_more_than_a_few_times_a_second(ready: Replica, proxy: ApiServerProxy) -> None:
    proxy.answers(LISTS_AND_WATCHES, 500, HTML)
    proxy.ends_watches()
    is_blind(ready)

    before, began = proxy.requests(), time.monotonic()
    wait_for(lambda: time.monotonic() - began > 8, "eight seconds")

    assert (proxy.requests() - before) / (time.monotonic() - began) < 12


def test_sigterm_ends_an_operator_that_is_blind(start: Start, proxy: ApiServerProxy) -> None:
    blind = start()
    is_ready(blind)
    proxy.fails_watches(500, "InternalError", "etcdserver: no leader")
    proxy.freezes("GET /")
    is_blind(blind)

    code, seconds = blind.stops()

    assert (code, seconds < 6) == (0, True)


def test_sigterm_ends_an_operator_that_has_not_come_to_start(start: Start, proxy: ApiServerProxy) -> None:
    proxy.freezes("GET /apis")
    starting = start()
    wait_for(lambda: starting.probe("/livez")[0] == 200, "the probes", seconds=60)
    before = starting.probe("/readyz")[0]

    code, seconds = starting.stops()

    assert (before, code, seconds < 6) == (503, 0, True)


def test_frozen_process_that_wakes_goes_on(ready: Replica) -> None:
    ready.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 15, "a while")
    ready.process.send_signal(signal.SIGCONT)

    assert is_ready(ready) < 30
    assert ready.process.poll() is None


def test_operator_that_can_watch_no_more_ends_with_a_line_that_says_why(start: Start, proxy: ApiServerProxy) -> None:
    doomed = start()
    is_ready(doomed)
    error = json.dumps(NO_WATCH["no leader"]).encode()

    proxy.answers(WATCHES, 200, error + b"\n")  # the other operators of this module end, too
    proxy.ends_watches()
    seconds = wait_for(lambda: doomed.process.poll() is not None, "its end", seconds=100)

    lines = [line for line in doomed.log.read_text().splitlines() if line.startswith("error: ")]
    assert (doomed.process.returncode, len(lines), seconds < 80) == (1, 1, True)
    assert "could not be watched for 60 s" in lines[0]
    assert "etcdserver: no leader" in lines[0]
    assert "Traceback" not in doomed.log.read_text()
