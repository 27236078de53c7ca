"""The simulated cluster in a process of its own, and how to ask it. Standard library only, and synchronous.

Benchmarks use this form, so that the simulator's work is not counted as the operator's; so do the demo and the tests
that kill an operator process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_STOP_SECONDS = 10.0
_ANSWER_SECONDS = 60.0


class ControlError(Exception):
    """The simulator refused a question, or is gone."""


class Control:
    """Asks and changes a running simulator. `on` says who is meant; see `control_server`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, verb: str, **question: Any) -> Any:
        """Use any verb of `control_server`. Raises ControlError."""
        body = json.dumps(question).encode()
        request = urllib.request.Request(f"{self._url}/{verb}", data=body)
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise ControlError(f"{verb}: {refusal.read().decode()}") from None
        except urllib.error.URLError as error:
            raise ControlError(f"the simulator at {self._url} does not answer: {error.reason}") from None

    def describe(self) -> dict[str, Any]:
        """`schedulers`: addresses; `peers`: address by hostname; `links`: of peers that do not serve."""
        return dict(self.ask("describe"))

    def holders(self, task_id: str) -> set[str]:
        """Names of the peers that really have anything of the task."""
        return set(self.states(task_id))

    def states(self, task_id: str) -> dict[str, str]:
        """What each of `holders` has: cached, downloading, abandoned or failed."""
        return dict(self.ask("holders", task_id=task_id))

    def delete_requests(self) -> list[tuple[str, str]]:
        """(hostname, task id) of each deletion that was asked for."""
        return [(hostname, task_id) for hostname, task_id in self.ask("delete_requests")]

    def hung_downloads(self) -> list[tuple[str, str]]:
        """(hostname, task id) of each download that a deletion made hang."""
        return [(hostname, task_id) for hostname, task_id in self.ask("hung_downloads")]

    def calls(self) -> dict[str, Any]:
        """Counts; see `control_server.calls`."""
        return dict(self.ask("calls"))

    def forget_calls(self) -> None:
        """Count calls and deletions from zero."""
        self.ask("forget_calls")

    def caches(self, task_id: str, *, on: str = "all", **task: Any) -> None:
        """Put a task on peers: `content_length`, `piece_length`, `state`, `uploading`, `url`, `finishes_after`."""
        self.ask("caches", task_id=task_id, on=on, **task)

    def finishes(self, task_id: str) -> None:
        """Complete a download wherever it goes on."""
        self.ask("finishes", task_id=task_id)

    def leaves(self, on: str) -> None:
        """Stop peers in good order: schedulers list them no more."""
        self.ask("leaves", on=on)

    def moves(self, on: str, *, in_good_order: bool = True) -> None:
        """End peers, and start others of their names at other addresses."""
        self.ask("moves", on=on, in_good_order=in_good_order)

    def fails(self, kind: str, call: str = "all", *, on: str = "all", **fault: Any) -> None:
        """Set a fault: a `FaultKind`, and `code`, `details`, `after`, `seconds`, `times`, `skip`, `task_id`."""
        self.ask("fails", kind=kind, call=call, on=on, **fault)

    def recovers(self, *, on: str = "everything", call: str | None = None) -> None:
        """Clear faults."""
        self.ask("recovers", on=on, call=call)

    def becomes(self, link: str, *, on: str) -> None:
        """Change what there is at addresses: a `Link`."""
        self.ask("becomes", link=link, on=on)

    def goes_down(self, on: str) -> None:
        """Take peers or schedulers down."""
        self.becomes("refused", on=on)

    def comes_back(self, on: str) -> None:
        """Have them up again."""
        self.becomes("serving", on=on)

    def is_put_right(self) -> None:
        """Clear all faults, have everything up, and every peer known to every scheduler."""
        self.recovers()
        self.comes_back("everything")
        self.announce()

    def restarts(self, on: str = "schedulers") -> None:
        """Restart schedulers, which then know no hosts until `announce`."""
        self.ask("restarts", on=on)

    def announce(self, on: str = "all") -> None:
        """Let peers announce themselves to every scheduler."""
        self.ask("announce", on=on)

    def forget_hosts(self, hosts: str = "all", *, on: str = "schedulers") -> None:
        """Let schedulers (`on`) list these peers no more."""
        self.ask("forget_hosts", hosts=hosts, on=on)

    def list_dead_hosts(self, count: int, *, on: str = "schedulers") -> list[str]:
        """Let schedulers list hosts where nothing listens; gives their names."""
        return list(self.ask("list_dead_hosts", count=count, on=on))

    def list_hosts_of(self, other: Control) -> None:
        """Let this simulator's schedulers list the peers of another (started with another `--first-peer`) too."""
        self.ask("list_hosts", peers=other.describe()["peers"])

    def refresh_schedulers(self) -> None:
        """Let peers look again which schedulers answer."""
        self.ask("refresh_schedulers")

    def conditions(self, **changes: Any) -> dict[str, Any]:
        """Change `latency` (seconds) and `requests_per_second` (None: any number)."""
        return dict(self.ask("conditions", **changes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A simulator that runs: its process id, where its schedulers are, and how to ask it."""

    pid: int
    scheduler_addresses: Sequence[str]
    url: str
    control: Control


@contextmanager
def simulation(
    *,
    schedulers: int = 1,
    peers: int = 3,
    seeds: int = 0,
    caches: Mapping[str, str] | None = None,
    faults: Sequence[str] = (),
    options: Sequence[str] = (),
) -> Iterator[Simulation]:
    """Run `python -m tests.simulator` while the context lasts.

    `caches` is task id to peers; `faults` and `options` are written as on its command line.
    It is stopped by its pid, and stops by itself when this process is gone. Raises ControlError when it does not start.
    """
    command = [sys.executable, "-m", "tests.simulator", "--until-stdin-ends"]
    command += ["--schedulers", str(schedulers), "--peers", str(peers), "--seeds", str(seeds), *options]
    for task_id, on in (caches or {}).items():
        command += ["--cache", f"{task_id}={on}"]
    for fault in faults:
        command += ["--fault", fault]
    process = subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    with process:
        try:
            yield _ready(process)
        finally:
            _stop(process)


def _ready(process: subprocess.Popen[bytes]) -> Simulation:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise ControlError(f"the simulator ended with code {process.wait()} before it was ready; its stderr says why")
    ready = json.loads(line)
    return Simulation(
        pid=ready["pid"],
        scheduler_addresses=ready["schedulers"],
        url=ready["control"],
        control=Control(ready["control"]),
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    os.kill(process.pid, signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
