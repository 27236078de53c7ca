"""Ports for what tests start: chosen by one process, bound by another seconds later."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hack.controlplane import ports

TAKE_MANY = "from hack.controlplane.ports import free_port\nprint(*(free_port() for _ in range(50)))"


@pytest.fixture(autouse=True)
def last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the last port is noted: in a cache folder of the test's own."""
    monkeypatch.setenv("TASK_OPERATOR_CACHE", str(tmp_path))
    return tmp_path / "last-port"


def test_no_two_processes_are_given_the_same_port() -> None:
    processes = [subprocess.Popen([sys.executable, "-c", TAKE_MANY], stdout=subprocess.PIPE) for _ in range(4)]

    taken = [int(port) for process in processes for port in process.communicate(timeout=60)[0].split()]

    assert (len(taken), len(set(taken))) == (200, 200)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.3.0.7"])
def test_port_that_somebody_listens_on_is_left_out(last: Path, address: str) -> None:
    with socket.socket() as listener:
        port = ports.free_port()
        listener.bind((address, port))
        listener.listen()
        last.write_text(str(port - 1))

        assert ports.free_port() != port


@pytest.mark.parametrize("said", ["", "31999", "2", "99999", "2\x00", "-7", "nonsense", "²"])
def test_turn_is_found_whatever_the_file_says(last: Path, said: str) -> None:
    last.write_text(said)

    assert 20_000 <= ports.free_port() < 32_000


def test_after_the_last_comes_the_first(last: Path) -> None:
    last.write_text("31999")

    assert ports.free_port() < 31_999
