"""Which peers are of which process and of which scheduler cluster."""

from __future__ import annotations

from benchmarks.fleet import Fleet, _Process, _ranges


def process(first: int, count: int, port: int) -> _Process:
    return _Process(first=first, count=count, port=port, control="http://127.0.0.1:1")


PROCESSES = [process(0, 10, 4000), process(10, 5, 5000)]


def test_a_range_is_of_one_process_and_of_one_cluster() -> None:
    assert list(_ranges(PROCESSES, [8, 6, 1])) == [
        {"first": 0, "count": 8, "port": 4000, "cluster": 1},
        {"first": 8, "count": 2, "port": 4000, "cluster": 2},
        {"first": 10, "count": 4, "port": 5000, "cluster": 2},
        {"first": 14, "count": 1, "port": 5000, "cluster": 3},
    ]


def test_peers_have_loopback_addresses_one_after_another() -> None:
    targets = Fleet([process(0, 300, 4000)], [], 0).targets

    assert (targets[0], targets[254], targets[255]) == ("127.1.0.1:4000", "127.1.0.255:4000", "127.1.1.0:4000")
