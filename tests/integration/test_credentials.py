"""Credentials that change while the operator runs, as tokens, plugins and certificates do: it reads them again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from hack.controlplane.server import ControlPlane
from hack.installation import NAMESPACE, SERVICE_ACCOUNT
from tests.apiserver_proxy import ApiServerProxy
from tests.integration.replicas import Replica, replicas
from tests.objects import Objects, is_finished, manifest, wait_for
from tests.simulator.control import Simulation
from tests.simulator.tls.authority import Authority

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("kubectl")]

RECOVERS_SECONDS = 10
BUSY_MACHINE = 3
"""How much longer than it should take is waited."""

Started = Callable[..., Replica]


@pytest.fixture
def started(control_plane: ControlPlane, simulator: Simulation, tmp_path: Path) -> Iterator[Started]:
    arguments = [f"--scheduler={address}" for address in simulator.scheduler_addresses]
    with replicas(control_plane, arguments, tmp_path) as start:
        yield start


@pytest.fixture
def proxy(control_plane: ControlPlane) -> Iterator[ApiServerProxy]:
    with ApiServerProxy(control_plane.admin_kubeconfig).running() as proxy:
        yield proxy


@dataclass(frozen=True, slots=True)
class Through:
    """Operators that see the API server through a proxy, which acts as admin for whomever it lets in."""

    proxy: ApiServerProxy
    started: Started
    folder: Path

    def start(self, user: Mapping[str, object], *options: str) -> Replica:
        return self.started(f"--kubeconfig={self.proxy.kubeconfig(self.folder / 'kubeconfig', user=user)}", *options)


@pytest.fixture
def through(proxy: ApiServerProxy, started: Started, tmp_path: Path) -> Through:
    return Through(proxy, started, tmp_path)


def comes_up(operator: Replica) -> None:
    wait_for(lambda: operator.probe("/readyz")[0] == 200, "readiness", seconds=60)


def ready_again(operator: Replica) -> float:
    return wait_for(lambda: operator.probe("/readyz")[0] == 200, "readiness", seconds=RECOVERS_SECONDS * BUSY_MACHINE)


def by_file(folder: Path) -> dict[str, object]:
    return {"tokenFile": "token"}


def by_plugin(folder: Path) -> dict[str, object]:
    says = {"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1"}
    text = json.dumps(says | {"status": {"token": "TOKEN"}}).replace("TOKEN", '\'"$(cat "$1")"\'')
    plugin = folder / "plugin"
    plugin.write_text(f"#!/bin/sh\necho '{text}'\n")
    plugin.chmod(0o755)
    return {"exec": {"apiVersion": says["apiVersion"], "command": "./plugin", "args": [str(folder / "token")]}}


@pytest.mark.parametrize(
    ("user", "options"), [(by_plugin, ()), (by_file, ("--leader-elect", "--leader-elect-namespace=default"))]
)
def test_token_that_is_revoked_is_read_again_and_until_then_the_operator_is_not_ready(
    objects: Objects,
    through: Through,
    tmp_path: Path,
    user: Callable[[Path], dict[str, object]],
    options: tuple[str, ...],
) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    through.proxy.accepts_only("one")
    operator = through.start(user(tmp_path), *options)
    comes_up(operator)

    through.proxy.accepts_only("two")
    through.proxy.closes_connections()
    wait_for(lambda: "answered 401" in operator.probe("/readyz")[1], "the trouble to be told")
    name = f"renewed-{user.__name__.replace('_', '-')}"
    objects.create(manifest("TaskSearch", name, {"taskID": "b1" * 32}))
    token.write_text("two\n")

    assert ready_again(operator) <= RECOVERS_SECONDS
    objects.until("TaskSearch", name, is_finished, seconds=40)


def test_operator_does_not_hammer_while_it_is_refused(objects: Objects, through: Through) -> None:
    proxy = through.proxy
    proxy.accepts_only("one")
    operator = through.start({"token": "one"})
    comes_up(operator)
    proxy.accepts_only("two")
    proxy.closes_connections()
    wait_for(lambda: "answered 401" in operator.probe("/readyz")[1], "the trouble to be told")

    before = proxy.requests()
    for number in range(20):
        objects.create(manifest("TaskSearch", f"meanwhile-{number}", {"taskID": "b2" * 32}))
    # What was under way is refused at once; after that there are only knocks. It had been 29 requests a second.
    seconds = wait_for(lambda: proxy.requests() >= before + 10, "some knocks", seconds=50)

    assert seconds > 4


def test_ca_that_changes_with_the_servers_certificate_is_read_again(
    control_plane: ControlPlane, objects: Objects, started: Started, tmp_path: Path
) -> None:
    old, new = Authority("old"), Authority("new")
    ca = tmp_path / "ca.crt"
    ca.write_bytes(old.cert)
    upstream = control_plane.admin_kubeconfig
    with ApiServerProxy(upstream, certificate=old.signs("127.0.0.1"), folder=tmp_path).running() as proxy:
        kubeconfig = proxy.kubeconfig(tmp_path / "kubeconfig", user={"token": "any"}, certificate_authority="ca.crt")
        operator = started(f"--kubeconfig={kubeconfig}")
        comes_up(operator)

        proxy.shows(new.signs("127.0.0.1"))
        wait_for(lambda: "certificate" in operator.probe("/readyz")[1], "the trouble to be told")
        objects.create(manifest("TaskSearch", "new-ca", {"taskID": "b3" * 32}))
        ca.write_bytes(new.cert)

        assert ready_again(operator) <= RECOVERS_SECONDS
        objects.until("TaskSearch", "new-ca", is_finished, seconds=40)


def test_operator_acts_for_whom_it_is_to_impersonate_and_with_no_other_rights(through: Through) -> None:
    operator = through.start({"token": "any", "as": "somebody-without-rights"})

    refusal = 'User \\"somebody-without-rights\\" cannot list resource'
    wait_for(lambda: refusal.replace("\\", "") in operator.log.read_text().replace("\\", ""), "a refusal", seconds=40)
    assert operator.probe("/readyz")[0] == 503


def test_operator_that_impersonates_its_service_account_works(through: Through) -> None:
    account = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"

    comes_up(through.start({"token": "any", "as": account, "as-groups": ["system:authenticated"]}))
