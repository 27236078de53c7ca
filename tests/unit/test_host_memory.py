"""Peers that were listed lately are remembered, for fifteen minutes, and each is asked once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dragonfly_task_operator.dragonfly import memory
from dragonfly_task_operator.dragonfly.memory import HostMemory
from dragonfly_task_operator.engine.model import Host, HostType
from tests.unit.clocks import SteppingClock


def host(name: str, ip: str, *, id_: str | None = None) -> Host:
    return Host(id_ or f"{ip}-{name}", name, ip, 4000, HostType.NORMAL, 1, "default")


N0, N1 = host("n0", "10.0.0.1"), host("n1", "10.0.0.2")


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def remembered(clock: SteppingClock) -> HostMemory:
    return HostMemory(clock)


def test_peers_that_several_schedulers_list_are_there_once(remembered: HostMemory) -> None:
    assert set(remembered.merge([N0, N1, N0])) == {N0, N1}


def test_peers_are_remembered_for_fifteen_minutes(clock: SteppingClock, remembered: HostMemory) -> None:
    remembered.merge([N0, N1])
    clock.passes(minutes=15)
    assert set(remembered.merge([N0])) == {N0, N1}


def test_peers_are_forgotten_after_fifteen_minutes(clock: SteppingClock, remembered: HostMemory) -> None:
    remembered.merge([N0, N1])
    clock.passes(minutes=15, seconds=1)
    assert remembered.merge([N0]) == (N0,)


def test_peer_that_restarted_is_asked_at_its_new_address(clock: SteppingClock, remembered: HostMemory) -> None:
    old, new = host("n0", "10.0.0.1", id_="n0"), host("n0", "10.0.0.9", id_="n0")
    remembered.merge([old])
    clock.passes(minutes=1)
    assert remembered.merge([new]) == (new,)


@pytest.mark.parametrize("rounds", [1, 2])
def test_both_addresses_are_asked_while_one_scheduler_lists_the_older(
    clock: SteppingClock, remembered: HostMemory, rounds: int
) -> None:
    old, new = host("n0", "10.0.0.1", id_="n0"), host("n0", "10.0.0.9", id_="n0")
    listings = [remembered.merge([old])]
    for _ in range(rounds):
        clock.passes(minutes=1)
        listings.append(remembered.merge([old, new]))
    assert listings[-1] == (new, replace(old, id="n0 at 10.0.0.1:4000"))
    assert remembered.last_seen(listings[-1][1]).startswith("last listed by a scheduler less than a minute ago")


def test_peers_without_an_address_are_each_told_of(remembered: HostMemory) -> None:
    nameless, unspecified = host("n2", ""), host("n3", "")
    assert set(remembered.merge([N0, nameless, unspecified])) == {N0, nameless, unspecified}


def test_address_that_a_new_peer_has_taken_over_is_asked_once(clock: SteppingClock, remembered: HostMemory) -> None:
    successor = host("n0-new", N0.ip)
    remembered.merge([N0])
    clock.passes(minutes=1)
    assert remembered.merge([N0, successor]) == (successor,)


def test_pod_that_a_scheduler_lists_is_the_listed_peer(remembered: HostMemory) -> None:
    assert remembered.merge([N0], [host("another-name", N0.ip)]) == (N0,)


def test_pod_that_no_scheduler_lists_is_asked_too(remembered: HostMemory) -> None:
    assert set(remembered.merge([N0], [N1])) == {N0, N1}


def test_pod_takes_the_place_of_a_peer_only_remembered(clock: SteppingClock, remembered: HostMemory) -> None:
    pod = host("pod", N0.ip)
    remembered.merge([N0])
    clock.passes(minutes=1)
    assert remembered.merge([], [pod]) == (pod,)


def test_memory_is_bounded_and_the_oldest_go_first(
    clock: SteppingClock, remembered: HostMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MAX_REMEMBERED", 2)
    for n in range(4):
        remembered.merge([host(f"n{n}", f"10.0.1.{n}")])
        clock.passes(seconds=1)
    assert {each.hostname for each in remembered.merge([])} == {"n2", "n3"}


def test_bound_never_costs_a_peer_that_is_listed_now(remembered: HostMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_REMEMBERED", 1)
    assert set(remembered.merge([N0, N1])) == {N0, N1}


def test_peer_that_was_updated_in_place_is_the_peer_that_it_was(clock: SteppingClock, remembered: HostMemory) -> None:
    remembered.merge([N0])
    remembered.answered(N0)
    clock.passes(minutes=1)
    (known,) = remembered.merge([replace(N0, client_version="1.6.0")])
    clock.passes(minutes=1)
    assert known.client_version == "1.6.0"
    assert [host.client_version for host in remembered.merge([])] == ["1.6.0"]
    assert remembered.last_seen(known).endswith("last answered 2 minutes ago")


def test_runs_share_what_they_know_of_a_peer(remembered: HostMemory) -> None:
    (first,) = remembered.merge([replace(N0)])
    (again,) = remembered.merge([replace(N0)])
    assert again is first


def test_last_seen_tells_both_times(clock: SteppingClock, remembered: HostMemory) -> None:
    remembered.merge([N0])
    remembered.answered(N0)
    clock.passes(minutes=2)
    remembered.merge([N0])
    clock.passes(minutes=12)
    assert remembered.last_seen(N0) == "last listed by a scheduler 12 minutes ago, last answered 14 minutes ago"


def test_answer_is_remembered_over_listings(clock: SteppingClock, remembered: HostMemory) -> None:
    remembered.merge([N0])
    remembered.answered(N0)
    clock.passes(minutes=1)
    remembered.merge([replace(N0)])
    assert remembered.last_seen(N0) == "last listed by a scheduler less than a minute ago, last answered 1 minute ago"


def test_peer_that_never_answered_is_said_to(remembered: HostMemory) -> None:
    remembered.merge([N0])
    assert remembered.last_seen(N0).endswith("never answered this operator")


def test_pod_that_no_scheduler_lists_is_said_to(remembered: HostMemory) -> None:
    assert remembered.last_seen(N0) == "no scheduler lists it"
