"""The simulator in a process of its own, asked as benchmarks and the demo ask it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulator import wire
from tests.simulator.control import Control, ControlError, Simulation, simulation

TASK = "a1" * 32
ROOT = Path(__file__).parents[2]
PARENT = """
import sys, time
from tests.simulator.control import simulation
with simulation() as simulator:
    print(simulator.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulation]:
    with simulation(schedulers=2, peers=3, seeds=1, caches={TASK: "n0,n1"}) as running:
        yield running


@pytest.fixture
def control(simulator: Simulation) -> Iterator[Control]:
    yield simulator.control
    simulator.control.is_put_right()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_schedulers_answer_at_the_addresses_that_are_printed(simulator: Simulation) -> None:
    listed = [len(await wire.list_hosts(address)) for address in simulator.scheduler_addresses]

    assert listed == [4, 4]


def test_tasks_of_the_command_line_are_cached(control: Control) -> None:
    assert control.holders(TASK) == {"n0", "n1"}


async def test_task_can_be_put_on_peers_and_deleted(control: Control) -> None:
    control.caches("b2" * 32, on="seeds")
    await wire.delete(control.describe()["peers"]["seed0"], "b2" * 32)

    assert (control.holders("b2" * 32), ("seed0", "b2" * 32) in control.delete_requests()) == (set(), True)


async def test_harm_is_known(control: Control) -> None:
    control.caches("c3" * 32, on="n2", state="downloading")
    await wire.delete(control.describe()["peers"]["n2"], "c3" * 32)

    assert control.hung_downloads() == [("n2", "c3" * 32)]


async def test_faults_can_be_set_and_cleared(control: Control) -> None:
    target = control.describe()["peers"]["n0"]
    control.fails("fails", "stat", on="n0", code="ABORTED")
    with pytest.raises(Exception, match="ABORTED"):
        await wire.stat(target, TASK)

    control.recovers(on="n0")

    assert (await wire.stat(target, TASK)).task_id == TASK


async def test_restarted_scheduler_forgets_hosts_until_they_announce_themselves(control: Control) -> None:
    address = control.describe()["schedulers"][0]
    control.restarts("scheduler0")
    forgotten = await wire.list_hosts(address)

    control.announce("n0")

    assert (forgotten, [host.hostname for host in await wire.list_hosts(address)]) == ([], ["n0"])


async def test_two_simulators_can_make_one_cluster() -> None:
    with simulation(peers=2) as first, simulation(peers=2, options=["--first-peer", "2"]) as second:
        first.control.list_hosts_of(second.control)

        listed = {f"{each.ip}:{each.port}" for each in await wire.list_hosts(first.scheduler_addresses[0])}

        assert listed == {*first.control.describe()["peers"].values(), *second.control.describe()["peers"].values()}


def test_peers_can_be_taken_down(control: Control) -> None:
    control.goes_down("n0")

    assert control.describe()["links"] == {"n0": "refused"}


async def test_calls_are_counted(control: Control) -> None:
    control.forget_calls()
    await wire.stat(control.describe()["peers"]["n0"], TASK)

    assert control.calls()["by_peer"] == {"n0": {"stat": 1}}


@pytest.mark.parametrize("question", [{"on": "nobody"}, {"kind": "explodes"}, {"colour": "red"}])
def test_mistake_in_a_question_is_told(control: Control, question: dict[str, str]) -> None:
    with pytest.raises(ControlError, match=r"nobody|explodes|colour"):
        control.ask("fails", **({"kind": "hangs"} | question))


def test_program_that_cannot_start_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ControlError, match="before it was ready"), simulation(caches={TASK: "nobody"}):
        pass

    assert "no peer 'nobody' in this world; there are n0, n1, n2" in capfd.readouterr().err


def test_ready_file_has_what_is_printed(tmp_path: Path) -> None:
    with simulation(options=["--ready-file", str(tmp_path / "ready.json")]) as running:
        assert running.url in (tmp_path / "ready.json").read_text()


def test_program_ends_with_whoever_started_it() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)

    deadline = time.monotonic() + 10
    while is_running(pid):
        assert time.monotonic() < deadline, f"waited 10 s for the simulator {pid} to end with its parent"
        time.sleep(0.01)
