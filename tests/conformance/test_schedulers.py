"""What a scheduler knows of peers: "Schedulers and hosts" in docs/dragonfly-behaviour.md.

Where no scheduler binary is given, these hold real dfdaemons to what the simulator's scheduler expects of them.
"""

from __future__ import annotations

import secrets

import grpc
import pytest

from tests import calls
from tests.conformance.stage import Stage

EVERYBODY = {"n0", "n1", "n2", "seed0"}


def listed(stage: Stage, *, host_type: int | None = None) -> set[str]:
    return {host.hostname for host in calls.list_hosts(stage.scheduler, host_type=host_type)}


def code_of_stat_task(stage: Stage, task_id: str, **more: str) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as refused:
        calls.stat_task(stage.scheduler, task_id, **more)
    assert isinstance(refused.value, grpc.Call)
    return refused.value.code()


def test_every_peer_is_listed(stage: Stage) -> None:
    assert listed(stage) == EVERYBODY


def test_hosts_are_where_their_peers_serve(stage: Stage) -> None:
    addresses = {host.hostname: f"{host.ip}:{host.port}" for host in calls.list_hosts(stage.scheduler)}

    assert addresses == stage.peers


def test_hosts_have_ids_of_address_and_name(stage: Stage) -> None:
    ids = {host.hostname: host.id for host in calls.list_hosts(stage.scheduler)}

    ips = {name: target.partition(":")[0] for name, target in stage.peers.items()}
    assert ids == {name: f"{ip}-{name}-seed" if name == "seed0" else f"{ip}-{name}" for name, ip in ips.items()}


def test_seed_peers_are_of_type_one_and_the_others_of_type_zero(stage: Stage) -> None:
    types = {host.hostname: host.type for host in calls.list_hosts(stage.scheduler)}

    assert types == {"n0": 0, "n1": 0, "n2": 0, "seed0": 1}


def test_hosts_of_one_type_can_be_asked_for(stage: Stage) -> None:
    assert listed(stage, host_type=1) == {"seed0"}


def test_killed_peer_stays_listed(stage: Stage) -> None:
    stage.kills("n1")

    assert "n1" in listed(stage)


def test_peer_that_stops_in_good_order_is_listed_no_more(stage: Stage) -> None:
    stage.stops("n1")

    assert listed(stage) == EVERYBODY - {"n1"}


def test_peer_announces_itself_when_it_starts(stage: Stage) -> None:
    stage.stops("n1")

    stage.revives("n1")

    assert listed(stage) == EVERYBODY


def test_restarted_scheduler_lists_nobody_until_they_announce_themselves(stage: Stage) -> None:
    stage.scheduler_restarts()

    assert listed(stage) == set()


def test_task_that_nobody_downloaded_is_not_found(stage: Stage) -> None:
    assert code_of_stat_task(stage, secrets.token_hex(32)) is grpc.StatusCode.NOT_FOUND


def test_no_scheduler_hears_of_a_small_file(stage: Stage) -> None:
    task = stage.caches("n0", content_length=4 * 1024 * 1024)

    assert (code_of_stat_task(stage, task), stage.holders(task)) == (grpc.StatusCode.NOT_FOUND, {"n0"})


def test_stat_of_a_task_takes_a_host_id_whichever(stage: Stage) -> None:
    assert code_of_stat_task(stage, secrets.token_hex(32), host_id="") is grpc.StatusCode.INVALID_ARGUMENT
