"""Who has left the cluster, and who is only not to be seen: a table of what was seen, listing by listing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from dragonfly_task_operator.dragonfly.memory import Evidence, HostMemory, Session
from dragonfly_task_operator.engine.model import Host, HostType
from tests.unit.clocks import SteppingClock

A, A2, B = Session(), Session(), Session()
"""Two schedulers, and the first once it has been restarted."""


def host(name: str, ip: str, *, type_: HostType = HostType.NORMAL, cluster: str = "default", group: int = 1) -> Host:
    return Host(f"{ip}-{name}", name, ip, 4000, type_, group, cluster)


OLD = host("seed-0", "10.0.0.1", type_=HostType.SUPER)
NEW = host("seed-0", "10.0.0.9", type_=HostType.SUPER)
N1, N2 = host("n1", "10.0.0.2"), host("n2", "10.0.0.3")


@dataclass(frozen=True)
class Listing:
    """One listing, and who answered after it."""

    by: Mapping[Session, Sequence[Host]] = field(default_factory=dict)
    answers: Sequence[Host] = ()
    silent: Sequence[Host] = ()
    pods: Sequence[str] | None = None
    found: Sequence[Host] = ()


def departed(*listings: Listing, of: Host = OLD, vacant: bool = True) -> bool:
    """Go through listings, five minutes in all, and ask for one peer that can't be reached after the last."""
    clock = SteppingClock()
    memory = HostMemory(clock)
    for listing in listings:
        memory.merge(
            [host for hosts in listing.by.values() for host in hosts],
            listing.found,
            Evidence(
                {session: {host.id for host in hosts} for session, hosts in listing.by.items()},
                {} if listing.pods is None else {"default": frozenset(listing.pods)},
            ),
        )
        for each in listing.answers:
            memory.answered(each)
        for each in listing.silent:
            memory.silent(each, vacant=True)
        clock.passes(seconds=300 / len(listings))
    if of not in listings[-1].answers:
        memory.silent(of, vacant=vacant)
    return memory.departed([of]) == {of.id}


@pytest.mark.parametrize(
    ("case", "listings"),
    [
        ("its scheduler dropped it", [Listing({A: [OLD, N1]}), Listing({A: [N1]})]),
        ("its scheduler dropped it long ago", [Listing({A: [OLD, N1]}), *[Listing({A: [N1]})] * 3]),
        ("its scheduler dropped everybody", [Listing({A: [OLD, N1]}), Listing({A: []})]),
        (
            "one of its schedulers dropped it and the other was killed",
            [Listing({A: [OLD, N1], B: [OLD, N1]}), Listing({B: [N1]})],
        ),
        (
            "one of its schedulers dropped it and the other was restarted",
            [Listing({A: [OLD, N1], B: [OLD, N1]}), Listing({A2: [], B: [N1]})],
        ),
        (
            "one dropped it before the other did, and was restarted in between",
            [Listing({A: [OLD], B: [OLD]}), Listing({A: [], B: [OLD]}), Listing({A2: [], B: []})],
        ),
        (
            "others that were dropped too are silent",
            [Listing({A: [OLD, N1, N2]}, answers=[N1]), Listing({A: [N2]}, silent=[N1])],
        ),
        (
            "another answered when it was already unlisted, and does so no more",
            [Listing({A: [OLD, N1, N2]}), Listing({A: [N2]}, answers=[N1], silent=[N1])],
        ),
        ("its name came at another address", [Listing({A: [OLD, N1]}), Listing({A2: [NEW, N1]})]),
        ("its name came while it was listed", [Listing({A: [OLD]}), Listing({A: [OLD, NEW]}), Listing({A2: [NEW]})]),
        (
            "its name came after its last answer",
            [Listing({A: [OLD]}, answers=[OLD]), Listing({A2: [NEW]}, answers=[NEW])],
        ),
        ("its pod is gone", [Listing({A: [OLD, N1]}, pods=["10.0.0.1"]), Listing({A2: [N1]}, pods=["10.0.0.2"])]),
        (
            "its pod is gone, and was seen after it was dropped",
            [Listing({A: [OLD]}), Listing({A2: [N1]}, pods=["10.0.0.1"]), Listing({A2: [N1]}, pods=[])],
        ),
        ("a pod that no scheduler listed is gone", [Listing(pods=["10.0.0.1"], found=[OLD]), Listing(pods=[])]),
    ],
)
def test_peer_has_left(case: str, listings: list[Listing]) -> None:
    assert departed(*listings), case


@pytest.mark.parametrize(
    ("case", "listings"),
    [
        ("it is listed", [Listing({A: [OLD, N1]}), Listing({A: [OLD, N1]})]),
        ("another scheduler lists it", [Listing({A: [OLD], B: [OLD]}), Listing({A: [], B: [OLD]})]),
        ("it is listed again", [Listing({A: [OLD]}), Listing({A: []}), Listing({A: [OLD]})]),
        ("its scheduler was restarted", [Listing({A: [OLD, N1]}), Listing({A2: []})]),
        ("its scheduler was restarted, and hears of others", [Listing({A: [OLD, N1, N2]}), Listing({A2: [N1, N2]})]),
        ("its scheduler was restarted twice", [Listing({A: [OLD]}), Listing({A2: []}), Listing({B: []})]),
        ("its scheduler is silent", [Listing({A: [OLD], B: [N1]}), Listing({B: [N1]})]),
        ("only a scheduler that never listed it answers", [Listing({A: [OLD], B: []}), Listing({B: []})]),
        (
            "its scheduler dropped one that answers",
            [Listing({A: [OLD, N1]}), Listing({A: []}, answers=[N1])],
        ),
        (
            "its scheduler dropped one that answered a run ago",
            [Listing({A: [OLD, N1]}), Listing({A: []}, answers=[N1]), Listing({A: []})],
        ),
        ("it answered when nobody listed it", [Listing({A: [OLD]}), Listing({A: []}, answers=[OLD])]),
        ("it was never listed", [Listing({A: [N1]})]),
        (
            "one of its name was there before its last answer",
            [Listing({A: [OLD, NEW]}, answers=[OLD, NEW]), Listing({A2: [NEW]})],
        ),
        ("one of its name was there from the first", [Listing({A: [OLD, NEW]}), Listing({A2: [NEW]})]),
        (
            "one of its name came, and it answered since",
            [Listing({A: [OLD]}), Listing({A: [OLD, NEW]}, answers=[OLD]), Listing({A2: [NEW]})],
        ),
        (
            "one of its name came, and was dropped as well",
            [Listing({A: [OLD]}), Listing({A2: [NEW]}), Listing({B: []})],
        ),
        (
            "one of its name is of another type",
            [Listing({A: [OLD]}), Listing({A2: [replace(NEW, type=HostType.NORMAL)]})],
        ),
        (
            "one of its name is of another cluster",
            [Listing({A: [OLD]}), Listing({A2: [replace(NEW, cluster="far")]})],
        ),
        (
            "one of its name is of another scheduler cluster",
            [Listing({A: [OLD]}), Listing({A2: [replace(NEW, scheduler_cluster_id=2)]})],
        ),
        (
            "one of its name is at its address, at another port",
            [Listing({A: [OLD]}), Listing({A2: [replace(OLD, id="x", port=4001)]})],
        ),
        ("its pod is there", [Listing({A: [OLD]}, pods=["10.0.0.1"]), Listing({A2: []}, pods=["10.0.0.1"])]),
        ("its pod can't be looked for", [Listing({A: [OLD]}, pods=["10.0.0.1"]), Listing({A2: []})]),
        ("it never was a pod", [Listing({A: [OLD]}, pods=["10.0.0.2"]), Listing({A2: []}, pods=["10.0.0.2"])]),
    ],
)
def test_peer_that_may_be_there_has_not_left(case: str, listings: list[Listing]) -> None:
    assert not departed(*listings), case


def test_peer_at_whose_address_somebody_listens_has_not_left() -> None:
    assert not departed(Listing({A: [OLD, N1]}), Listing({A: [N1]}), vacant=False)


def test_peers_without_a_trace_have_not_left() -> None:
    memory = HostMemory(SteppingClock())
    memory.silent(OLD, vacant=True)

    assert memory.departed([OLD]) == frozenset()


def test_update_in_place_is_no_departure() -> None:
    assert not departed(Listing({A: [OLD]}), Listing({A: [replace(OLD, client_version="1.6.0")]}))


def test_traces_of_pods_are_forgotten_after_fifteen_minutes() -> None:
    clock = SteppingClock()
    memory = HostMemory(clock)
    memory.merge([], [OLD], Evidence(pods={"default": {"10.0.0.1"}}))
    clock.passes(minutes=15, seconds=1)
    memory.merge([], [], Evidence(pods={"default": frozenset()}))
    memory.silent(OLD, vacant=True)

    assert memory.departed([OLD]) == frozenset()


def test_peer_that_was_listed_again_since_nobody_was_at_its_address_has_not_left_unasked() -> None:
    """Another run may have listed it in between: it came back, and nobody has tried its address since."""
    memory = HostMemory(SteppingClock())
    for listed in ([OLD, N1], [N1]):
        memory.merge(listed, (), Evidence({A: {each.id for each in listed}}))
    memory.silent(OLD, vacant=True)
    assert memory.departed([OLD]) == {OLD.id}

    for listed in ([OLD, N1], [N1]):
        memory.merge(listed, (), Evidence({A: {each.id for each in listed}}))

    assert memory.departed([OLD]) == set()
    memory.silent(OLD, vacant=True)
    assert memory.departed([OLD]) == {OLD.id}
